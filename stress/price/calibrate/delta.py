"""Standard errors by the delta method, and what the curvature of a likelihood says about what it does not identify."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from stress.price.calibrate.base import Estimate
from stress.types import Array

FLAT = 1e-9
"""Curvature, each parameter in its own natural unit, below which a direction of the likelihood counts as flat."""

LOOSE = 0.5
"""Standard error over the estimate from which on a parameter counts as weakly identified."""

ENTANGLED = 0.95
"""Correlation of two estimates from which on only their combination is identified."""

SHORT_OF_TOP = 0.5
"""Slope left, in log-likelihood per standard error, that is worth a warning."""

Values = Array | np.ndarray
Named = Mapping[str, tuple[Values, str]]
"""Name -> value, of any shape, and unit."""

Labels = Callable[[str, tuple[int, ...]], list[tuple[tuple[int, ...], str]]]
"""Index and full name of every entry of a named value of some shape; none to leave it out."""


@dataclass(frozen=True)
class Spread:
    """How far the estimates of a vector may be off. Axis: ``n`` entries of the vector."""

    covariance: np.ndarray  # [n, n], zero where held by a bound
    flat: np.ndarray  # [n, n] projector on directions without curvature
    free: np.ndarray  # [n] bool


def spread(information: np.ndarray, free: np.ndarray, scores: np.ndarray | None = None) -> Spread:
    """Inverse of the ``information`` [n, n] of ``free`` entries; a sandwich with the sum of squared ``scores``."""
    inner = information[np.ix_(free, free)]
    own = np.diag(inner)
    unit = np.where(own > 0, 1 / np.sqrt(np.where(own > 0, own, 1.0)), 1.0)
    values, vectors = np.linalg.eigh(inner * np.outer(unit, unit))
    good = values > FLAT
    scaled = unit[:, None] * vectors
    inverse = scaled * np.divide(1.0, values, out=np.zeros_like(values), where=good) @ scaled.T
    if scores is not None:
        inverse = inverse @ scores[np.ix_(free, free)] @ inverse
    covariance, flat = np.zeros_like(information), np.zeros_like(information)
    covariance[np.ix_(free, free)] = inverse
    flat[np.ix_(free, free)] = scaled[:, ~good] @ scaled[:, ~good].T
    return Spread(covariance, flat, free)


def named_estimates(named: Callable[[Array], Named], vector: np.ndarray, around: Spread, labels: Labels
                    ) -> tuple[list[Estimate], np.ndarray]:
    """Every entry of what ``named`` makes of the vector, with its standard error; and their slopes [m, n]."""
    at = jnp.asarray(vector)
    values = named(at)
    slopes = jax.jacfwd(lambda v: {name: value for name, (value, _) in named(v).items()})(at)
    found, rows = [], []
    for name, (value, unit) in values.items():
        slope = np.where(around.free, np.asarray(slopes[name]), 0.0)
        error = np.sqrt(np.clip(np.einsum("...i,ij,...j", slope, around.covariance, slope), 0.0, None))
        loose = np.einsum("...i,ij,...j", slope, around.flat, slope) > FLAT * np.sum(slope**2, axis=-1)
        known = (np.abs(slope).sum(-1) > 0) & ~loose
        for index, label in labels(name, np.shape(value)):
            found.append(Estimate(label, float(value[index]), float(error[index]) if known[index] else None, unit))
            rows.append(slope[index])
    return found, np.array(rows)


def weak(found: list[Estimate], slopes: np.ndarray, around: Spread, slope: float) -> list[str]:
    """What a reader should not take at face value."""
    notes = []
    loose = [e.name for e in found if e.standard_error is not None and e.standard_error > LOOSE * abs(e.estimate)
             and "mean" not in e.name and "drift" not in e.name]  # those may well be zero
    if loose:
        notes.append(f"Weakly identified (standard error above half the estimate): {', '.join(loose)}.")
    pairs = _entangled(found, slopes, around)
    if pairs:
        notes.append("Hardly told apart (their estimates are correlated by more than "
                     f"{ENTANGLED:g} in absolute value): {', '.join(pairs)}. Only a combination is identified.")
    if around.flat.any():
        notes.append("The likelihood is flat in some direction: parameters along it have no standard error.")
    if slope > SHORT_OF_TOP:
        notes.append(f"The climb stopped {slope:.2g} standard errors short of the top along one direction. "
                     "More calibrate.starts may help.")
    return notes


def _entangled(found: list[Estimate], slopes: np.ndarray, around: Spread) -> list[str]:
    """Pairs of parameters that the sample hardly tells apart."""
    known = [i for i, e in enumerate(found) if e.standard_error and not e.name.startswith(("drift", "correlation"))]
    covariance = slopes[known] @ around.covariance @ slopes[known].T
    root = np.sqrt(np.diag(covariance))
    together = np.triu(np.abs(covariance / np.outer(root, root)), 1)
    return [f"{found[known[i]].name} and {found[known[j]].name}" for i, j in np.argwhere(together > ENTANGLED)]
