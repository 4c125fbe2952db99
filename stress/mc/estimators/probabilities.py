"""The probability of an event: Clopper-Pearson at unit weights, Wilson on effective counts otherwise."""

from __future__ import annotations

import numpy as np

from stress.mc.estimators.binomial import clopper_pearson, wilson
from stress.mc.estimators.intervals import Interval
from stress.mc.estimators.sample import Sample

EXACT = "Clopper-Pearson"
SCORE = "likelihood-ratio weights, Wilson on effective counts"


def probability(sample: Sample, confidence: float) -> Interval:
    """P(value > 0): estimate and interval, failed paths as no event in low and as an event in high.

    Zero events still give a finite high; with no path recorded the interval stands and the estimate is undefined.
    """
    recorded = sample.recorded()
    if sample.weights is None:
        known = int(np.count_nonzero(sample.known().values > 0))
        low = clopper_pearson(known, sample.n, confidence)[0]
        high = clopper_pearson(known + sample.failures, sample.n, confidence)[1]
        estimate = np.count_nonzero(recorded.values > 0) / recorded.n if recorded.n else None
        method = EXACT
    else:
        low = weighted_share(sample.filled(0.0), confidence)[1]
        high = weighted_share(sample.filled(1.0), confidence)[2]
        estimate = weighted_share(recorded, confidence)[0] if recorded.n else None
        method = SCORE
    reason = "no path recorded an outcome" if estimate is None else None
    return Interval(estimate, float(low), float(high), method, sample.n, reason).noting(sample.failures)


def weighted_share(sample: Sample, confidence: float) -> tuple[float, float, float]:
    """(estimate, low, high) of P(value > 0) under likelihood-ratio weights, no path failed.

    The smaller side is estimated, as mean(w 1{event}): dividing by the sum of the weights instead would carry the
    noise of paths that never come near the event. Its variance says how many plain paths it is worth,
    n_eff = p(1 - p)/variance, which is n at unit weights, and Wilson's interval takes that.
    """
    weights = np.ones(sample.n) if sample.weights is None else sample.weights
    event = sample.values > 0
    inside, outside = weights[event], weights[~event]
    if inside.sum() <= outside.sum():
        return _small_share(inside, weights, confidence)
    share, low, high = _small_share(outside, weights, confidence)
    return 1 - share, 1 - high, 1 - low


def _small_share(inside: np.ndarray, weights: np.ndarray, confidence: float) -> tuple[float, float, float]:
    """The same for an event whose paths carry the weights ``inside``, out of all ``weights`` [P]."""
    n = len(weights)
    share = float(inside.sum()) / n
    variance = (float(np.square(inside).sum()) / n - share * share) / n
    if share == 0.0 or variance <= 0.0 or share >= 1.0:
        # Nothing seen: P(event) = E[w 1{event}] <= max w * Q(event), the sampling law's Q bounded as ever.
        cap = float(clopper_pearson(0, n, confidence)[1]) * float(weights.max(initial=0.0))
        return min(share, 1.0), 0.0, min(max(cap, share), 1.0)
    low, high = wilson(share, share * (1 - share) / variance, confidence)
    return share, float(low), float(high)
