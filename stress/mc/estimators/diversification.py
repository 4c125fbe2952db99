"""What one shared fund saves against a fund for each market, from the drawdowns of both on the same paths."""

from __future__ import annotations

import numpy as np

from stress.mc.estimators.binomial import order_ranks, paths_needed
from stress.mc.estimators.intervals import Interval, undefined
from stress.mc.estimators.quantiles import quantile_rank

RESAMPLES = 1000
SEED = 20_251_010
ROUNDING = 1e-9
"""A saved share below this is what is left of adding up amounts: nothing."""
REACH = 8.0
"""Standard errors of ranks about a quantile beyond which a resample cannot come."""


def own_funds(shared: np.ndarray, own: np.ndarray, p: float, confidence: float) -> tuple[Interval, Interval]:
    """Sum of the p-quantiles of own drawdowns [P, A], and 1 - (p-quantile of the shared one [P]) / that sum.

    Drawdowns in USD, NaN where a path failed. The second is the share of the money that pooling saves: 0 where markets
    lose together, 1 - 1/A at most where only one at a time loses as much. Quantiles are not subadditive (Artzner,
    Delbaen, Eber and Heath 1999), so it may be negative. Percentile bootstrap over whole paths, so that what moves
    all drawdowns together moves them together in a resample, too. Null where the paths cannot bound a quantile.
    """
    method = f"paired by path, percentile bootstrap of {RESAMPLES} resamples"
    values = np.column_stack([shared, own])
    known = values[np.isfinite(values).all(1)]
    n = len(values)
    if not len(known):
        return undefined(method, n, "no path has all drawdowns"), undefined(method, n, "no path has all drawdowns")
    rank = quantile_rank(len(known), p)
    total, saved = _sum_and_share(np.partition(known, rank - 1, axis=0)[None, rank - 1])
    reason = None
    if len(known) < n:
        reason = "some paths have no outcome"
    elif order_ranks(n, p, confidence)[1] > n:
        reason = f"{n:,} paths cannot bound the quantiles: that takes {paths_needed(p, confidence):,}"
    if not total[0]:
        nothing = reason or "no market needs a fund of its own"
        return Interval(0.0, None, None, method, n, nothing), undefined(method, n, nothing)
    if reason:
        return Interval(total[0], None, None, method, n, reason), Interval(saved[0], None, None, method, n, reason)
    totals, shares = _sum_and_share(_resampled(known, rank))
    if not totals.all():
        return (_interval(total[0], totals, confidence, method, n),
                Interval(saved[0], None, None, method, n, "in some resamples no market needs a fund of its own"))
    return _interval(total[0], totals, confidence, method, n), _interval(saved[0], shares, confidence, method, n)


def _sum_and_share(quantiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum [R] of own quantiles and the share [R] that pooling saves (0 where there is no sum), of [R, 1 + A]."""
    total = quantiles[:, 1:].sum(1)
    share = np.where(total > 0, 1 - quantiles[:, 0] / np.where(total > 0, total, 1.0), 0.0)
    return total, np.where(np.abs(share) < ROUNDING, 0.0, share)


def _interval(estimate: float, found: np.ndarray, confidence: float, method: str, n: int) -> Interval:
    tail = 50 * (1 - confidence)
    low, high = np.percentile(found, [tail, 100 - tail])
    return Interval(float(estimate), min(float(low), float(estimate)), max(float(high), float(estimate)), method, n)


def _resampled(values: np.ndarray, rank: int) -> np.ndarray:
    """Quantiles [R, C] of columns of resampled rows [P, C]; only rows that may come near one are drawn one by one."""
    n, random = len(values), np.random.default_rng(SEED)
    beyond = n - rank + 1  # the quantile is the value of this rank from above
    reach = int(min(n, beyond + REACH * np.sqrt(beyond) + 20))
    top = np.unique(np.argpartition(values, n - reach, axis=0)[n - reach:])
    found = np.empty((RESAMPLES, values.shape[1]))
    for k, drawn in enumerate(random.binomial(n, len(top) / n, size=RESAMPLES)):
        sample = values[top[random.integers(0, len(top), drawn)]]
        place = max(drawn - beyond, 0)
        found[k] = np.partition(sample, place, axis=0)[place]
    return found
