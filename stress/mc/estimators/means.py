"""Means and ratios of sums, with t intervals whose degrees of freedom count the paths that contribute.

Most paths of a stress test have no bad debt at all. A standard error from 3 non-zero values among 100,000 is itself
hardly known, so the t quantile takes (contributing paths - 1) degrees of freedom; with every value non-zero that is
the textbook n - 1. Fewer than two contributing paths bound nothing from above: high is None with a reason.

Losses are skewed, and a t interval of skewed values misses on the side of the tail several times as often as it says.
The bound on that side moves out by the first Edgeworth term of the studentised mean, skewness (1 + 2 z^2)/6 standard
errors (Johnson 1978), or, where that is more, to where Hall's cubic, of which it is the first term, is solved whole
("On the removal of skewness by transformation", JRSS B 54, 1992): of the ten paths of a tail the first term is too
little. The other bound stays, so no interval gets narrower.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from stress.mc.estimators.binomial import clopper_pearson, normal_quantile, t_quantile
from stress.mc.estimators.intervals import Interval, undefined
from stress.mc.estimators.sample import Sample

CONTRIBUTING_PATHS_MIN = 2.0
"""A spread takes two values."""
SKEWNESS_MIN = 1e-6
"""Below it the cubic is its first term, to rounding."""


@dataclass(frozen=True)
class Moments:
    """A centre, its standard error, and what that error rests on."""

    centre: float
    error: float
    skewness: float  # of the centre: third moment of the residuals over their variance^1.5, over sqrt(P)
    contributing: float  # paths with a non-zero value (of a ratio: below the line); effective number under weights

    def bound(self, sign: int, confidence: float) -> float | None:
        """The low (-1) or high (+1) bound, or None where fewer than two paths contribute."""
        if self.contributing < CONTRIBUTING_PATHS_MIN:
            return None
        t = t_quantile(confidence, self.contributing - 1)
        errors = _moved_out(t, normal_quantile(confidence), max(sign * self.skewness, 0.0))
        return self.centre + sign * errors * self.error


def _moved_out(t: float, z: float, skewness: float) -> float:
    """Standard errors to the bound on the side of the tail, of t without skewness: by its first term, or by the cubic.

    The cubic is u + k u^2/3 + k^2 u^3/27 + k/6 with k the skewness, u the studentised mean.
    """
    first_term = t + skewness * (1 + 2 * z * z) / 6
    if skewness < SKEWNESS_MIN:
        return first_term
    return max(first_term, 3 / skewness * (1 - math.cbrt(1 - skewness * (t + skewness / 6))))


def mean(sample: Sample, confidence: float, *, highest: float | None = None) -> Interval:
    """Mean of a quantity that is never negative and, if ``highest`` is given, never above that.

    A failed path is 0 in low and ``highest`` (else the largest recorded value) in high.
    """
    method = "mean, t interval corrected for skewness"
    recorded = sample.recorded()
    if not recorded.n:
        return undefined(method, sample.n, "no path recorded an outcome")
    centre = mean_moments(recorded).centre
    low = mean_moments(sample.filled(0.0)).bound(-1, confidence) or 0.0
    top = float(recorded.values.max()) if highest is None else highest
    high, reason = _upper(sample.filled(top), confidence, highest)
    return Interval(centre, max(low, 0.0), high, method, sample.n, reason).noting(sample.failures)


def _upper(sample: Sample, confidence: float, highest: float | None) -> tuple[float | None, str | None]:
    """Upper bound of a mean, or why there is none; no path failed."""
    moments = mean_moments(sample)
    high = moments.bound(+1, confidence)
    if high is not None:
        return high if highest is None else min(high, highest), None
    seen = int(np.count_nonzero(sample.values))
    reason = f"{seen} of {sample.n:,} paths contribute, so how much one contributes is not known"
    if sample.weights is not None:
        return None, reason
    ceiling = float(clopper_pearson(seen, sample.n, confidence)[1])
    if highest is not None:
        return highest * ceiling, None
    return None, f"{reason}; the probability that one does is below {ceiling:.2g}"


def mean_moments(sample: Sample) -> Moments:
    """Mean of w x over paths (values [P] >= 0, none failed), its standard error, and the contributing paths."""
    terms = sample.values if sample.weights is None else sample.values * sample.weights
    centre = float(terms.mean())
    return _moments(centre, terms - centre, _effective(sample.values != 0, sample.weights), sample.n, sample.n)


def moments_of(values: np.ndarray, contributing: int) -> Moments:
    """Moments of the mean of values [P] of either sign, of which so many contribute."""
    centre = float(values.mean())
    return _moments(centre, values - centre, contributing, len(values), len(values))


def _moments(centre: float, residuals: np.ndarray, contributing: float, n: int, scale: float) -> Moments:
    """Moments of a centre that is a sum over n paths divided by ``scale``, from residuals [P] that sum to zero."""
    squares = np.square(residuals)
    spread = float(squares.sum())
    if spread == 0.0 or n < 2:
        return Moments(centre, 0.0, 0.0, contributing)
    error = float(np.sqrt(spread * n / (n - 1))) / scale
    return Moments(centre, error, float(squares @ residuals) / spread / spread**0.5, contributing)


def ratio(top: Sample, bottom: Sample, confidence: float) -> Interval:
    """sum(w top) / sum(w bottom), both never negative, by the delta method (Cochran 1977, section 2.11).

    A failed path is (0, largest bottom) in low and (largest top, 0) in high.
    """
    method = "ratio of sums, delta method, t interval corrected for skewness"
    failed = _either(top.failed, bottom.failed)
    a, b = (Sample(s.values, s.weights, failed) for s in (top, bottom))
    whole = None if failed is None else np.isfinite(a.values) & np.isfinite(b.values)
    seen_a, seen_b = (a, b) if whole is None else (a.keep(whole), b.keep(whole))
    if not seen_a.n:
        return undefined(method, top.n, "no path recorded an outcome")
    centre = _ratio_moments(seen_a, seen_b)
    if centre is None:
        return undefined(method, top.n, "the sum below the line is zero")
    least = _ratio_moments(a.filled(0.0), b.filled(float(seen_b.values.max())))
    most = _ratio_moments(a.filled(float(seen_a.values.max())), b.filled(0.0))
    low = None if least is None else least.bound(-1, confidence)
    high = None if most is None else most.bound(+1, confidence)
    reason = "fewer than two known paths contribute below the line" if high is None else None
    out = Interval(centre.centre, max(low or 0.0, 0.0), high, method, top.n, reason)
    return out.noting(a.failures)


def conditional_mean(sample: Sample, confidence: float, *, highest: float, event: str) -> Interval:
    """Mean over the paths of a sample that was selected by an ``event`` ("was ..."); values within [0, highest].

    Self-normalised, sum(w x) / sum(w), since how many paths were selected is itself random. A failed path may or may
    not have had the event: low takes it in at 0, high at ``highest``. n counts the recorded paths.
    """
    method = "conditional mean, t interval corrected for skewness"
    recorded = sample.recorded()
    if not recorded.n:
        return undefined(method, 0, f"no path {event}")
    moments = [_ratio_moments(s, Sample(np.ones(s.n), s.weights, None))
               for s in (sample.filled(0.0), recorded, sample.filled(highest))]
    if any(m is None for m in moments):
        return undefined(method, recorded.n, f"no path with a weight {event}")
    least, centre, most = (m for m in moments if m is not None)
    low, high = least.bound(-1, confidence), most.bound(+1, confidence)
    reason = None if low is not None and high is not None else f"only one path {event}"
    low = None if low is None else max(low, 0.0)
    high = None if high is None else min(high, highest)
    return Interval(centre.centre, low, high, method, recorded.n, reason).noting(sample.failures)


def _ratio_moments(top: Sample, bottom: Sample) -> Moments | None:
    """Ratio of sums and its delta-method standard error; None where the lower sum is zero. No path failed."""
    weights = top.weights
    a, b = (s.values if weights is None else s.values * weights for s in (top, bottom))
    below = float(b.sum())
    if below == 0.0:
        return None
    centre = float(a.sum()) / below
    used = int(np.count_nonzero((a != 0) | (b != 0)))
    return _moments(centre, a - centre * b, _effective(b != 0, weights), used, below)


def _effective(used: np.ndarray, weights: np.ndarray | None) -> float:
    """How many of the flagged paths [P] there are, by Kish's (sum w)^2 / sum w^2 under weights."""
    if weights is None:
        return float(np.count_nonzero(used))
    chosen = weights[used]
    square = float(np.square(chosen).sum())
    return float(chosen.sum()) ** 2 / square if square > 0 else 0.0


def _either(first: np.ndarray | None, second: np.ndarray | None) -> np.ndarray | None:
    """Logical or of two flags [P] that may be absent."""
    if first is None or second is None:
        return second if first is None else first
    return first | second
