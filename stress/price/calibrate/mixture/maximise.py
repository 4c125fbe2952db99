"""Maximum likelihood: random starts, a quasi-Newton climb, Newton steps to the top, and the curvature there."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import poisson

from stress.price.calibrate.ascent import Objective, climb, compiled, newton
from stress.price.calibrate.mixture.law import BarLaw, blocks, filtered_log_likelihood, jump_counts, log_density
from stress.price.calibrate.mixture.layout import Layout
from stress.price.calibrate.mixture.starts import random_start

LEFT_OUT = 3e-4
"""Probability a bar of jump counts that the sum over them leaves out."""

ROOM = 1.3
"""The counts are listed for intensities this many times those at the start, so the climb does not outgrow them."""

START_BARS, START_PIECE = 16000, 400
"""Starts are compared on about this many bars, in pieces of this length spread over the sample."""

START_STEPS, CLIMB_STEPS, NEWTON_STEPS = 50, 150, 8

@dataclass(frozen=True)
class Maximum:
    """The top of the likelihood."""

    layout: Layout
    vector: np.ndarray
    law: BarLaw
    log_likelihood: float
    information: np.ndarray  # minus the Hessian of the log-likelihood at the top
    at_bound: np.ndarray  # bool: entries of the vector held by their bound
    slope: float  # largest slope left, in log-likelihood per standard error
    start_values: list[float]  # log-likelihood of the starts on the part of the sample they saw

    @property
    def between(self) -> int:
        """Free entries of the vector that only say how markets move together."""
        names = zip(self.layout.names(), self.at_bound, strict=True)
        return sum(not at and name.startswith(("correlation", "common_correlation")) for name, at in names)


def maximise(layout: Layout, returns: np.ndarray, starts: int, seed: int) -> Maximum:
    """Fit returns [T, A] (NaN: not seen)."""
    random = np.random.default_rng(seed)
    low, high = layout.bounds()
    part = _pieces(returns)
    first = objective(layout, part, [_generic(layout)] * layout.regimes)
    tried = [climb(first, random_start(layout, part, random), low, high, START_STEPS) for _ in range(starts)]
    vector = min(tried, key=lambda pair: pair[1])[0]
    for _ in range(3):  # the counts follow the intensities
        counts = _counts(layout, vector)
        whole = objective(layout, returns, counts)
        vector, _ = climb(whole, vector, low, high, CLIMB_STEPS)
        if all(_left_out(layout, vector, r, counts[r]) < 5 * LEFT_OUT for r in range(layout.regimes)):
            break
    vector, value, slope, information = newton(whole, vector, low, high, NEWTON_STEPS)
    law = BarLaw(*map(np.asarray, layout.law(jnp.asarray(vector))))
    return Maximum(
        layout=layout, vector=vector, law=law, log_likelihood=-value, information=information,
        at_bound=(vector <= low) | (vector >= high), slope=slope, start_values=[-value for _, value in tried])


def objective(layout: Layout, returns: np.ndarray, counts: list[np.ndarray]) -> Objective:
    """Minus the log-likelihood of returns [T, A] and its gradient, as a function of the vector."""
    sample, rows = blocks(returns), len(returns)

    def negative(vector: jax.Array) -> jax.Array:
        law = layout.law(vector)
        each = [log_density(law, r, counts[r], sample, rows) for r in range(layout.regimes)]
        return -filtered_log_likelihood(law, jnp.stack(each, axis=1))

    return compiled(negative)


def _pieces(returns: np.ndarray) -> np.ndarray:
    """Contiguous pieces spread over the sample, with an unseen bar between them."""
    if len(returns) <= 1.5 * START_BARS:
        return returns
    begin = np.linspace(0, len(returns) - START_PIECE, START_BARS // START_PIECE).astype(int)
    gap = np.full((1, returns.shape[1]), np.nan)
    return np.concatenate([part for b in begin for part in (returns[b : b + START_PIECE], gap)])


def _generic(layout: Layout) -> np.ndarray:
    """Numbers of jumps for the starts: at most two own ones, three common ones, three in all."""
    own = jump_counts(np.full(layout.markets, 0.05), 1e-3)
    common = np.arange(4.0 if layout.markets > 1 else 1.0)
    every = np.array([[*row, c] for row in own for c in common])
    return every[every.sum(1) <= 3]


def _counts(layout: Layout, vector: np.ndarray) -> list[np.ndarray]:
    ample = [np.clip(ROOM * means, 0.5 * layout.most_jumps, layout.most_jumps) for means in _means(layout, vector)]
    if layout.markets == 1:  # no common jumps
        ample = [np.array([means[0], 0.0]) for means in ample]
    return [jump_counts(means, LEFT_OUT) for means in ample]


def _left_out(layout: Layout, vector: np.ndarray, regime: int, counts: np.ndarray) -> float:
    """Probability a bar of jump counts not listed."""
    return float(1 - poisson.pmf(counts, _means(layout, vector)[regime]).prod(1).sum())


def _means(layout: Layout, vector: np.ndarray) -> np.ndarray:
    """Jumps a bar [R, A + 1]: own ones by market, then common ones."""
    law = layout.law(jnp.asarray(vector))
    return np.concatenate([np.asarray(law.intensity), np.asarray(law.common_intensity)[:, None]], axis=1)
