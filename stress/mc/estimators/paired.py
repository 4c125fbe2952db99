"""Differences of metrics between two runs on the same market paths: path by path, each with its own interval.

A metric's estimate is a constant and the mean over paths of *terms*: the values themselves for a mean, the
linearisation of the estimate (its influence function) for a ratio or a tail mean. The difference of two estimates is
the mean of the differences of their terms, so what both runs share cancels before anything is squared. How much that
helps is said by ``narrowing``: the standard error that two independent runs would have had, over that of the pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stress.mc.estimators.binomial import normal_quantile
from stress.mc.estimators.intervals import Interval, undefined
from stress.mc.estimators.means import moments_of
from stress.mc.estimators.quantiles import quantile_rank


@dataclass(frozen=True)
class Difference:
    """Second run less first."""

    interval: Interval
    narrowing: float | None  # standard error without pairing over that with it; None where there is none
    differing: int  # pairs of paths whose values differ


@dataclass(frozen=True)
class Terms:
    """An estimate and its terms [P], NaN where a path is unknown."""

    estimate: float
    values: np.ndarray
    outcomes: tuple[np.ndarray, ...]  # each [P], what terms are made of


def mean_terms(values: np.ndarray) -> Terms | None:
    """Of a mean."""
    seen = np.isfinite(values)
    return Terms(float(values[seen].mean()), values, (values,)) if seen.any() else None


def ratio_terms(top: np.ndarray, bottom: np.ndarray) -> Terms | None:
    """Of sum(top) / sum(bottom), by the delta method; None where the lower sum is zero."""
    seen = np.isfinite(top) & np.isfinite(bottom)
    below = float(bottom[seen].mean()) if seen.any() else 0.0
    if below == 0.0:
        return None
    centre = float(top[seen].mean()) / below
    return Terms(centre, (top - centre * bottom) / below, (top, bottom))


def tail_mean_terms(values: np.ndarray, p: float) -> Terms | None:
    """Of the mean of the worst 1 - p (Acerbi and Tasche), by Rockafellar and Uryasev's q + mean((x - q)^+)/(1 - p)."""
    seen = values[np.isfinite(values)]
    if not len(seen):
        return None
    rank = quantile_rank(len(seen), p) - 1
    q = float(np.partition(seen, rank)[rank])
    terms = np.maximum(values - q, 0.0) / (1 - p)
    return Terms(q + float(terms[np.isfinite(terms)].mean()), terms, (values,))


def difference_of_means(first: Terms | None, second: Terms | None, confidence: float) -> Difference:
    """Of two estimates with terms [P] of the same paths.

    Student's t interval, moved out on the side of the tail as that of a mean (``means``), with as many degrees of
    freedom as pairs differ in what they add, less one: of a tail mean those in the tail of either run, for all others
    add nothing. A pair with an unknown path is the smallest difference seen in low, the largest in high.
    """
    method = "paired by path, t interval corrected for skewness"
    if first is None or second is None:
        return Difference(undefined(method, 0, "one of the runs has no estimate"), None, 0)
    change = second.values - first.values
    known = np.isfinite(change)
    seen = change[known]
    if not len(seen):
        return Difference(undefined(method, len(change), "no pair of paths has both outcomes"), None, 0)
    pairs = zip(first.outcomes, second.outcomes, strict=True)
    differs = known & np.any([a != b for a, b in pairs], axis=0)
    differing, counting = int(differs.sum()), int((differs & (change != 0)).sum())
    shift = second.estimate - first.estimate - float(seen.mean())
    low, high = (moments_of(np.where(known, change, fill) + shift, counting).bound(sign, confidence)
                 for sign, fill in ((-1, seen.min()), (1, seen.max())))
    reason = None if low is not None and high is not None else _too_few(differing, counting, len(change))
    found = Interval(second.estimate - first.estimate, low, high, method, len(change), reason)
    narrowing = _narrowing(first.values[known], second.values[known])
    return Difference(found.noting(int((~known).sum())), narrowing, differing)


def _too_few(differing: int, counting: int, pairs: int) -> str:
    """Why a difference has no interval."""
    said = f"{differing} of {pairs:,} pairs of paths differ"
    return said if counting == differing else f"{said}, {counting} of them in the tail that is averaged"


def difference_of_probabilities(first: np.ndarray, second: np.ndarray, confidence: float) -> Difference:
    """Of the probabilities of an event, from flags [P] of the same paths (1, 0, NaN unknown).

    Score interval for paired proportions (Tango 1998, Statistics in Medicine 17). A pair with an unknown path is one
    that only the first run has in low, one that only the second has in high.
    """
    method = "paired by path, Tango's score interval"
    known = np.isfinite(first) & np.isfinite(second)
    n, lost = len(first), int((~known).sum())
    if not known.any():
        return Difference(undefined(method, n, "no pair of paths has both outcomes"), None, 0)
    a, b = first[known] > 0, second[known] > 0
    gained, gone = int((b & ~a).sum()), int((a & ~b).sum())
    low, high = tango(gained, gone + lost, n, confidence)[0], tango(gained + lost, gone, n, confidence)[1]
    found = Interval((gained - gone) / int(known.sum()), low, high, method, n)
    return Difference(found.noting(lost), _narrowing(a.astype(float), b.astype(float)), gained + gone)


def tango(gained: int, gone: int, n: int, confidence: float) -> tuple[float, float]:
    """Bounds of P(second) - P(first) when ``gained`` of ``n`` pairs have the event in the second run only.

    They solve (gained - gone - n d) / sqrt(n (2 q + d (1 - d))) = -+z, where q is the maximum-likelihood estimate of
    P(first only) given the difference d.
    """
    from scipy.optimize import brentq

    z = normal_quantile(confidence)

    def score(d: float) -> float:
        b = -gained - gone + (2 * n - gained + gone) * d
        c = -gone * d * (1 - d)
        q = (np.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
        spread = n * (2 * q + d * (1 - d))
        gap = gained - gone - n * d
        return gap / np.sqrt(spread) if spread > 0 else np.copysign(np.inf, gap) if gap else 0.0

    def solved(target: float, low: float, high: float) -> float:
        return brentq(lambda d: float(np.clip(score(d), -1e6, 1e6)) - target, low, high, xtol=1e-14)  # type: ignore[return-value]

    middle = (gained - gone) / n
    low = -1.0 if middle <= -1.0 else solved(z, -1.0, middle)
    high = 1.0 if middle >= 1.0 else solved(-z, middle, 1.0)
    return low, high


def _narrowing(first: np.ndarray, second: np.ndarray) -> float | None:
    """sqrt(var first + var second) over the standard deviation of the differences of values [P]."""
    spread = float((second - first).std())
    return float(np.sqrt(first.var() + second.var())) / spread if spread > 0 else None
