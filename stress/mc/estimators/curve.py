"""The fund curve: P(fund drawdown > F) over funds F, from one run with an unlimited fund."""

from __future__ import annotations

import numpy as np

from stress.mc.estimators.binomial import clopper_pearson
from stress.mc.estimators.probabilities import weighted_share
from stress.mc.estimators.sample import Sample, sample

HEADROOM = 1.05
"""The grid ends this far above the largest drawdown: there the curve is a bound alone."""
DECADES = 4
"""The logarithmic part of the grid spans this many powers of ten below the largest drawdown."""
DIGITS = 3
"""Significant digits of a grid value."""


def fund_curve(drawdown: np.ndarray, weights: np.ndarray | None, confidence: float, points: int, *, fund: float,
               failed: np.ndarray | None = None) -> list[dict[str, float]]:
    """Rows {"fund", "depletion_probability", "low", "high"} in ascending fund; the probability never rises.

    drawdown [P] USD (NaN: failed path), weights [P] or None, failed [P] bool or None, ``points`` about as many rows.
    Rows always include F = 0 and the configured ``fund``. Intervals are pointwise: Clopper-Pearson, or Wilson on
    effective counts under weights. Empty when no drawdown was recorded.
    """
    paths = sample(drawdown, weights=weights, failed=failed)
    recorded = np.sort(paths.recorded().values)
    if not len(recorded):
        return []
    funds = fund_grid(recorded, fund, points)
    if paths.weights is None:
        estimate, low, high = _exact(paths, recorded, funds, confidence)
    else:
        estimate, low, high = _weighted(paths, funds, confidence)
    names = ("fund", "depletion_probability", "low", "high")
    return [dict(zip(names, map(float, row), strict=True)) for row in zip(funds, estimate, low, high, strict=True)]


def fund_grid(ordered: np.ndarray, fund: float, points: int) -> np.ndarray:
    """Funds to report, ascending and distinct, from the sorted drawdowns [P].

    Half of them at drawdowns of evenly spaced log exceedance probability, where the curve bends; half evenly spaced in
    log USD, where it is read.
    """
    positive = ordered[ordered > 0]
    if not len(positive):
        return np.unique([0.0, fund])
    half = max(2, (points - 2) // 2)
    beyond = np.unique(np.geomspace(1, len(positive), half).astype(int))
    top = HEADROOM * positive[-1]
    bottom = max(positive[0], top * 10.0**-DECADES)
    chosen = np.concatenate([positive[-beyond], np.geomspace(min(bottom, top), top, half)])
    return np.unique(np.concatenate([[0.0, fund], _rounded(chosen)]))


def _rounded(values: np.ndarray) -> np.ndarray:
    """Positive values to a few significant digits."""
    return np.array([float(f"{value:.{DIGITS}g}") for value in values])


def _exact(paths: Sample, recorded: np.ndarray, funds: np.ndarray, confidence: float) -> tuple[np.ndarray, ...]:
    """Estimate, low and high [F] at unit weights, from sorted recorded drawdowns."""
    above = len(recorded) - np.searchsorted(recorded, funds, side="right")
    known = above
    if paths.failed is not None:
        ordered = np.sort(paths.known().values)
        known = len(ordered) - np.searchsorted(ordered, funds, side="right")
    low = clopper_pearson(known, paths.n, confidence)[0]
    high = clopper_pearson(known + paths.failures, paths.n, confidence)[1]
    return above / len(recorded), low, high


def _weighted(paths: Sample, funds: np.ndarray, confidence: float) -> tuple[np.ndarray, ...]:
    """Estimate, low and high [F] under weights; bounds that would rise with the fund are widened until they do not."""
    cases = (paths.recorded(), paths.filled(-np.inf), paths.filled(np.inf))
    rows = np.array([[weighted_share(Sample(case.values - f, case.weights, None), confidence)[i]
                      for i, case in enumerate(cases)] for f in funds])
    estimate, low = np.minimum.accumulate(rows[:, :2], axis=0).T
    high = np.maximum.accumulate(rows[::-1, 2])[::-1]
    return estimate, np.minimum(low, estimate), np.maximum(high, estimate)
