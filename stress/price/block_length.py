"""Automatic mean block length of the stationary bootstrap.

Politis and White (2004), "Automatic block-length selection for the dependent bootstrap", with the correction of Patton,
Politis and White (2009): the length that is best, to first order, for the variance of the mean of a series.
"""

from __future__ import annotations

import math

import numpy as np

SIGNIFICANT = 2.0
"""Autocorrelations beyond this times sqrt(log10(n) / n) count (2004, section 3.2)."""


FEWEST = 3
"""Observations that have an autocovariance of lag one."""
TINY = 1e-30
"""Share of the squares below which a part of the series counts as constant."""


def optimal_block_length(series: np.ndarray) -> float:
    """Mean block length, in observations, for one series [n]: at least 1, at most min(3 sqrt(n), n / 3) rounded up.

    b = (2 G^2 / D)^(1/3) n^(1/3) with G = sum_k lambda(k/M) |k| R(k), D = 2 g(0)^2, g(0) = sum_k lambda(k/M) R(k),
    R the autocovariances and lambda the flat-top window (2004, section 3; D as corrected in 2009).
    """
    n = len(series)
    if n < FEWEST:
        raise ValueError(f"got a series of {n} observations, allowed is at least {FEWEST}")
    around = np.asarray(series, float) - np.mean(series)
    covariance = _autocovariances(around, _most_lags(n))
    if covariance[0] == 0:
        return 1.0
    bandwidth = _bandwidth(_correlations(around, covariance), n)
    lags = np.arange(1, bandwidth + 1)
    weighted = 2.0 * _flat_top(lags / bandwidth) * covariance[lags]
    level = covariance[0] + weighted.sum()
    if level == 0:
        return 1.0
    length = float(((lags @ weighted) ** 2 / level**2 * n) ** (1.0 / 3.0))
    return float(np.clip(length, 1.0, math.ceil(min(3.0 * math.sqrt(n), n / 3.0))))


def _run(n: int) -> int:
    """Lags in a row that must be insignificant."""
    return max(5, int(math.log10(n)))


def _most_lags(n: int) -> int:
    """Lags that are looked at; fewer where the series is shorter."""
    return min(math.ceil(math.sqrt(n)) + _run(n), n - 2)


def _autocovariances(around: np.ndarray, lags: int) -> np.ndarray:
    """Autocovariances [lags + 1] of a series of mean zero, with divisor n, by the fast Fourier transform."""
    n = len(around)
    spectrum = np.fft.rfft(around, 1 << (n + lags).bit_length())
    return np.fft.irfft(np.abs(spectrum) ** 2)[: lags + 1] / n


def _correlations(around: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Autocorrelations [lags + 1] over the parts of the series that a lag lets overlap, less one observation: as in the
    package arch, with which the length is to agree where one is on the verge of being significant."""
    n, lags = len(around), np.arange(len(covariance))
    squares = np.append(0.0, np.cumsum(around**2))
    parts = (squares[-1] - squares[lags + 1]) * squares[n - 1 - lags]
    return n * covariance / np.sqrt(np.maximum(parts, TINY * squares[-1] ** 2))


def _bandwidth(correlation: np.ndarray, n: int) -> int:
    """Twice the first lag from which on a run of autocorrelations is insignificant; all lags where there is none."""
    lags, run = len(correlation) - 1, _run(n)
    small = np.abs(correlation) < SIGNIFICANT * math.sqrt(math.log10(n) / n)
    for first in range(1, lags - run + 1):
        if small[first : first + run].all():
            return min(2 * first, lags)
    return lags


def _flat_top(share: np.ndarray) -> np.ndarray:
    """The window of Politis and Romano (1995): 1 up to a half, then linear to 0 at 1."""
    return np.clip(2.0 * (1.0 - share), 0.0, 1.0)
