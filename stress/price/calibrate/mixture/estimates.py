"""From the fitted law to the numbers people read: per year, named, with standard errors by the delta method."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from stress.price.calibrate.base import Estimate
from stress.price.calibrate.mixture.law import BarLaw, Values
from stress.price.calibrate.mixture.maximise import Maximum
from stress.types import Array

FLAT = 1e-9
"""Curvature, each parameter in its own natural unit, below which a direction of the likelihood counts as flat."""


def regime_names(size: int) -> list[str]:
    """Names from the quietest regime to the wildest."""
    between = ["active"] if size == 3 else [f"active_{i}" for i in range(1, size - 1)]
    return ["calm", *between, "stressed"] if size > 1 else [""]


def annual(law: BarLaw, bar_years: float) -> dict[str, tuple[Values, str]]:
    """Parameters per year with their units; axes as in BarLaw, correlations and rates as their free entries."""
    root = jnp.sqrt(bar_years)
    size, markets = law.volatility.shape
    low = np.tril_indices(markets, -1)
    growth = law.intensity * jnp.expm1(law.mean + 0.5 * law.std**2)
    growth = growth + law.common_intensity[:, None] * jnp.expm1(law.common_mean + 0.5 * law.common_std**2)
    rates = law.rates[~np.eye(size, dtype=bool)].reshape(size, size - 1)
    return {
        "volatility": (law.volatility / root, "per sqrt(year)"),
        "correlation": (law.correlation[:, low[0], low[1]], ""),
        "jump.intensity": (law.intensity / bar_years, "per year"),
        "jump.mean": (law.mean, "log"), "jump.std": (law.std, "log"),
        "jump.common_intensity": (law.common_intensity / bar_years, "per year"),
        "jump.common_mean": (law.common_mean, "log"), "jump.common_std": (law.common_std, "log"),
        "jump.common_correlation": (law.common_correlation, ""),
        "drift": ((law.location + 0.5 * law.volatility**2 + growth) / bar_years, "per year"),
        "transition_rate": (rates / bar_years, "per year"),
    }


def estimates(top: Maximum, markets: list[str], bar_years: float) -> tuple[list[Estimate], list[str]]:
    """The parameters of a fit, and warnings about what the data do not identify."""
    def numbers(vector: Array) -> dict[str, Values]:
        return {name: value for name, (value, _) in annual(top.layout.law(vector), bar_years).items()}

    vector = jnp.asarray(top.vector)
    values, slopes = numbers(vector), jax.jacfwd(numbers)(vector)
    units = {name: unit for name, (_, unit) in annual(top.law, bar_years).items()}
    free = ~top.at_bound
    spread, flat = _spread(top.information[np.ix_(free, free)])
    found = []
    for name, value in values.items():
        if name.startswith("jump.common") and len(markets) == 1:
            continue
        slope = np.asarray(slopes[name])[..., free]
        error = np.sqrt(np.clip(np.einsum("...i,ij,...j", slope, spread, slope), 0.0, None))
        loose = np.einsum("...i,ij,...j", slope, flat, slope) > FLAT * np.sum(slope**2, axis=-1)
        known = (np.abs(slope).sum(-1) > 0) & ~loose
        for index, label in _labels(name, np.shape(value), markets):
            own = float(error[index]) if known[index] else None
            found.append(Estimate(label, float(value[index]), own, units[name]))
    return found, _weak(found, top, bool(flat.any()))


def _spread(information: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Covariance of the estimates, and the projector on directions without curvature."""
    own = np.diag(information)
    unit = np.where(own > 0, 1 / np.sqrt(np.where(own > 0, own, 1.0)), 1.0)
    values, vectors = np.linalg.eigh(information * np.outer(unit, unit))
    good = values > FLAT
    inverse = np.divide(1.0, values, out=np.zeros_like(values), where=good)
    scaled = unit[:, None] * vectors
    return scaled * inverse @ scaled.T, scaled[:, ~good] @ scaled[:, ~good].T


def _labels(name: str, shape: tuple[int, ...], markets: list[str]) -> list[tuple[tuple[int, ...], str]]:
    """Index and full name of every entry of an annual parameter."""
    names = regime_names(shape[0])
    pairs = [f"{first}.{second}" for i, second in enumerate(markets) for first in markets[:i]]
    labels = []
    for index in np.ndindex(shape):
        prefix = f"{names[index[0]]}." if names[0] else ""
        if name == "transition_rate":
            target = [n for n in names if n != names[index[0]]][index[1]]
            labels.append((index, f"transition_rate.{names[index[0]]}.{target}"))
        elif name == "correlation":
            labels.append((index, f"{prefix}{name}.{pairs[index[1]]}"))
        else:
            labels.append((index, f"{prefix}{name}" + (f".{markets[index[1]]}" if len(index) > 1 else "")))
    return labels


def _weak(found: list[Estimate], top: Maximum, flat: bool) -> list[str]:
    """What a reader should not take at face value."""
    notes = []
    loose = [e.name for e in found if e.standard_error is not None and e.standard_error > 0.5 * abs(e.estimate)
             and "mean" not in e.name and "drift" not in e.name]  # those may well be zero
    if loose:
        notes.append(f"Weakly identified (standard error above half the estimate): {', '.join(loose)}.")
    held = [name for name, at in zip(top.layout.names(), top.at_bound, strict=True) if at]
    if held:
        notes.append(f"{len(held)} of {len(top.vector)} parameters of the fit lie on a bound that keeps jumps and "
                     "regimes apart; they carry no standard error of their own.")
    if flat:
        notes.append("The likelihood is flat in some direction: parameters along it have no standard error.")
    if top.slope > 0.5:
        notes.append(f"The climb stopped {top.slope:.2g} standard errors short of the top along one direction. "
                     "More calibrate.starts may help.")
    return notes
