"""Estimators on failed and on weighted paths."""

from __future__ import annotations

import math

import numpy as np
from numpy.testing import assert_allclose
from scipy import stats

from stress.mc.estimators import (
    clopper_pearson,
    conditional_mean,
    expected_shortfall,
    mean,
    order_ranks,
    probability,
    quantile,
    ratio,
    wilson,
)
from stress.mc.estimators.sample import sample


# --- failed paths -----------------------------------------------------------------------------------------------------
def test_failed_paths_stay_in_n_both_ways():
    event = np.zeros(1000)
    event[:20] = 1.0
    event[20:25] = np.nan  # nothing recorded
    failed = np.zeros(1000, bool)
    failed[15:25] = True  # five recorded events, five unknown
    found = probability(sample(event, failed=failed), 0.95)
    assert_allclose(found.low, clopper_pearson(15, 1000, 0.95)[0], rtol=1e-12, atol=0)
    assert_allclose(found.high, clopper_pearson(25, 1000, 0.95)[1], rtol=1e-12, atol=0)
    assert_allclose(found.estimate, 20 / 995, rtol=1e-12, atol=0)
    assert found.n == 1000 and "10 failed paths" in found.method


def test_all_paths_failed():
    lost = sample(np.full(30, np.nan))
    found = probability(lost, 0.95)
    assert (found.estimate, found.low, found.high) == (None, 0.0, 1.0) and found.reason
    for other in (mean(lost, 0.95), quantile(lost, 0.9, 0.95), expected_shortfall(lost, 0.9, 0.95),
                  ratio(lost, lost, 0.95)):
        assert (other.estimate, other.low, other.high) == (None, None, None) and other.reason


def test_failed_paths_shift_the_ranks_of_a_quantile():
    values = np.arange(1.0, 1001.0)
    low, high = order_ranks(1000, 0.9, 0.95)
    failed = np.arange(1000) < 7
    found = quantile(sample(values, failed=failed), 0.9, 0.95)
    assert (found.low, found.high) == (low, high + 7)  # the failed ones, values 1..7, stand below all, then above all
    assert found.estimate == 900.0
    many = quantile(sample(values, failed=values <= 100), 0.9, 0.95)
    assert many.high is None and "failed" in str(many.reason)


def test_failed_paths_widen_means_and_ratios():
    rng = np.random.default_rng(4)
    x = rng.exponential(1.0, 500)
    y = x * rng.uniform(1.0, 2.0, 500)
    failed = np.arange(500) < 5
    for estimate in (lambda f: mean(sample(x, failed=f), 0.95),
                     lambda f: expected_shortfall(sample(x, failed=f), 0.9, 0.95),
                     lambda f: ratio(sample(y, failed=f), sample(x, failed=f), 0.95),
                     lambda f: conditional_mean(sample(x, failed=f), 0.95, highest=24.0, event="was depleted")):
        with_failures, without = estimate(failed), estimate(None)
        assert with_failures.estimate == without.estimate  # what was recorded
        assert with_failures.low < without.low and with_failures.high > without.high
    worst = np.where(failed, x.max(), x)
    assert_allclose(mean(sample(x, failed=failed), 0.95).high, mean(sample(worst), 0.95).high, rtol=1e-12, atol=0)
    assert_allclose(mean(sample(x, failed=failed), 0.95, highest=50.0).high,
                    mean(sample(np.where(failed, 50.0, x)), 0.95).high, rtol=1e-12, atol=0)


# --- weights ----------------------------------------------------------------------------------------------------------
def test_unit_weights_change_nothing():
    rng = np.random.default_rng(5)
    x, y = rng.exponential(1.0, (2, 400))
    ones = np.ones(400)
    for estimate in (lambda w: mean(sample(x, weights=w), 0.95), lambda w: quantile(sample(x, weights=w), 0.9, 0.95),
                     lambda w: ratio(sample(x, weights=w), sample(y, weights=w), 0.95),
                     lambda w: expected_shortfall(sample(x, weights=w), 0.9, 0.95),
                     lambda w: probability(sample(x - 2, weights=w), 0.95)):
        assert estimate(ones) == estimate(None)


def test_weighted_formulas_reduce_to_unweighted():
    """Weights within 1e-12 of one take the weighted formulas, which must then give the unweighted numbers."""
    rng = np.random.default_rng(6)
    x, y = rng.exponential(1.0, (2, 400))
    w = np.ones(400)
    w[0] -= 1e-12
    weighted, plain = sample(x, weights=w), sample(x)
    assert weighted.weights is not None
    pairs = [(mean(weighted, 0.95), mean(plain, 0.95)),
             (expected_shortfall(weighted, 0.9, 0.95), expected_shortfall(plain, 0.9, 0.95)),
             (ratio(weighted, sample(y, weights=w), 0.95), ratio(plain, sample(y), 0.95))]
    for a, b in pairs:
        assert_allclose((a.estimate, a.low, a.high), (b.estimate, b.low, b.high), rtol=1e-9, atol=0)
    share = probability(sample(x - 2, weights=w), 0.95)
    events = np.count_nonzero(x > 2)
    expected = (events / 400, *wilson(events / 400, 400, 0.95))
    assert_allclose((share.estimate, share.low, share.high), expected, rtol=1e-9, atol=0)
    a, b = quantile(weighted, 0.9, 0.95), quantile(plain, 0.9, 0.95)
    ordered = np.sort(x)
    assert a.estimate == b.estimate
    for mine, exact in ((a.low, b.low), (a.high, b.high)):  # the score test and the exact one: a rank or two apart
        assert abs(np.searchsorted(ordered, mine) - np.searchsorted(ordered, exact)) <= 2


def test_importance_sampling_error():
    """RARE-IS-NORM-4: sampling N(-4, 1) for P(N(0, 1) < -4), one draw has relative variance 4.511108668286115."""
    n, z = 200_000, -4.0
    x = np.random.default_rng(7).normal(z, 1.0, n)
    found = probability(sample((x < z).astype(float), weights=np.exp(z * z / 2 - z * x)), 0.95)
    truth = stats.norm.cdf(z)
    error = truth * math.sqrt(4.511108668286115 / n)  # 0.5 % of the probability
    assert abs(found.estimate - truth) < 4.9 * error  # false alarm 1e-6
    assert_allclose((found.high - found.low) / 2, 1.96 * error, rtol=0.03, atol=0)
    assert "likelihood-ratio" in found.method


def test_a_likely_event_under_weights():
    """The complement is estimated when it is the smaller side: an event on every path has probability one."""
    w = np.exp(np.random.default_rng(8).normal(-0.125, 0.5, 1000))
    found = probability(sample(np.ones(1000), weights=w), 0.95)
    assert (found.estimate, found.high) == (1.0, 1.0) and 0.9 < found.low < 1.0
    none = probability(sample(np.zeros(1000), weights=w), 0.95)
    assert (none.estimate, none.low) == (0.0, 0.0)
    assert_allclose(none.high, w.max() * (1 - 0.025 ** (1 / 1000)), rtol=1e-12, atol=0)
