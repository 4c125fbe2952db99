"""Estimators against reference values (by id of the reference collection) and on edge cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize, stats

from stress.mc.estimators import (
    clopper_pearson,
    conditional_mean,
    expected_shortfall,
    mean,
    order_ranks,
    paths_needed,
    probability,
    quantile,
    ratio,
    wilson,
)
from stress.mc.estimators.binomial import t_quantile
from stress.mc.estimators.sample import sample


# --- binomial facts ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("events, n, low, high", [
    pytest.param(15, 148, 0.057844010083448576, 0.161650490349479, id="CI-CP-15-148"),
    pytest.param(1, 29, 0.0008726468835799228, 0.1776442954887229, id="CI-CP-1-29"),
    pytest.param(0, 1000, 0.0, 0.003682083896865671, id="CI-CP-0-1000"),
    pytest.param(3, 10000, 6.187148574838716e-05, 0.0008764745225140007, id="CI-CP-3-10000"),
])
def test_clopper_pearson_reference(events, n, low, high):
    assert_allclose(clopper_pearson(events, n, 0.95), (low, high), rtol=1e-9, atol=0)
    values = np.zeros(n)
    values[:events] = 7.0
    found = probability(sample(values), 0.95)
    assert_allclose((found.estimate, found.low, found.high), (events / n, low, high), rtol=1e-9, atol=0)
    assert (found.method, found.n, found.reason) == ("Clopper-Pearson", n, None)


@pytest.mark.parametrize("events, n, low, high", [
    pytest.param(81, 263, 0.2552885198782742, 0.36620957698280004, id="CI-WIL-81-263"),
    pytest.param(0, 20, 0.0, 0.16112515805281938, id="CI-WIL-0-20"),
    pytest.param(1, 29, 0.006113214292762653, 0.17175521879320288, id="CI-WIL-1-29"),
    pytest.param(57, 1_000_000, 4.3999438669502426e-05, 7.384156746981925e-05, id="CI-WIL-57-1000000"),
])
def test_wilson_reference(events, n, low, high):
    assert_allclose(wilson(events / n, n, 0.95), (low, high), rtol=0, atol=1e-12)


def test_zero_events_one_sided_bound():
    """CI-RULE3: 1 - 0.05^(1/1000) is the upper end of a two-sided 90 % interval."""
    assert_allclose(clopper_pearson(0, 1000, 0.90)[1], 0.0029912495450953314, rtol=1e-10, atol=0)


def test_clopper_pearson_ends():
    assert_allclose(clopper_pearson(5, 5, 0.95), (0.025 ** (1 / 5), 1.0), rtol=1e-12, atol=0)
    assert_allclose(clopper_pearson(1, 1, 0.95), (0.025, 1.0), rtol=1e-12, atol=0)
    low, high = clopper_pearson(np.array([0, 3, 10]), 10, 0.95)
    assert_allclose([low[1], high[1]], [0.06673951117773447, 0.6524528500599973], rtol=1e-10, atol=0)
    assert (low[0], high[2]) == (0.0, 1.0)


@pytest.mark.parametrize("bounds, p, coverage", [
    pytest.param(clopper_pearson, 0.01, 0.9816259635553501, id="CI-COV-CP-0.01"),
    pytest.param(clopper_pearson, 0.05, 0.9826070607121805, id="CI-COV-CP-0.05"),
    pytest.param(lambda k, n, c: wilson(k / n, n, c), 0.05, 0.9658911766162491, id="CI-COV-WIL-0.05"),
])
def test_exact_coverage_by_enumeration(bounds, p, coverage):
    events = np.arange(101)
    low, high = bounds(events, 100, 0.95)
    covered = stats.binom.pmf(events, 100, p)[(low <= p) & (p <= high)].sum()
    assert_allclose(covered, coverage, rtol=0, atol=1e-10)


# --- quantiles --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("n, p, ranks, coverage", [
    pytest.param(100, 0.5, (40, 61), 0.9647997997822952, id="QCI-100-0.5"),
    pytest.param(10_000, 0.999, (9983, 9997), 0.9754574618536163, id="QCI-10000-0.999"),
    pytest.param(100_000, 0.9999, (99983, 99997), 0.9753934511437041, id="QCI-100000-0.9999"),
])
def test_order_ranks_reference(n, p, ranks, coverage):
    assert order_ranks(n, p, 0.95) == ranks
    exact = stats.binom.cdf(ranks[1] - 1, n, p) - stats.binom.cdf(ranks[0] - 1, n, p)
    assert_allclose(exact, coverage, rtol=0, atol=1e-10)
    values = np.random.default_rng(1).permutation(np.arange(1.0, n + 1))
    found = quantile(sample(values), p, 0.95)
    assert (found.estimate, found.low, found.high) == (math.ceil(round(n * p, 6)), *ranks)


@pytest.mark.parametrize("n, p, confidence", [(1, 0.5, 0.5), (7, 0.3, 0.9), (60, 0.99, 0.95), (350, 0.02, 0.999)])
def test_order_ranks_obey_their_rule(n, p, confidence):
    low, high = order_ranks(n, p, confidence)
    tail = (1 - confidence) / 2

    def cdf(rank):
        return stats.binom.cdf(rank - 1, n, p) if rank > 0 else 0.0

    assert cdf(low) <= tail < cdf(low + 1)
    assert cdf(high) >= 1 - tail
    assert high == 1 or cdf(high - 1) < 1 - tail


def test_wilks_sample_sizes():
    """WILKS-0.99: the m-th largest of 299, 473, 628 is an upper 95 % bound (one-sided) of the 99 % quantile."""
    for m, n in enumerate([299, 473, 628], start=1):
        assert order_ranks(n, 0.99, 0.90)[1] == n - m + 1
        assert order_ranks(n - 1, 0.99, 0.90)[1] == n - m + 1  # one path less: one order statistic further out


def test_paths_needed_for_the_9999_fund():
    assert paths_needed(0.9999, 0.95) == 36_887
    values = np.arange(36_887.0)
    assert quantile(sample(values), 0.9999, 0.95).high == 36_886.0
    short = quantile(sample(values[:-1]), 0.9999, 0.95)
    assert short.high is None and "36,887" in str(short.reason)


@pytest.mark.parametrize("n, p, rank", [(100, 0.07, 7), (1000, 0.99, 990), (10, 0.75, 8), (1, 0.99, 1), (3, 0.001, 1)])
def test_quantile_is_the_inverse_of_the_empirical_cdf(n, p, rank):
    """The smallest x with F(x) >= p; 100 * 0.07 is 7.000000000000001 in floating point and still means 7."""
    assert quantile(sample(np.arange(1.0, n + 1)), p, 0.95).estimate == rank


def test_required_fund_is_the_smallest_that_suffices():
    losses = np.random.default_rng(2).integers(0, 40, 5000).astype(float)
    fund = quantile(sample(losses), 0.9, 0.95).estimate
    assert np.mean(losses > fund) <= 0.1 < np.mean(losses > np.nextafter(fund, 0))


# --- expected shortfall -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("p, value", [
    pytest.param(0.75, 6.94, id="ES-EMP-0.75"), pytest.param(0.9, 9.8, id="ES-EMP-0.9"),
    pytest.param(0.93, 9.8, id="ES-EMP-0.93"),
])
def test_empirical_expected_shortfall(p, value):
    losses = np.array([9.8, -3.2, 1.3, -1.1, 0.4, 5.5, 0.9, 2.2, 2.7, 4.1])
    assert_allclose(expected_shortfall(sample(losses), p, 0.95).estimate, value, rtol=0, atol=1e-12)


GRID = 2_000_000


def grid(inverse_cdf):
    """A sample without noise: the quantiles at the middles of GRID equal slices of probability."""
    return sample(inverse_cdf((np.arange(GRID) + 0.5) / GRID))


@pytest.mark.parametrize("law, p, var, shortfall", [
    pytest.param(stats.norm(), 0.95, 1.6448536269514722, 2.0627128075074257, id="ES-NORM-0.95"),
    pytest.param(stats.norm(), 0.99, 2.3263478740408408, 2.665214220345806, id="ES-NORM-0.99"),
    pytest.param(stats.norm(), 0.999, 3.090232306167813, 3.367090077063992, id="ES-NORM-0.999"),
    pytest.param(stats.t(4), 0.95, 2.1318467863266495, 3.202870402094874, id="ES-T4-0.95"),
    pytest.param(stats.t(8), 0.975, 2.306004135204166, 2.9699066361707893, id="ES-T8-0.975"),
    pytest.param(stats.t(3), 0.99, 4.540702858568132, 7.003082036242108, id="ES-T3-0.99"),
])
def test_tail_of_a_known_law(law, p, var, shortfall):
    losses = grid(law.ppf)
    assert_allclose(quantile(losses, p, 0.95).estimate, var, rtol=5e-4, atol=0)
    assert_allclose(expected_shortfall(losses, p, 0.95).estimate, shortfall, rtol=2e-3, atol=0)


@pytest.mark.parametrize("p, deviation", [
    pytest.param(0.975, 3.199252980980436, id="ES-ASYSD-NORM-0.975"),
    pytest.param(0.99, 4.588362362356269, id="ES-ASYSD-NORM-0.99"),
    pytest.param(0.999, 12.015345269184488, id="ES-ASYSD-NORM-0.999"),
])
def test_influence_function_error(p, deviation):
    """The low side is a plain t bound, so it shows sqrt(n) times the standard error."""
    found = expected_shortfall(grid(stats.norm.ppf), p, 0.95)
    t = t_quantile(0.95, round(GRID * (1 - p)) - 1)
    assert_allclose((found.estimate - found.low) / t * math.sqrt(GRID), deviation, rtol=5e-3, atol=0)
    assert 1.0 < (found.high - found.estimate) / (found.estimate - found.low) < 1.3  # the skewness moves high alone


@pytest.mark.parametrize("p, var, shortfall", [
    pytest.param(0.99, 448.22052682811744, 599.3495014972038, id="IF-LADDER-0.99"),
    pytest.param(0.999, 791.7683521352363, 992.8619340536077, id="IF-LADDER-0.999"),
    pytest.param(0.9999, 1248.0614706180927, 1420.2290913219363, id="IF-LADDER-0.9999"),
])
def test_fund_of_a_four_rung_ladder(p, var, shortfall):
    deviation = 0.8 * math.sqrt(0.00045662100456621003)
    final = 100.0 * np.exp(-0.5 * deviation**2 + deviation * stats.norm.ppf((np.arange(GRID) + 0.5) / GRID))
    losses = sample(sum(n * np.maximum(b - final, 0) for n, b in [(50, 99), (120, 98), (80, 97), (200, 95)]))
    assert_allclose(quantile(losses, p, 0.95).estimate, var, rtol=2e-3, atol=0)
    assert_allclose(expected_shortfall(losses, p, 0.95).estimate, shortfall, rtol=2e-3, atol=0)


# --- edge cases -------------------------------------------------------------------------------------------------------
def test_zero_events_still_bound_the_probability():
    found = probability(sample(np.zeros(400)), 0.95)
    assert (found.estimate, found.low) == (0.0, 0.0)
    assert_allclose(found.high, 1 - 0.025 ** (1 / 400), rtol=1e-12, atol=0)


def test_a_mean_of_nothing_is_not_certain():
    found = mean(sample(np.zeros(400)), 0.95)
    assert (found.estimate, found.low, found.high) == (0.0, 0.0, None)
    assert "0 of 400 paths" in str(found.reason)
    bounded = mean(sample(np.zeros(400)), 0.95, highest=2.0)
    assert_allclose(bounded.high, 2 * (1 - 0.025 ** (1 / 400)), rtol=1e-12, atol=0)
    tail = expected_shortfall(sample(np.zeros(400)), 0.99, 0.95)
    assert (tail.estimate, tail.low, tail.high) == (0.0, 0.0, None) and tail.reason


def test_all_equal_data():
    same = sample(np.full(1000, 3.0))
    assert [mean(same, 0.95).low, mean(same, 0.95).high] == [3.0, 3.0]
    assert [quantile(same, 0.99, 0.95).low, quantile(same, 0.99, 0.95).high] == [3.0, 3.0]
    assert [ratio(same, same, 0.95).low, ratio(same, same, 0.95).high] == [1.0, 1.0]
    tail = expected_shortfall(same, 0.99, 0.95)
    assert (tail.estimate, tail.low, tail.high) == (3.0, 3.0, None)


def test_one_and_two_paths():
    one, two = sample(np.array([4.0])), sample(np.array([4.0, 6.0]))
    assert (mean(one, 0.95).estimate, mean(one, 0.95).high) == (4.0, None)
    found = mean(two, 0.5)
    assert_allclose((found.estimate, found.low, found.high), (5.0, 4.0, 6.0), rtol=1e-12, atol=0)  # t_1 at 50 % is 1
    assert quantile(one, 0.99, 0.95).high is None and quantile(two, 0.99, 0.95).high is None
    assert ratio(one, one, 0.95).high is None
    assert_allclose(probability(one, 0.95).low, 0.025, rtol=1e-12, atol=0)
    assert probability(one, 0.95).high == 1.0


def test_mean_of_symmetric_data_is_the_textbook_t_interval():
    x = np.array([10.0, 11.0, 12.0, 13.0, 14.0])
    expected = stats.t.interval(0.95, 4, 12.0, stats.sem(x))
    found = mean(sample(x), 0.95)
    assert_allclose((found.low, found.high), expected, rtol=1e-9, atol=0)


def test_skewness_moves_the_side_of_the_tail_out():
    x = np.append(np.zeros(50), np.arange(1.0, 51.0) ** 2)
    found = mean(sample(x), 0.95)
    error, t, z = stats.sem(x), stats.t.ppf(0.975, 49), stats.norm.ppf(0.975)
    assert_allclose(found.estimate - found.low, t * error, rtol=1e-9, atol=0)
    k = stats.skew(x) / math.sqrt(100)
    cubic = optimize.brentq(lambda u: u + k * u**2 / 3 + k**2 * u**3 / 27 + k / 6 + t, -20.0, 0.0)
    assert -cubic > t + k * (1 + 2 * z * z) / 6 > t
    assert_allclose(found.high - found.estimate, -cubic * error, rtol=1e-9, atol=0)


def test_conditional_mean_by_hand():
    found = conditional_mean(sample(np.array([1.0, 2.0, 3.0])), 0.95, highest=24.0, event="was depleted")
    half = stats.t.ppf(0.975, 2) * 1.0 / math.sqrt(3)
    assert_allclose((found.estimate, found.high), (2.0, 2.0 + half), rtol=1e-9, atol=0)
    assert (found.low, found.n) == (0.0, 3)  # 2 - 2.48 is clipped at zero
    none = conditional_mean(sample(np.array([])), 0.95, highest=24.0, event="was depleted")
    assert (none.estimate, none.low, none.high, none.n) == (None, None, None, 0) and "depleted" in str(none.reason)


def test_errors_agree_with_the_bootstrap():
    """Closed-form standard errors against 1,000 bootstrap replications: 2.2 % noise, 4.5 standard errors allowed."""
    rng = np.random.default_rng(3)
    twin = rng.exponential(1.0, 2000)
    main = twin * (1 + rng.exponential(0.5, 2000))
    picks = rng.integers(0, 2000, (1000, 2000))
    t = t_quantile(0.95, 1999)
    found = ratio(sample(main), sample(twin), 0.95)
    again = main[picks].sum(1) / twin[picks].sum(1)
    assert_allclose((found.estimate - found.low) / t, again.std(), rtol=0.1, atol=0)
    tail = expected_shortfall(sample(main), 0.9, 0.95)
    again = np.sort(main[picks], axis=1)[:, -200:].mean(1)
    assert_allclose((tail.estimate - tail.low) / t_quantile(0.95, 199), again.std(), rtol=0.1, atol=0)
