"""Estimators of derivatives from the slopes of drawdowns (``pathwise``), each with its interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stress.mc.estimators.intervals import Interval, undefined
from stress.mc.estimators.means import Moments, moments_of
from stress.mc.estimators.quantiles import quantile_rank

BEYOND = 20
"""Drawdowns that a mean excess is taken of, at least, where there are so many."""
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

    The mean of slopes within F - b to F + b over its length 2b. Its bias grows with b^2, so that of half the window is
    a third of what the two differ by, and is taken off. The error is that of the corrected estimate, so the window need
    not be so short that a bias is lost in it (Calonico, Cattaneo and Farrell 2018, "On the effect of bias estimation on
    coverage accuracy in nonparametric inference").
    """
    method = "density of the drawdown at the fund, corrected for the curvature within its window"
    if fund <= 0:
        return Smooth(undefined(method, len(drawdown), "there is no fund, and drawdowns have an atom at zero"), False)
    band = _band(drawdown[drawdown > 0], fund)
    if band == 0:
        return Smooth(undefined(method, len(drawdown), "too few paths have a drawdown"), False)
    wide, narrow = (_windowed(drawdown, slope, fund, b) for b in (band, band / 2))
    note = f"window {1 - band / fund:.0%} to {1 + band / fund:.0%} of the fund"
    return Smooth(_interval(narrow + (narrow - wide) / 3, method, confidence), False, note)


def _band(positive: np.ndarray, fund: float) -> float:
    """Half the window in USD: how far the density may be taken to bend evenly; 0 where drawdowns do not say.

    The rule of Silverman (1986, equation 3.31) for the logs of ``positive`` drawdowns, but no more than drawdowns
    beyond the fund exceed it on average: where a tail is lighter than the bulk its density falls within that length.
    """
    if len(positive) < 2:
        return 0.0
    rule = 0.9 * _spread(np.log(positive)) * len(positive) ** -0.2 * np.sqrt(3)  # a box of that normal's variance
    few = min(BEYOND, len(positive))
    start = min(fund, float(np.partition(positive, -few)[-few]))
    beyond = positive[positive > start]
    return min(fund * -np.expm1(-rule), float((beyond - start).mean())) if len(beyond) else 0.0


def _windowed(drawdown: np.ndarray, slope: np.ndarray, fund: float, band: float) -> np.ndarray:
    return np.where(np.abs(drawdown - fund) <= band, slope, 0.0) / (2 * band)


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
