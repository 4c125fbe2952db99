"""Binomial facts: Clopper-Pearson, Wilson, and the ranks whose order statistics bracket a quantile.

scipy is imported inside the functions: it takes longer to load than a small run takes to finish.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np


def clopper_pearson(events: np.ndarray | int, n: int, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Exact two-sided bounds of a probability from ``events`` (any shape) in ``n`` trials (Clopper & Pearson 1934).

    Coverage is at least ``confidence`` for every n and p. No event: low is 0; events only: high is 1.
    """
    from scipy.special import betaincinv

    k = np.asarray(events, np.float64)
    tail = (1 - confidence) / 2
    low = np.where(k > 0, betaincinv(np.maximum(k, 1), n - k + 1, tail), 0.0)
    high = np.where(k < n, betaincinv(k + 1, np.maximum(n - k, 1), 1 - tail), 1.0)
    return low, high


def wilson(share: np.ndarray | float, n: np.ndarray | float, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Score bounds of a probability from an observed share in (effectively) ``n`` trials (Wilson 1927)."""
    z = normal_quantile(confidence)
    share, n = np.asarray(share, np.float64), np.asarray(n, np.float64)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = np.where(share > 0, np.maximum(centre - half, 0.0), 0.0)
    high = np.where(share < 1, np.minimum(centre + half, 1.0), 1.0)
    return low, high


def order_ranks(n: int, p: float, confidence: float) -> tuple[int, int]:
    """Ranks (l, u), 1-based, such that [X_(l), X_(u)] covers the p-quantile with at least ``confidence``.

    l is the largest with P(Bin(n, p) <= l - 1) <= alpha/2, u the smallest with P(Bin(n, p) <= u - 1) >= 1 - alpha/2
    (David & Nagaraja 2003, section 7.1). l = 0 and u = n + 1 mean that n is too small for that bound.
    """
    from scipy.special import betainc

    def cdf(m: int) -> float:  # P(Bin(n, p) <= m)
        return 0.0 if m < 0 else 1.0 if m >= n else float(betainc(n - m, m + 1, 1 - p))

    tail = (1 - confidence) / 2
    l_rank = _first(lambda m: cdf(m) > tail, n)
    u_rank = _first(lambda m: cdf(m) >= 1 - tail, n) + 1
    return l_rank, u_rank


def _first(holds: Callable[[int], bool], n: int) -> int:
    """The smallest m in 0..n with ``holds(m)``, for a condition that once true stays true and is true at n."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def paths_needed(p: float, confidence: float) -> int:
    """Smallest n for which the p-quantile has a finite two-sided upper limit: p^n <= alpha/2 (Wilks 1941)."""
    return math.ceil(math.log((1 - confidence) / 2) / math.log(p))


def normal_quantile(confidence: float) -> float:
    """z with P(|N(0, 1)| <= z) = confidence."""
    from scipy.special import ndtri

    return float(-ndtri((1 - confidence) / 2))


def t_quantile(confidence: float, freedom: float) -> float:
    """t with P(|t_freedom| <= t) = confidence."""
    from scipy.special import stdtrit

    return float(-stdtrit(freedom, (1 - confidence) / 2))
