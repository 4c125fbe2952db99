"""Fits of several markets one by one, put together: names, standard errors, and what they do not say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from stress.price.calibrate.base import Estimate, Likelihood, Numbers
from stress.price.calibrate.delta import Named, named_estimates, weak
from stress.price.calibrate.hidden.climb import Top
from stress.price.calibrate.hidden.pairs import Ties
from stress.price.calibrate.stateful import TOGETHER
from stress.types import Array

MISSPECIFIED = 2.0
"""Standard errors this many times those of a right model are worth a warning."""

MENDED = 0.005
"""Change of a correlation that is worth a warning."""


def of_market(market: str, top: Top, coordinates: Sequence[str], named: Callable[[Array], Named],
              given: Top | None = None) -> tuple[list[Estimate], list[str]]:
    """A market's parameters with robust standard errors, and what the climb has to say.

    Where those of ``top`` allow for more than the likelihood's own error, ``given`` is the likelihood's top.
    """
    around = top.around()
    found, slopes = named_estimates(named, top.vector, around, lambda name, _: [((), f"{name}.{market}")])
    notes = [f"{market}: {note[0].lower()}{note[1:]}" for note in weak(found, slopes, around, top.slope)]
    held = [name for name, at in zip(coordinates, top.held, strict=True) if at]
    if held:
        notes.append(f"{market}: {', '.join(held)} at a bound of what is looked for; what hangs on it has no standard "
                     "error of its own.")
    inner = given or top
    robust, plain = (np.diag(inner.around(which).covariance)[~inner.held] for which in (True, False))
    ratio = float(np.sqrt(np.max(robust[plain > 0] / plain[plain > 0], initial=0.0)))
    if ratio > MISSPECIFIED:
        notes.append(f"{market}: standard errors are up to {ratio:.1f} times what they would be if the model held: "
                     "they allow for its being wrong, the model does not.")
    return found, notes


def value(found: Sequence[Estimate], name: str) -> np.ndarray:
    """Values [A] of a parameter, in the order of the markets."""
    return np.array([e.estimate for e in found if e.name.rpartition(".")[0] == name])


def error(found: Sequence[Estimate], name: str) -> np.ndarray:
    """Standard errors [A] of a parameter; NaN where not known."""
    return np.array([np.nan if e.standard_error is None else e.standard_error for e in found
                     if e.name.rpartition(".")[0] == name])


def of_pairs(tied: Ties, markets: Sequence[str]) -> list[Estimate]:
    """Correlations by pair."""
    return [Estimate(f"correlation.{other}.{m}", float(tied.correlation[i, j]), float(tied.correlation_error[i, j]), "")
            for i, m in enumerate(markets) for j, other in enumerate(markets[:i])]


def by_name(name: str, markets: Sequence[str], values: np.ndarray, errors: np.ndarray, unit: str) -> list[Estimate]:
    """A parameter of every market."""
    return [single(f"{name}.{m}", v, e, unit) for m, v, e in zip(markets, values, errors, strict=True)]


def single(name: str, number: float, spread: float, unit: str) -> Estimate:
    """One parameter; a standard error that is not known may be NaN."""
    return Estimate(name, float(number), float(spread) if np.isfinite(spread) else None, unit)


def tie_notes(tied: Ties, jumps: bool) -> list[str]:
    """What the second stage has to say."""
    notes = []
    if tied.mended > MENDED:
        notes.append(f"Correlations were moved by up to {tied.mended:.3f} to make them a correlation matrix.")
    if jumps and tied.at_bound:
        notes.append("The share of common jumps or the correlation of their sizes is at its bound; neither has a "
                     "standard error.")
    return notes


def alone(log_density: np.ndarray) -> Likelihood:
    """Likelihood from log-densities [T, A] of every market's bars, NaN where not seen."""
    each = np.nansum(log_density, axis=0)
    return Likelihood(float(each[0]) if len(each) == 1 else None, each)


def onward(laws: Sequence[np.ndarray], draws: int, random: Numbers, move: Callable[[list[np.ndarray]], np.ndarray]
           ) -> np.ndarray:
    """Draws [n, P, A] of sums of what ``move`` makes [T, n P, A] of nodes drawn [n P] from every market's laws [n, N].

    A few moments at a time: paths of all of them would fill the memory.
    """
    chunk, found = max(TOGETHER // draws, 1), []
    for begin in range(0, len(laws[0]), chunk):
        nodes = [drawn(law[begin : begin + chunk], draws, random).ravel() for law in laws]
        total = move(nodes).sum(0)
        found.append(total.reshape(-1, draws, total.shape[-1]))
    return np.concatenate(found) if found else np.empty((0, draws, len(laws)))


def drawn(law: np.ndarray, draws: int, random: Numbers) -> np.ndarray:
    """Numbers [n, P] of nodes from laws [n, N]."""
    up = np.cumsum(np.maximum(law, 0.0), axis=1)
    uniform = random.random((len(law), draws)) * up[:, -1:]
    return np.stack([np.searchsorted(row, u) for row, u in zip(up, uniform, strict=True)])


