"""What fits are judged by: backtests against hand-computed numbers, statistics of samples, forecasts out of sample."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from stress.price.calibrate.base import Sample
from stress.price.calibrate.checks import compare
from stress.price.calibrate.checks.backtest import christoffersen, kupiec, uniformity
from stress.price.calibrate.checks.compare import dependence, simulated
from stress.price.calibrate.checks.holdout import forecast, out_of_sample
from stress.price.calibrate.checks.statistics import market_statistics, tail_dependence, windows
from stress.price.calibrate.mixture.dynamics import MixtureDynamics
from stress.price.calibrate.models.gbm import gaussian_law
from stress.price.calibrate.models.moments import gaussian


def hits(places: list[int], n: int) -> np.ndarray:
    return np.isin(np.arange(n), places)


def test_kupiec_by_hand() -> None:
    found = kupiec(hits([3, 50, 90, 120, 200, 249], 250), 0.01)
    by_hand = -2 * (244 * math.log(0.99) + 6 * math.log(0.01) - 244 * math.log(244 / 250) - 6 * math.log(6 / 250))
    assert found["statistic"] == pytest.approx(by_hand, rel=1e-12) == pytest.approx(3.555, abs=5e-4)
    assert found["p_value"] == pytest.approx(0.0594, abs=5e-4)
    assert kupiec(hits([], 250), 0.01)["statistic"] == pytest.approx(-500 * math.log(0.99))
    assert kupiec(hits([1], 100), 0.01)["statistic"] == 0.0


def test_christoffersen_by_hand() -> None:
    """Ten days, violations on the 3rd, 4th, 5th and 9th: after none 2 of 5, after one 2 of 4."""
    found = christoffersen(hits([2, 3, 4, 8], 10), 0.1)
    single = 4 * math.log(4 / 9) + 5 * math.log(5 / 9)
    split = 2 * math.log(2 / 5) + 3 * math.log(3 / 5) + 2 * math.log(2 / 4) + 2 * math.log(2 / 4)
    assert found["independence"]["statistic"] == pytest.approx(2 * (split - single), rel=1e-12)
    unconditional = 2 * (4 * math.log(0.4) + 6 * math.log(0.6) - 4 * math.log(0.1) - 6 * math.log(0.9))
    together = found["conditional_coverage"]
    assert together["statistic"] == pytest.approx(unconditional + 2 * (split - single), rel=1e-12)
    assert together["p_value"] == pytest.approx(math.exp(-0.5 * together["statistic"]), rel=1e-9)  # two degrees
    clustered = christoffersen(hits([10, 11, 12, 13, 14], 500), 0.01)
    assert clustered["independence"]["p_value"] < 1e-4 < kupiec(hits([10, 11, 12, 13, 14], 500), 0.01)["p_value"]


def test_uniformity_sees_a_fifth_too_wide() -> None:
    z = np.random.default_rng(1).normal(size=4000)
    right, wide = uniformity(norm.cdf(z)), uniformity(norm.cdf(z / 1.2))
    assert right["p_value"] > 1e-3 > wide["p_value"]  # type: ignore[operator]
    assert sum(right["histogram"]) == pytest.approx(1.0) and len(right["histogram"]) == 20  # type: ignore[arg-type]


def test_windows_and_statistics_of_a_sample_with_a_hole() -> None:
    returns = np.array([[0.01], [-0.02], [np.nan], [0.03], [-0.05], [-0.01], [0.02]])
    np.testing.assert_allclose(windows(returns, 2)[:, 0], [-0.01, np.nan, np.nan, -0.02, -0.06, 0.01])
    table = market_statistics(3600.0)
    assert table["worst_1h"](returns)[0] == pytest.approx(math.expm1(-0.05))
    assert table["worst_4h"](returns)[0] == pytest.approx(math.expm1(-0.01))
    square = returns[:, 0] ** 2 - np.nanmean(returns**2)
    pairs = np.nanmean(square[1:] * square[:-1])
    assert table["squares_lag_1h"](returns)[0] == pytest.approx(pairs / np.nanmean(square**2))
    assert market_statistics(4 * 3600.0).keys().isdisjoint({"worst_1h", "squares_lag_1h"})


def test_tail_dependence_of_the_same_and_of_independent_markets() -> None:
    x, y = np.random.default_rng(2).normal(size=(2, 50_000, 3))
    np.testing.assert_allclose(tail_dependence(x, x), 1.0)
    np.testing.assert_allclose(tail_dependence(x, y), 0.01, atol=0.02)
    both = tail_dependence(x, 0.8 * x + 0.6 * y)
    assert (both > 0.25).all() and (both < 0.45).all()


def normal_sample(scale: float, bars: int, seed: int) -> tuple[MixtureDynamics, Sample]:
    returns = 0.01 * np.random.default_rng(seed).normal(size=(bars, 2)) @ np.array([[1, 0.8], [0, 0.6]])
    moments = gaussian(returns)
    return MixtureDynamics(gaussian_law(moments.__class__(
        moments.mean, scale * moments.volatility, *list(vars(moments).values())[2:])), 2), Sample(["A", "B"], returns, 3600.0)


def test_forecasts_out_of_sample_pass_for_the_truth_and_fail_for_half_of_it() -> None:
    dynamics, sample = normal_sample(1.0, 3600, 3)
    good = out_of_sample(dynamics, sample, 1200)
    assert good["bars"] == 2400
    for market in good["markets"].values():
        assert market["pit_bar"]["p_value"] > 1e-3 and market["pit_day"]["p_value"] > 1e-3
        assert market["var_long"]["n"] == 100 and market["var_long"]["kupiec"]["p_value"] > 1e-3
    tame, _ = normal_sample(0.5, 3600, 3)
    bad = out_of_sample(tame, sample, 1200)
    for market in bad["markets"].values():
        assert market["pit_bar"]["p_value"] < 1e-6 and market["var_long"]["kupiec"]["p_value"] < 1e-6
        assert market["var_short"]["violations"] > 3
    assert good["log_likelihood"]["joint"] > bad["log_likelihood"]["joint"]


def test_ranks_are_those_of_what_came_and_missing_where_it_is_not_seen() -> None:
    dynamics, sample = normal_sample(1.0, 200, 4)
    returns = sample.returns.copy()
    returns[50], returns[75, 1], returns[100] = -1.0, np.nan, 1.0
    ranks = forecast(dynamics, returns, np.array([50, 75, 100]), 1, 99, np.random.default_rng(5))
    assert ranks[0].tolist() == [0, 0] and ranks[2].tolist() == [99, 99]
    assert np.isnan(ranks[1]).tolist() == [False, True]


def test_dependence_of_the_fit_stands_beside_that_of_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "PATHS", 8)
    dynamics, sample = normal_sample(1.0, 20_000, 6)
    row = dependence(sample, simulated(dynamics, sample))["A.B"]
    assert row["simulated_5"] * 0.8 < row["data"] < row["simulated_95"] * 1.2
