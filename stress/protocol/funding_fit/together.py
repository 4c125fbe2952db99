"""How the premiums of several markets move together, through the same clamp."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_ndtr

from stress.protocol.funding_fit.fit import LASTING, Premium
from stress.protocol.funding_fit.payments import Payments

NODES = 64
LARGEST = 0.995
"""Largest size of a correlation that is looked for."""
FEWEST = 100
"""Payments at the same time that a pair takes."""
SMALLEST_EIGENVALUE = 1e-4
STEP = 1e-3
"""Of differences instead of derivatives."""


def shock_correlation(payments: list[Payments], fits: list[Premium]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Correlation [A, A] of the processes' shocks, standard errors [A, A] (NaN: not estimated), and notes.

    Pair by pair, the correlation r of premiums of one moment by maximum likelihood of these alone (a composite
    likelihood: what lies between moments is in the error only). Shocks of half-lives that differ are more correlated
    than the premiums: rho = r (kappa_i + kappa_j) / (2 sqrt(kappa_i kappa_j)).
    """
    size, notes = len(fits), []
    correlation, errors = np.eye(size), np.full((size, size), np.nan)
    for i in range(size):
        for j in range(i):
            pair = f"{fits[j].market} and {fits[i].market}"
            found = _pair(payments[i], payments[j], fits[i], fits[j])
            if found is None:
                notes.append(
                    f"{pair}: fewer than {FEWEST} payments at the same time; their shocks are taken for independent."
                )
                continue
            ratio = np.sqrt(fits[i].half_life_hours / fits[j].half_life_hours)
            factor = 0.5 * (ratio + 1.0 / ratio)
            rho = factor * found[0]
            if abs(rho) > LARGEST:
                notes.append(f"{pair}: more correlated than processes of their half-lives can be; cut to {LARGEST}.")
            correlation[i, j] = correlation[j, i] = np.clip(rho, -LARGEST, LARGEST)
            errors[i, j] = errors[j, i] = factor * found[1]
    valid = nearest_correlation(correlation)
    moved = float(np.abs(valid - correlation).max())
    if moved > 0.02:
        notes.append(f"The pairs' correlations do not fit together; moved by up to {moved:.2f}.")
    return valid, errors, notes


def nearest_correlation(matrix: np.ndarray) -> np.ndarray:
    """A correlation matrix near a symmetric one [A, A] with unit diagonal: negative eigenvalues are lifted."""
    values, vectors = np.linalg.eigh(matrix)
    if values[0] >= SMALLEST_EIGENVALUE:
        return matrix
    lifted = vectors * np.maximum(values, SMALLEST_EIGENVALUE) @ vectors.T
    scale = np.sqrt(np.diag(lifted))
    return lifted / np.outer(scale, scale)


def _pair(a: Payments, b: Payments, fit_a: Premium, fit_b: Premium) -> tuple[float, float] | None:
    """Correlation of premiums of one moment, and its standard error; None with too few."""
    _, i, j = np.intersect1d(np.round(a.seconds), np.round(b.seconds), return_indices=True)
    if len(i) < FEWEST:
        return None
    x, y = (a.premium[i] - fit_a.mean) / fit_a.std, (b.premium[j] - fit_b.mean) / fit_b.std
    box_x, box_y = _box(a, fit_a), _box(b, fit_b)
    top: Any = minimize_scalar(
        lambda t: -pair_log_likelihood(np.tanh(t), x, y, box_x, box_y).sum(),
        bounds=(-np.arctanh(LARGEST), np.arctanh(LARGEST)),
        method="bounded",
    )
    rho = float(np.tanh(top.x))
    step = min(STEP, 0.5 * (1.0 - abs(rho)))
    below, at, above = (pair_log_likelihood(rho + move, x, y, box_x, box_y) for move in (-step, 0.0, step))
    score, information = (above - below) / (2 * step), -(above - 2 * at + below).sum() / step**2
    middle = score @ score
    for lag in range(1, min(LASTING, len(score) - 1) + 1):
        middle += 2.0 * (1.0 - lag / (LASTING + 1.0)) * (score[lag:] @ score[:-lag])
    return rho, float(np.sqrt(max(middle, 0.0)) / information) if information > 0 else np.nan


def _box(payments: Payments, fit: Premium) -> tuple[float, float]:
    """Where the clamp hides the standardised premium."""
    return tuple((payments.interest + side * payments.clamp - fit.mean) / fit.std for side in (-1.0, 1.0))  # type: ignore[return-value]


def pair_log_likelihood(
    rho: float, x: np.ndarray, y: np.ndarray, box_x: tuple[float, float], box_y: tuple[float, float]
) -> np.ndarray:
    """Log-likelihood [n] of standard normal pairs with correlation ``rho``; NaN in ``x``, ``y`` [n]: inside its box."""
    root = np.sqrt(1.0 - rho**2)

    def hidden(seen: np.ndarray, box: tuple[float, float]) -> np.ndarray:
        """Log density of one, times the probability that the other is in its box."""
        inside = _log_between((box[0] - rho * seen) / root, (box[1] - rho * seen) / root)
        return -0.5 * seen**2 - 0.5 * np.log(2.0 * np.pi) + inside

    result = np.empty(len(x))
    no_x, no_y = np.isnan(x), np.isnan(y)
    both = ~no_x & ~no_y
    residual = (y[both] - rho * x[both]) / root
    result[both] = -0.5 * (x[both] ** 2 + residual**2) - np.log(2.0 * np.pi * root)
    result[no_y & ~no_x] = hidden(x[no_y & ~no_x], box_y)
    result[no_x & ~no_y] = hidden(y[no_x & ~no_y], box_x)
    points, weights = np.polynomial.legendre.leggauss(NODES)
    low, high = np.clip(box_x, -9.0, 9.0)
    nodes = 0.5 * (low + high) + 0.5 * (high - low) * points
    total = 0.5 * (high - low) * (weights * np.exp(hidden(nodes, box_y))).sum()
    result[no_x & no_y] = np.log(max(total, 1e-300))
    return result


def _log_between(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Log-probability that a standard normal is between, far out in its tails, too."""
    mirrored = low > 0
    low, high = np.where(mirrored, -high, low), np.where(mirrored, -low, high)
    top = log_ndtr(high)
    return top + np.log(-np.expm1(np.minimum(log_ndtr(low) - top, -1e-300)))
