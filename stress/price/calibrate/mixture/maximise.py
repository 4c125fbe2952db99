"""Maximum likelihood: random starts, a quasi-Newton climb, Newton steps to the top, and the curvature there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize
from scipy.stats import poisson

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
GRADIENT_TOLERANCE = 0.02
"""Largest slope of the log-likelihood (times the parameter's own standard error) at which the top is reached."""

Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]


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


def maximise(layout: Layout, returns: np.ndarray, starts: int, seed: int) -> Maximum:
    """Fit returns [T, A] (NaN: not seen)."""
    random = np.random.default_rng(seed)
    low, high = layout.bounds()
    part = _pieces(returns)
    first = objective(layout, part, [_generic(layout)] * layout.regimes)
    tried = [_climb(first, random_start(layout, part, random), low, high, START_STEPS) for _ in range(starts)]
    vector = min(tried, key=lambda pair: pair[1])[0]
    for _ in range(3):  # the counts follow the intensities
        counts = _counts(layout, vector)
        climb = objective(layout, returns, counts)
        vector, _ = _climb(climb, vector, low, high, CLIMB_STEPS)
        if all(_left_out(layout, vector, r, counts[r]) < 5 * LEFT_OUT for r in range(layout.regimes)):
            break
    vector, value, slope, information = _newton(climb, vector, low, high)
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

    both = jax.jit(jax.value_and_grad(negative))

    def evaluate(vector: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = both(vector)
        return float(value), np.asarray(gradient)

    return evaluate


def _climb(climb: Objective, vector: np.ndarray, low: np.ndarray, high: np.ndarray, steps: int
           ) -> tuple[np.ndarray, float]:
    """L-BFGS-B from ``vector``; the best point and its value."""
    scale = max(abs(climb(vector)[0]), 1.0)

    def scaled(at: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = climb(at)
        return value / scale, gradient / scale

    options = {"maxiter": steps, "maxcor": 30, "ftol": 1e-11, "gtol": 1e-9}
    bounds = np.stack([low, high], axis=1)
    result = minimize(scaled, vector, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return np.clip(result.x, low, high), float(result.fun) * scale


def _newton(climb: Objective, vector: np.ndarray, low: np.ndarray, high: np.ndarray
            ) -> tuple[np.ndarray, float, float, np.ndarray]:
    """Damped Newton steps inside the bounds: the point, its value, the slope left, the Hessian."""
    value, gradient = climb(vector)
    for step in range(NEWTON_STEPS + 1):
        hessian = _hessian(climb, vector, gradient)
        held = ((vector <= low) & (gradient > 0)) | ((vector >= high) & (gradient < 0))
        values, vectors = np.linalg.eigh(hessian[np.ix_(~held, ~held)])
        rooted = np.maximum(np.abs(values), 1e-3)
        along = vectors.T @ gradient[~held]
        slope = float(np.max(np.abs(along) / np.sqrt(rooted), initial=0.0))
        if slope < GRADIENT_TOLERANCE or step == NEWTON_STEPS:
            break
        move = np.zeros_like(vector)
        move[~held] = -vectors @ (along / rooted)
        move *= min(1.0, 1.0 / np.max(np.abs(move)))
        for share in (1.0, 0.3, 0.1, 0.01, 1e-3):
            trial = np.clip(vector + share * move, low, high)
            trial_value, trial_gradient = climb(trial)
            if trial_value < value:
                break
        else:
            break
        vector, value, gradient = trial, trial_value, trial_gradient
    return vector, value, slope, hessian


def _hessian(climb: Objective, vector: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Hessian by forward differences of the exact gradient, made symmetric."""
    width = 1e-5
    rows = [(climb(vector + width * unit)[1] - gradient) / width for unit in np.eye(len(vector))]
    return 0.5 * (np.array(rows) + np.array(rows).T)


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
