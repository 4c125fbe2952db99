"""Quantiles (value at risk, required fund) and the expected shortfall beyond them."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from stress.mc.estimators.binomial import normal_quantile, order_ranks, paths_needed
from stress.mc.estimators.intervals import Interval, undefined
from stress.mc.estimators.means import Moments, mean_moments
from stress.mc.estimators.sample import Sample


def quantile(sample: Sample, p: float, confidence: float) -> Interval:
    """p-quantile of a quantity that is never negative: the smallest x with P(value > x) <= 1 - p.

    Interval by order statistics, exact for every law at unit weights; by inverting the score test of
    P(value > x) = 1 - p under weights. Where n cannot reach the upper limit high is None, and the reason says how many
    paths would.
    """
    method = "order statistics" if sample.weights is None else "likelihood-ratio weights, inverted score test"
    if not sample.recorded().n:
        return undefined(method, sample.n, "no path recorded an outcome")
    find = _exact if sample.weights is None else _weighted
    return find(sample, p, confidence, method).noting(sample.failures)


def _exact(sample: Sample, p: float, confidence: float, method: str) -> Interval:
    """Unit weights. Failed paths stand below all known ones in low, above all in high: the ranks move, no more."""
    l_rank, u_rank = order_ranks(sample.n, p, confidence)
    known = sample.known().values
    l_rank -= sample.failures
    recorded = known if sample.failed is None else sample.recorded().values
    middle = quantile_rank(len(recorded), p)
    wanted = {r for r in (l_rank, u_rank) if 1 <= r <= len(known)}
    if sample.failed is None:
        wanted.add(middle)
    ordered = np.partition(known, sorted(r - 1 for r in wanted)) if wanted else known
    estimate = ordered[middle - 1] if sample.failed is None else np.partition(recorded, middle - 1)[middle - 1]
    low = ordered[l_rank - 1] if l_rank >= 1 else 0.0
    if u_rank <= len(known):
        return Interval(float(estimate), float(low), float(ordered[u_rank - 1]), method, sample.n)
    reason = f"{sample.n:,} paths cannot bound it from above: that takes {paths_needed(p, confidence):,}"
    if u_rank <= sample.n:
        reason = "the upper limit lies among the failed paths"
    return Interval(float(estimate), float(low), None, method, sample.n, reason)


def _weighted(sample: Sample, p: float, confidence: float, method: str) -> Interval:
    """Likelihood-ratio weights: T(x) = mean(w 1{value > x}) against 1 - p (Glynn 1996; Wilson's test inverted)."""
    tail = 1 - p
    estimate = tail_quantile(sample.recorded(), tail)
    low = tail_quantile(sample.filled(0.0), tail + _slack(sample.filled(0.0), estimate, tail, confidence))
    ceiling = sample.filled(np.inf)
    reach = tail - _slack(ceiling, estimate, tail, confidence)
    high = tail_quantile(ceiling, reach) if reach >= 0 else math.inf
    if math.isfinite(high):
        return Interval(estimate, low, high, method, sample.n)
    reason = "too few effective paths beyond the quantile to bound it from above" if reach < 0 else \
        "the upper limit lies among the failed paths"
    return Interval(estimate, low, None, method, sample.n, reason)


def _slack(sample: Sample, at: float, tail: float, confidence: float) -> float:
    """z sqrt(tail (1 - tail) / n_eff): n_eff plain paths would know P(value > at) as well as the weighted ones do.

    With no weight beyond ``at`` there is no such variance, and Kish's effective number of all paths stands in.
    """
    weights = np.ones(sample.n) if sample.weights is None else sample.weights
    terms = np.where(sample.values > at, weights, 0.0)
    share, variance = float(terms.mean()), float(terms.var()) / sample.n
    if 0 < share < 1 and variance > 0:
        effective = share * (1 - share) / variance
    else:
        effective = float(weights.sum()) ** 2 / max(float(np.square(weights).sum()), np.finfo(float).tiny)
    return normal_quantile(confidence) * math.sqrt(tail * (1 - tail) / effective) if effective > 0 else math.inf


def tail_quantile(sample: Sample, tail: float) -> float:
    """The smallest value x of the sample with mean(w 1{value > x}) <= tail; no path failed."""
    if sample.weights is None:
        rank = quantile_rank(sample.n, 1 - tail)
        return float(np.partition(sample.values, rank - 1)[rank - 1])
    order = np.argsort(sample.values, kind="stable")
    weights = sample.weights[order]
    beyond = np.append(np.cumsum(weights[:0:-1])[::-1], 0.0)
    allowed = tail * sample.n
    first = int(np.argmax(beyond <= allowed * (1 + 1e-12)))  # the cumulative sum rounds
    return float(sample.values[order[first]])


def quantile_rank(n: int, p: float) -> int:
    """Rank (1-based) of the empirical p-quantile, ceil(n p), with p as the decimal it was written as."""
    return max(1, math.ceil(n * decimal(p)))


def decimal(p: float) -> Fraction:
    """p as the decimal it was written as."""
    return Fraction(str(round(float(p), 12)))


def expected_shortfall(sample: Sample, p: float, confidence: float) -> Interval:
    """Mean of the worst 1 - p of a quantity that is never negative.

    Acerbi & Tasche (2002): the order statistic on the boundary enters with the fraction that makes the tail exactly
    1 - p, which is q + mean(w (x - q)^+)/(1 - p) with q the empirical quantile (Rockafellar & Uryasev 2002). Standard
    error from the influence function (x - q)^+/(1 - p): the error of q cancels to first order. t interval with as many
    degrees of freedom as paths lie beyond q, less one. A failed path is 0 in low, the largest recorded value in high.
    """
    method = "Acerbi-Tasche, influence function, t interval corrected for skewness"
    recorded = sample.recorded()
    if not recorded.n:
        return undefined(method, sample.n, "no path recorded an outcome")
    estimate = _shortfall(recorded, p).centre
    low = _shortfall(sample.filled(0.0), p).bound(-1, confidence)
    if low is None:  # it is never below the quantile
        low = quantile(sample, p, confidence).low
    high = _shortfall(sample.filled(float(recorded.values.max())), p).bound(+1, confidence)
    reason = None if high is not None else "fewer than two paths lie beyond the quantile, so their size is unknown"
    return Interval(estimate, max(low or 0.0, 0.0), high, method, sample.n, reason).noting(sample.failures)


def _shortfall(sample: Sample, p: float) -> Moments:
    """Expected shortfall, standard error and number of paths beyond the quantile; no path failed."""
    q = tail_quantile(sample, 1 - p)
    excess = mean_moments(Sample(np.maximum(sample.values - q, 0.0), sample.weights, None))
    return Moments(q + excess.centre / (1 - p), excess.error / (1 - p), excess.skewness, excess.contributing)
