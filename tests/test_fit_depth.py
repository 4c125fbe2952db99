"""Fitting order-book depth: known answers come back, wrong ones do not, and what cannot be seen is said so."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from scipy.integrate import quad

from stress.calibrate.regimes import bar_law, obstacle, probabilities, smoothed
from stress.cli.compose import load
from stress.config.price import VarianceConfig
from stress.liquidity.calibrate.level import recent_level
from stress.liquidity.calibrate.regression import Coefficient, Sample, beside_level, least_squares, long_run
from stress.liquidity.calibrate.response import elasticity, regime_response, response_bins
from stress.liquidity.calibrate.windows import Bars, Windows, realised
from stress.liquidity.calibrate.withdrawal import mean_drop, visible

HOUR, DAY = 3600.0, 86_400.0
LIMIT = 4.0
ELASTICITY, WRONG = -0.25, 1.25
"""Of simulated markets; and the factor by which a wrong one is off that must be seen."""


def market(
    seed: int, days: int = 1100, slope: float = ELASTICITY, noise: float = 0.12, name: str = "X"
) -> tuple[Windows, Bars]:
    """Hourly returns of a volatility that wanders, and depth that answers to it under a drifting level."""
    random = np.random.default_rng(seed)
    hours = days * 24
    log_volatility = np.empty(hours)
    log_volatility[0] = 0.0
    for k in range(1, hours):
        log_volatility[k] = 0.985 * log_volatility[k - 1] + 0.09 * random.normal()
    returns = 0.004 * np.exp(log_volatility) * random.normal(size=hours)
    end = np.arange(1, hours + 1) * HOUR
    windows = hours // 8
    mean = log_volatility[: windows * 8].reshape(windows, 8).mean(1)
    level = 18.0 + 0.7 * np.arange(windows) / windows + 0.3 * np.sin(np.arange(windows) / 200.0)
    error = np.empty(windows)
    error[0] = 0.0
    for k in range(1, windows):
        error[k] = 0.4 * error[k - 1] + noise * random.normal()
    usd = np.exp(level + slope * mean + error)
    side = np.exp(0.05 * random.normal(size=windows))
    book = Windows(
        name, np.arange(1, windows + 1) * 8 * HOUR, 8 * HOUR, usd * 2 * side / (1 + side), usd * 2 / (1 + side)
    )
    return book, Bars(end, returns, HOUR)


def z(found: Coefficient, truth: float) -> float:
    return abs(found.estimate - truth) / found.standard_error


# --- windows and bars -----------------------------------------------------------------------------------------------
def test_realised_variance_is_of_the_bars_that_end_in_the_window() -> None:
    bars = Bars(np.arange(1, 49) * HOUR, np.arange(1.0, 49.0), HOUR)
    windows = Windows("X", np.array([8, 16, 40]) * HOUR, 8 * HOUR, np.ones(3), np.ones(3))
    found = realised(windows, bars)
    np.testing.assert_allclose(
        found.variance, [sum(k**2 for k in range(e - 7, e + 1)) for e in (8, 16, 40)], rtol=1e-14
    )
    np.testing.assert_allclose(found.odd + found.even, found.variance, rtol=1e-14)
    holes = Bars(bars.end, np.where(np.arange(48) == 10, np.nan, bars.log_return), HOUR)
    assert np.isnan(realised(windows, holes).variance).tolist() == [False, True, False]
    late = dataclasses.replace(windows, end=np.array([7, 49, 60]) * HOUR)
    assert np.isnan(realised(late, bars).variance).all()
    with pytest.raises(ValueError, match="no two or more whole bars"):
        realised(windows, Bars(bars.end, bars.log_return, 5 * HOUR))


def test_annual_volatility_of_a_window() -> None:
    windows = Windows("X", np.array([8.0]) * HOUR, 8 * HOUR, np.ones(1), np.ones(1))
    bars = Bars(np.arange(1, 9) * HOUR, np.full(8, 0.8 / np.sqrt(8760.0)), HOUR)
    assert np.exp(realised(windows, bars).log_volatility)[0] == pytest.approx(0.8, rel=1e-12)


# --- regressions ----------------------------------------------------------------------------------------------------
def test_the_mean_beside_which_values_are_taken() -> None:
    time, values = np.array([0.0, 1, 2, 5, 6]), np.array([1.0, 2, 4, 8, 16])
    np.testing.assert_allclose(beside_level(time, values, 2.0), [-0.5, 2 - 7 / 3, 1, -4, 4], rtol=1e-14, atol=1e-14)


def test_long_run_variance_against_the_double_sum() -> None:
    random = np.random.default_rng(3)
    time = np.repeat(np.arange(40.0), 2)[:-1]
    score = random.normal(size=(79, 2))
    weight = np.clip(1 - np.abs(time[:, None] - time) / 6.0, 0, None)
    np.testing.assert_allclose(long_run(time, score, 5.0), score.T @ weight @ score, rtol=1e-12)


def test_errors_allow_for_what_lasts() -> None:
    """With an error that lasts, the interval holds the truth as often as it says; without lags it would not."""
    hits, naive = 0, 0
    for seed in range(300):
        random = np.random.default_rng(seed)
        x, e = np.empty(400), np.empty(400)
        x[0], e[0] = random.normal(size=2)
        for k in range(1, 400):
            x[k], e[k] = 0.8 * x[k - 1] + 0.6 * random.normal(), 0.8 * e[k - 1] + 0.6 * random.normal()
        sample = Sample(np.arange(400.0), 0.5 * x + e, x[:, None])
        hits += z(least_squares(sample, 25.0)[0], 0.5) < 1.96
        naive += z(least_squares(sample, 0.0)[0], 0.5) < 1.96
    assert 0.87 < hits / 300 < 0.98
    assert naive / 300 < 0.78


# --- how depth answers ----------------------------------------------------------------------------------------------
def test_the_elasticity_comes_back_and_the_error_of_measurement_does_not() -> None:
    pairs = [market(seed) for seed in (1, 2, 3)]
    windows, volatility = [w for w, _ in pairs], [realised(w, b) for w, b in pairs]
    found = elasticity(windows, volatility)
    assert z(found.corrected, ELASTICITY) < LIMIT, found
    assert z(found.corrected, WRONG * ELASTICITY) > LIMIT, f"no power: {found}"
    assert z(found.naive, ELASTICITY) > LIMIT, f"what is corrected for does not show: {found}"
    assert abs(found.before) > abs(found.after) + 0.02
    x, y = response_bins(windows, volatility)
    assert np.polyfit(x, y, 1)[0] == pytest.approx(found.naive.estimate, abs=0.01)
    alone = elasticity(windows[:1], volatility[:1])
    assert alone.corrected.standard_error > found.corrected.standard_error
    assert z(alone.corrected, ELASTICITY) < LIMIT


def test_beginnings_taken_for_ends_are_seen() -> None:
    windows, bars = market(1)
    shifted = dataclasses.replace(windows, end=windows.end - windows.seconds)
    found = elasticity([shifted], [realised(shifted, bars)])
    assert abs(found.after) > abs(found.before)


def test_no_answer_is_no_answer() -> None:
    windows, bars = market(5, slope=0.0)
    found = elasticity([windows], [realised(windows, bars)])
    assert z(found.corrected, 0.0) < LIMIT
    assert z(found.corrected, ELASTICITY) > LIMIT


# --- regimes --------------------------------------------------------------------------------------------------------
MULTIPLIERS = np.array([1.0, 0.9, 0.7])


def test_depth_in_regimes_comes_back() -> None:
    random, windows, shares = np.random.default_rng(8), [], []
    stay, size = np.array([40.0, 40.0, 12.0]), 3300 * 8
    regime, now = np.empty(size, int), 0
    for k in range(size):
        if random.random() < 1 / stay[now]:
            now = int(random.choice([r for r in range(3) if r != now]))
        regime[k] = now
    share = np.stack([(regime == r).reshape(-1, 8).mean(1) for r in range(3)], axis=1)
    for name, level in (("X", 18.0), ("Y", 15.0)):
        usd = np.exp(level + 0.12 * random.normal(size=len(share))) * (share @ MULTIPLIERS)
        windows.append(Windows(name, np.arange(1, len(share) + 1) * 8 * HOUR, 8 * HOUR, usd, usd))
        shares.append(share)
    for found, truth in zip(regime_response(windows, shares), MULTIPLIERS[1:], strict=True):
        assert abs(found.estimate - np.log(truth)) < LIMIT * found.standard_error + 0.02  # linear in the shares
        assert z(found, np.log(truth) + 0.1) > LIMIT, f"no power: {found}"


def test_probabilities_of_regimes_against_all_their_paths() -> None:
    random = np.random.default_rng(1)
    density, onward, start = random.random((5, 3)), random.dirichlet(np.ones(3), size=3), random.dirichlet(np.ones(3))
    total = np.zeros((5, 3))
    for path in np.ndindex(*[3] * 5):
        weight = start[path[0]] * np.prod([density[t, r] for t, r in enumerate(path)])
        weight *= np.prod([onward[a, b] for a, b in itertools.pairwise(path)])
        for t, r in enumerate(path):
            total[t, r] += weight
    np.testing.assert_allclose(smoothed(density, onward, start), total / total.sum(1, keepdims=True), rtol=1e-12)


def test_regimes_are_told_from_prices() -> None:
    """Of a preset with two regimes and no jumps: simulated bars are put where they came from."""
    price = load(
        [
            "price=gbm",
            "price.markets=[X]",
            "price.initial_prices=100",
            "price.correlation=0",
            "price.volatility=1",
            "+price.regimes={quiet: {volatility: 0.3, depth_multiplier: 1}, wild: {volatility: 1.5, depth_multiplier: 0.5}}",
            "+price.transition_rates={quiet: {wild: 100}, wild: {quiet: 200}}",
            "price.drift=0",
        ]
    )[0].price
    assert obstacle(price) is None
    law, random = bar_law(price, ["X"], 1 / 8760), np.random.default_rng(2)
    np.testing.assert_allclose(np.asarray(law.rates) * 8760, [[-100, 100], [200, -200]], rtol=1e-12)
    regime, now = np.empty(3000, int), 0
    for k in range(3000):
        now = 1 - now if random.random() < (100, 200)[now] / 8760 else now
        regime[k] = now
    returns = np.array([0.3, 1.5])[regime] / np.sqrt(8760) * random.normal(size=3000)
    chance = probabilities(law, returns[:, None])
    assert (chance.argmax(1) == regime).mean() > 0.95
    assert abs(chance[:, 1].mean() - regime.mean()) < 0.03


def test_models_whose_regimes_cannot_be_told_are_named() -> None:
    price = load(["price=regime"])[0].price
    assert obstacle(price) is None
    assert "no regimes" in str(obstacle(load(["price=gbm"])[0].price))
    kou = {
        name: dataclasses.replace(regime, jump=dataclasses.replace(regime.jump, kind="kou"))
        for name, regime in (price.regimes or {}).items()
    }
    assert "kou" in str(obstacle(dataclasses.replace(price, regimes=kou)))
    assert "variance" in str(obstacle(dataclasses.replace(price, variance=VarianceConfig(kind="heston"))))


# --- the level ------------------------------------------------------------------------------------------------------
def test_the_level_and_its_interval() -> None:
    """Over many histories the interval holds the true level about as often as it says."""
    hits, widths = 0, []
    for seed in range(200):
        random = np.random.default_rng(seed)
        error = np.empty(1200)
        error[0] = 0.0
        for k in range(1, 1200):
            error[k] = 0.6 * error[k - 1] + 0.12 * random.normal()
        usd = np.exp(17.0 + error)
        windows = Windows("X", np.arange(1, 1201) * 8 * HOUR, 8 * HOUR, 1.2 * usd, 0.8 * usd)
        found = recent_level(windows, 90.0, np.zeros(1200), 0.95)
        hits += found.low <= np.exp(17.0) <= found.high
        widths.append(found.high / found.low - 1)
    assert 0.88 < hits / 200 < 0.985
    assert 0.01 < np.median(widths) < 0.15
    assert found.bid_share == pytest.approx(0.6, rel=1e-12)
    assert found.windows == 270


def test_the_level_is_that_of_the_first_regime_and_the_trend_is_a_year_s() -> None:
    time, growth = np.arange(1, 1500) * 8 * HOUR, 0.5
    usd = np.exp(16.0 + growth * time / (365 * DAY))
    windows = Windows("X", time, 8 * HOUR, usd, usd)
    plain, quiet = (recent_level(windows, 60.0, np.full(len(time), effect), 0.95) for effect in (0.0, np.log(0.8)))
    assert plain.trend == pytest.approx(growth, rel=1e-9)
    assert quiet.usd == pytest.approx(plain.usd / 0.8, rel=1e-12)
    assert quiet.mean_usd == pytest.approx(plain.usd, rel=1e-12)
    assert plain.usd == pytest.approx(np.exp(np.log(usd)[-180:].mean()), rel=1e-12)


# --- withdrawal -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("half_life", [210.0, None])
def test_what_a_mean_shows_of_makers_who_leave(half_life: float | None) -> None:
    rate = 0.0 if half_life is None else np.log(2) / half_life

    def missing(t: float) -> float:
        left = 20.0 * 0.05 * np.exp(-rate * t)
        return left / (1 + left)

    expected = quad(missing, 0, 28_800.0, limit=500, points=[100, 1000, 5000])[0] / 28_800.0
    assert mean_drop(0.05, 20.0, half_life, 28_800.0) == pytest.approx(expected, rel=1e-6)


def test_how_many_events_it_would_take() -> None:
    """As many as make a mean of that many windows two standard errors off; and the withdrawal that one event shows."""
    found = visible(0.15, 20.0, 210.0, 28_800.0, 0.14)
    assert found.events == pytest.approx((2 * 0.14 / -np.log1p(-found.drop)) ** 2, rel=1e-12)
    assert found.events > 100
    assert found.smallest == np.inf, "all makers leave at once, and the mean of eight hours does not show it"
    slow = visible(0.15, 20.0, 3600.0, 28_800.0, 0.14)
    assert -np.log1p(-mean_drop(0.15, slow.smallest, 3600.0, 28_800.0)) == pytest.approx(0.28, rel=1e-6)
    assert 15.0 < slow.smallest < 25.0
    assert visible(0.15, 20.0, None, 28_800.0, 0.14).events < 1
    assert visible(0.15, 0.0, 210.0, 28_800.0, 0.14).events == np.inf
