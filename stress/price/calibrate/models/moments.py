"""GBM by closed form: volatilities, correlations and their standard errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Gaussian:
    """Moments per bar. Each market's mean and volatility come from all its own bars, correlations from common ones.

    The standard errors allow for heavy tails (they use fourth moments); without any they are sigma / sqrt(2 n) and
    (1 - rho^2) / sqrt(n).
    """

    mean: np.ndarray  # [A]
    volatility: np.ndarray  # [A]
    correlation: np.ndarray  # [A, A]
    mean_error: np.ndarray  # [A]
    volatility_error: np.ndarray  # [A]
    correlation_error: np.ndarray  # [A, A]


def gaussian(returns: np.ndarray) -> Gaussian:
    """Maximum-likelihood moments of returns [T, A] (NaN: not seen)."""
    mean, number = np.nanmean(returns, axis=0), np.isfinite(returns).sum(0)
    centred = returns - mean
    variance = np.nanmean(centred**2, axis=0)
    fourth = np.nanmean(centred**4, axis=0)
    together = returns[np.isfinite(returns).all(1)]
    z = (together - together.mean(0)) / together.std(0)
    correlation = z.T @ z / len(z)
    np.fill_diagonal(correlation, 1.0)
    influence = z[:, :, None] * z[:, None, :] - 0.5 * correlation * (z[:, :, None] ** 2 + z[:, None, :] ** 2)
    return Gaussian(
        mean, np.sqrt(variance), correlation, np.sqrt(variance / number),
        0.5 * np.sqrt((fourth / variance - variance) / number), influence.std(0) / np.sqrt(len(z)))
