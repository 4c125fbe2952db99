"""Estimators of derivatives from the slopes of drawdowns (``pathwise``), each with its interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stress.mc.estimators.intervals import Interval, undefined
from stress.mc.estimators.means import Moments, moments_of
from stress.mc.estimators.quantiles import quantile_rank

Estimator = Callable[[np.ndarray, np.ndarray, float, float], "Smooth"]


@dataclass(frozen=True)
class Smooth:
    """A derivative with its interval."""

    interval: Interval
    pathwise: bool  # unbiased by its step; else a density is smoothed over a window
    note: str = ""


def of_shortfall(drawdown: np.ndarray, slope: np.ndarray, fund: float, confidence: float) -> Smooth:
    """d E(D - F)+ from drawdowns D [P] and slopes of D - F [P]: the mean of the slopes where D > F."""
    terms = np.where(drawdown > fund, slope, 0.0)
    return Smooth(_interval(terms, "pathwise", confidence), pathwise=True)


def of_tail_mean(drawdown: np.ndarray, slope: np.ndarray, p: float, confidence: float) -> Smooth:
    """d ES_p from drawdowns D [P] and slopes of D [P]: their mean over the worst 1 - p.

    Influence function (D' - E[D' | D = q]) 1{D > q} / (1 - p): which paths are the worst ones is random, too. The slope
    at q is the mean over the nearest ones, as many as the root of what lies beyond, on either side.
    """
    n = len(drawdown)
    order = np.argsort(drawdown, kind="stable")
    rank = quantile_rank(n, p) - 1  # position of q; beyond it lie n - rank - 1, and a fraction of q itself
    q, beyond = drawdown[order[rank]], order[rank + 1:]
    own = n * (1 - p) - len(beyond)
    reach = max(1, int(np.sqrt(max(len(beyond), 1))))
    near = order[max(rank - reach, 0):rank + reach + 1]
    at = float(slope[near].mean()) if q > 0 else 0.0
    estimate = float(slope[beyond].sum() + own * slope[order[rank]]) / (n * (1 - p))
    terms = np.where(drawdown > q, slope - at, 0.0) / (1 - p)
    moments = moments_of(terms, len(beyond))
    shifted = Moments(estimate, moments.error, moments.skewness, moments.contributing)
    return Smooth(_bounded(shifted, n, "pathwise", confidence), pathwise=True)


def of_probability(drawdown: np.ndarray, slope: np.ndarray, fund: float, confidence: float) -> Smooth:
    """d P(D > F) = h(F) E[(D - F)' | D = F] from drawdowns D [P] and slopes of D - F [P].

    The mean of slopes within F e^(-b) to F e^b over its length, with b by Silverman's rule (1986, equation 3.31) from
    the drawdowns above zero in logs; half of b where the paths can tell the two apart.
    """
    method = "density of the drawdown at the fund, window in logs"
    positive = np.log(drawdown[drawdown > 0])
    if fund <= 0:
        return Smooth(undefined(method, len(drawdown), "there is no fund, and drawdowns have an atom at zero"), False)
    spread = _spread(positive) if len(positive) > 1 else 0.0
    if spread == 0:
        return Smooth(undefined(method, len(drawdown), "too few paths have a drawdown"), False)
    band = 0.9 * spread * len(positive) ** -0.2 * np.sqrt(3)  # a box with the variance of the rule's normal
    wide, narrow = (_windowed(drawdown, slope, fund, b) for b in (band, band / 2))
    gap = moments_of(wide - narrow, int(np.count_nonzero(wide - narrow)))
    bounds = [gap.bound(sign, confidence) for sign in (-1, 1)]
    curved = None not in bounds and not bounds[0] <= 0 <= bounds[1]  # type: ignore[operator]
    used, terms = (band / 2, narrow) if curved else (band, wide)
    note = f"window {np.exp(-used):.0%} to {np.exp(used):.0%} of the fund{', halved for curvature' if curved else ''}"
    return Smooth(_interval(terms, method, confidence), False, note)


def _windowed(drawdown: np.ndarray, slope: np.ndarray, fund: float, band: float) -> np.ndarray:
    inside = (drawdown > fund * np.exp(-band)) & (drawdown <= fund * np.exp(band))
    return np.where(inside, slope, 0.0) / (2 * fund * np.sinh(band))


def _spread(values: np.ndarray) -> float:
    """The smaller of the standard deviation and the quartiles' of a normal."""
    quartiles = np.percentile(values, [25, 75])
    spreads = [float(values.std()), float(quartiles[1] - quartiles[0]) / 1.349]
    return min((s for s in spreads if s > 0), default=0.0)


def _interval(terms: np.ndarray, method: str, confidence: float) -> Interval:
    return _bounded(moments_of(terms, int(np.count_nonzero(terms))), len(terms), method, confidence)


def _bounded(moments: Moments, n: int, method: str, confidence: float) -> Interval:
    low, high = (moments.bound(sign, confidence) for sign in (-1, 1))
    reason = None if low is not None else f"{int(moments.contributing)} of {n:,} paths contribute"
    return Interval(moments.centre, low, high, f"{method}, t interval corrected for skewness", n, reason)
