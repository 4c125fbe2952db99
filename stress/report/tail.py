"""Shares and exceedance curves of path outcomes, with intervals."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np


def normal_quantile(confidence: float) -> float:
    """Half-width of a two-sided normal interval in standard errors."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(share: np.ndarray | float, n: float, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Wilson interval of a share observed in ``n`` (effective) paths."""
    share = np.asarray(share, dtype=np.float64)
    z = normal_quantile(confidence)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


def effective(weight: np.ndarray) -> float:
    """Effective number of paths (Kish) for weights that sum to one."""
    return 1.0 / float(np.sum(weight ** 2))


def exceedance(values: np.ndarray, weight: np.ndarray, points: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Positive values in descending order and the share of paths at or above each, thinned to about ``points``.

    Thinning keeps ranks evenly spaced in log, so the extreme tail stays complete. Returns two arrays [G].
    """
    order = np.argsort(-values, kind="stable")
    order = order[values[order] > 0]
    share = np.cumsum(weight[order])
    if len(order) > points:
        ranks = np.unique(np.geomspace(1, len(order), points).round().astype(int)) - 1
        order, share = order[ranks], share[ranks]
    return values[order], np.minimum(share, 1.0)


def weighted_mean(values: np.ndarray, weight: np.ndarray, confidence: float) -> tuple[float, float]:
    """Mean and half-width of its normal interval; the half-width is NaN for a single value."""
    mean = float(np.sum(values * weight))
    if len(values) < 2:
        return mean, float("nan")
    variance = float(np.sum(weight * (values - mean) ** 2)) / max(effective(weight) - 1, 1e-300)
    return mean, normal_quantile(confidence) * variance ** 0.5


def worst_share(values: np.ndarray, weight: np.ndarray, share: float) -> np.ndarray:
    """Indices of the paths with the largest values that together weigh ``share`` (at least one path)."""
    order = np.argsort(-values, kind="stable")
    before = np.cumsum(weight[order]) - weight[order]
    return order[before < share * (1 - 1e-9)]
