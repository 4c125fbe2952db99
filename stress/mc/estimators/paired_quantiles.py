"""Differences of quantiles (values at risk, required funds) between two runs on the same market paths."""

from __future__ import annotations

import math

import numpy as np

from stress.mc.estimators.binomial import normal_quantile, order_ranks, paths_needed
from stress.mc.estimators.intervals import Interval, undefined
from stress.mc.estimators.paired import Difference
from stress.mc.estimators.quantiles import decimal, quantile_rank


def difference_of_quantiles(first: np.ndarray, second: np.ndarray, p: float, confidence: float) -> Difference:
    """Of the p-quantiles of values [P] of the same paths.

    The pair of quantiles is tested as a pair, by the likelihood ratio: with both true as many paths are beyond one as
    beyond the other, namely 1 - p of all, and how many are beyond both is what pairing brings. The interval holds the
    differences of all pairs that are not rejected (empirical likelihood: Owen 2001, section 3.6). Unlike percentiles of
    resamples it does not take a quantile for certain because few paths, or none near it, differ. Where the paths cannot
    bound a single run's quantile, they cannot bound the difference.
    """
    method = "paired by path, likelihood-ratio test of both quantiles inverted"
    known = np.isfinite(first) & np.isfinite(second)
    a, b = first[known], second[known]
    n = len(a)
    if not n:
        return Difference(undefined(method, len(first), "no pair of paths has both outcomes"), None, 0)
    rank = quantile_rank(n, p)
    estimate = float(np.partition(b, rank - 1)[rank - 1] - np.partition(a, rank - 1)[rank - 1])
    differing = int(np.count_nonzero(a != b))
    reason = None
    if not known.all():
        reason = "some paths have no outcome"
    elif order_ranks(n, p, confidence)[1] > n:
        reason = f"{n:,} paths cannot bound the quantile of a run: that takes {paths_needed(p, confidence):,}"
    elif not differing:
        reason = f"0 of {n:,} pairs of paths differ"
    if reason is not None:
        return Difference(Interval(estimate, None, None, method, len(first), reason), None, differing)
    low, high, apart = _not_rejected(a, b, n * float(1 - decimal(p)), normal_quantile(confidence))
    narrowing = apart / (high - low) if high > low and apart > 0 else None
    return Difference(Interval(estimate, low, high, method, len(first)), narrowing, differing)


def _not_rejected(a: np.ndarray, b: np.ndarray, tail: float, z: float) -> tuple[float, float, float]:
    """Least and greatest difference of a pair of quantiles that ``tail`` of the paths are expected beyond.

    The third number is the width that the same paths would give unpaired. A quantile with i paths beyond it lies
    between the values of rank i + 1 and i from above; the two of a pair are taken at the same ends of theirs. Equal
    values are ranked by path, in both runs alike.
    """
    n, reach = len(a), math.ceil(z * math.sqrt(tail) + z * z / 2) + 2
    first, last = max(math.floor(tail) - reach, 1), min(math.ceil(tail) + reach, n - 1)
    of_a, of_b = (_ordered(values, last + 1) for values in (a, b))
    beyond = np.arange(first, last + 1)
    rows, columns = np.nonzero(_log_ratio(beyond, _beyond_both(of_a, of_b, n, first, last), n, tail) <= z * z)
    ends_a, ends_b = ((values[order][first:], values[order][first - 1:-1]) for values, order in ((a, of_a), (b, of_b)))
    change = np.array([of_second[columns] - of_first[rows] for of_first, of_second in zip(ends_a, ends_b, strict=True)])
    inside = np.abs(beyond - tail) <= z * math.sqrt(tail * (1 - tail / n))
    apart = math.hypot(*(float(above[inside].max() - below[inside].min()) for below, above in (ends_a, ends_b)))
    return float(change.min()), float(change.max()), apart


def _log_ratio(beyond: np.ndarray, both: np.ndarray, n: int, tail: float) -> np.ndarray:
    """Twice the log likelihood ratio [I, I] of: beyond either quantile are ``tail`` of n paths, expected.

    So many are ``beyond`` [I] the first, and the second, and ``both`` [I, I] beyond both of them. Where t is the share
    beyond either, the likelihood is greatest at the share x beyond the first alone that solves
    n x^2 - (alone + both (1 - t) + neither t) x + alone t (1 - t) = 0.
    """
    from scipy.special import xlogy

    t, first, second = tail / n, beyond[:, None] - both, beyond[None, :] - both
    alone, neither = first + second, n - first - second - both
    middle = alone + both * (1 - t) + neither * t
    x = (middle - np.sqrt(np.maximum(np.square(middle) - 4 * n * alone * t * (1 - t), 0.0))) / (2 * n)
    cells = ((both, t - x), (first, x), (second, x), (neither, 1 - t - x))
    return sum(2 * xlogy(seen, seen / np.where(seen > 0, n * share, 1.0)) for seen, share in cells)  # type: ignore[return-value]


def _ordered(values: np.ndarray, wanted: int) -> np.ndarray:
    """Paths with the largest ``wanted`` values [P], largest first, the same values by path."""
    n = len(values)
    least = np.partition(values, max(n - wanted, 0))[max(n - wanted, 0)]
    some = np.flatnonzero(values >= least)
    return some[np.argsort(-values[some], kind="stable")][:wanted]


def _beyond_both(of_a: np.ndarray, of_b: np.ndarray, n: int, first: int, last: int) -> np.ndarray:
    """How many paths are among the first i of one order and the first j of the other, for both in first..last."""
    size = last - first + 1
    place_a, place_b = np.full(n, size), np.full(n, size)
    for place, order in ((place_a, of_a), (place_b, of_b)):
        place[order] = np.minimum(np.maximum(np.arange(len(order)) - first + 1, 0), size)
    seen = (place_a < size) & (place_b < size)
    count = np.bincount(place_a[seen] * size + place_b[seen], minlength=size * size).reshape(size, size)
    return count.cumsum(0).cumsum(1)
