"""Every model in the limits that make it another one: path by path where the noise is the same, else in law."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats

from tests.studies import regime
from tests.walks import DAY, Ends, Levels, Model, counted, ends, uncompensated, walk
from tests.z_tests import NOISE_ALARM, STATISTICS, ZTest, mean, variance

SEED, TICKS, PATHS, HORIZON = 51, 12, 8192, 12 * DAY
MANY = 2**17
GBM: dict[str, Any] = {"drift": 0.1, "volatility": 0.8}
KOU = {"kind": "kou", "intensity": 60.0, "up_probability": 0.4, "eta_up": 20.0, "eta_down": 15.0}
MERTON = {"kind": "merton", "intensity": 60.0, "mean": -0.03, "std": 0.06}
HAWKES = {"kind": "hawkes", "alpha": 60.0, "beta": 100.0, "initial": "base"}
HESTON = {"kind": "heston", "kappa": 20.0, "theta": 0.64, "xi": 3.0, "rho": -0.4}
GARCH = {"kind": "garch", "period_seconds": 86400.0, "alpha": 0.1, "gamma": 0.05, "beta": 0.8, "nu": 6.0}


def model(**price: Any) -> Model:
    return Model(HORIZON, {"initial_prices": 100.0, **GBM, **price})


def logs(law: Model, paths: int = PATHS) -> np.ndarray:
    """Log prices [P] after twelve daily ticks."""
    return ends(law.build(TICKS), steps=TICKS, paths=paths, seed=SEED)["log"][:, 0]


def heston(**numbers: Any) -> Model:
    return model(volatility=None, variance={**HESTON, **numbers})


def garch(**numbers: Any) -> Model:
    return model(variance={**GARCH, **numbers})


FULL = {
    "merton": model(jump=MERTON),
    "kou": model(jump=KOU),
    "hawkes": model(jump=MERTON, intensity=HAWKES),
    "heston": heston(),
    "bates": heston().changed(jump=MERTON),
    "garch": garch(),
}
ONE = {"regimes": {"one": regime()}, "transition_rates": {}}


@pytest.mark.parametrize("name", FULL)
def test_one_regime_is_none(name: str) -> None:
    """Bitwise."""
    law = FULL[name]
    np.testing.assert_array_equal(logs(law.changed(**ONE)), logs(law))
    double = {**ONE, "regimes": {"one": regime(volatility_multiplier=2.0)}}
    assert logs(law.changed(**double)).std() > 1.2 * logs(law).std()


SILENT = {
    "kou": (model(jump={**KOU, "intensity": 0.0}), model()),
    "hawkes": (model(jump={**MERTON, "intensity": 0.0}, intensity=HAWKES), model()),
    "bates": (heston().changed(jump={**MERTON, "intensity": 0.0}), heston()),
    "garch with jumps": (garch().changed(jump={**KOU, "intensity": 0.0}), garch()),
}


@pytest.mark.parametrize("name", SILENT)
def test_jumps_that_do_not_come(name: str) -> None:
    """Without its jumps a model is its diffusion, to the rounding of a sum with zero; with them it is not."""
    law, without = SILENT[name]
    np.testing.assert_allclose(logs(law), logs(without), rtol=0, atol=1e-15)
    assert np.abs(logs(law.changed(jump={"intensity": 60.0})) - logs(without)).max() > 0.05


CONSTANT = {
    "heston, variance of variance 0": (heston(xi=0.0), 1e-4),
    "garch, no shocks": (garch(alpha=0.0, gamma=0.0, nu=None), 1e-13),
    "garch, nothing": (garch(alpha=0.0, gamma=0.0, beta=0.0, nu=None), 1e-13),
    "garch, four bars a tick": (garch(alpha=0.0, gamma=0.0, nu=None, period_seconds=21600.0), None),
    "kou, jumps of no size": (model(jump={**KOU, "eta_up": 1e9, "eta_down": 1e9}), 1e-6),
}


@pytest.mark.parametrize("name", CONSTANT)
def test_constant_variance_is_gbm(name: str) -> None:
    """Path by path on the same normals, or in law where a tick takes more of them."""
    law, tolerance = CONSTANT[name]
    if tolerance is not None:
        np.testing.assert_allclose(logs(law), logs(model()), rtol=0, atol=tolerance)
        assert logs(model()).std() > 0.1
        return
    like_gbm(law, name)


def like_gbm(law: Model, name: str) -> None:
    """Four moments of the exact law; 2 % of the volatility are rejected."""
    log, square = logs(law, MANY), 0.64 * HORIZON
    expected = {"mean": 0.1 * HORIZON - 0.5 * square, "variance": square, "skewness": 0.0, "kurtosis": 0.0}
    for statistic, value in expected.items():
        ZTest(STATISTICS[statistic](log), value, statistic, name, SEED, law.price).agrees()
    ZTest(variance(log), 1.02**2 * square, "variance", name, SEED, law.price).rejects()


def test_markets_of_heston_without_variance_of_variance_are_gbm() -> None:
    """Path by path, and so with the correlation of the configuration: rho means nothing there."""
    both = {"correlation": 0.6, "initial_prices": 100.0, "drift": 0.1}
    variance = {**HESTON, "xi": 0.0, "rho": [-0.7, 0.5]}
    still = Model(HORIZON, {**both, "volatility": None, "variance": variance}, ("X", "Y"))
    gbm = Model(HORIZON, {**both, "volatility": 0.8}, ("X", "Y"))
    ours, theirs = (ends(law.build(TICKS), steps=TICKS, paths=PATHS, seed=SEED)["log"] for law in (still, gbm))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)
    assert np.corrcoef(theirs.T)[0, 1] > 0.5


def test_a_variance_may_die() -> None:
    """With theta zero: E[v_T] = v_0 exp(-kappa T), the price stays a martingale, and nothing is no number."""
    law = heston(theta=0.0, v0=0.5, rho=-0.3)
    kept = walk(Ends(), law.build(TICKS), extra=Levels.of(), steps=TICKS, paths=MANY, seed=SEED)
    log, v = kept["log"][:, 0], kept["state"].diffusion[0]
    assert np.isfinite(log).all() and (v < 1e-90).mean() > 0.05
    ZTest(mean(v), 0.5 * np.exp(-20.0 * HORIZON), "mean of v", "heston", SEED, law.price).agrees()
    ZTest(mean(np.exp(log)), np.exp(0.1 * HORIZON), "E[S_T/S_0]", "heston", SEED, law.price).agrees()
    ZTest(mean(v), 0.5 * np.exp(-22.0 * HORIZON), "mean of v", "heston", SEED, law.price).rejects()


def test_regimes_that_are_alike_are_none() -> None:
    """In law, however fast they switch: constant volatility by a multiplier of one."""
    same = {"a": regime(volatility_multiplier=1.0), "b": regime(volatility_multiplier=None)}
    switching = {"regimes": same, "transition_rates": {"a": {"b": 300.0}, "b": {"a": 500.0}}}
    like_gbm(model(**switching), "regimes")


def test_a_multiplier_is_a_volatility() -> None:
    """Path by path: of constant volatility and of GARCH; of Heston, where it scales theta, xi and v0 in law."""
    one = {**ONE, "regimes": {"one": regime(volatility_multiplier=1.5)}}
    np.testing.assert_allclose(logs(model(**one)), logs(model(volatility=1.2)), rtol=0, atol=1e-13)
    scaled = garch().changed(volatility=1.2)
    np.testing.assert_allclose(logs(garch().changed(**one)), logs(scaled), rtol=0, atol=1e-12)
    wider = heston(theta=1.44, xi=4.5)
    np.testing.assert_allclose(logs(heston().changed(**one)), logs(wider), rtol=0, atol=1e-9)


def test_hawkes_without_excitation_is_poisson() -> None:
    """Counts of twelve days; 10 % more jumps are rejected."""
    rate, paths, most = 60.0 * HORIZON, 2**16, 8
    law = model(jump=MERTON, intensity={**HAWKES, "alpha": 0.0})
    count = counted(law.build(TICKS), steps=TICKS, paths=paths, seed=SEED)[:, 0]
    seen = np.bincount(np.minimum(count, most).astype(int), minlength=most + 1)
    chance = np.append(scipy.stats.poisson.pmf(np.arange(most), rate), scipy.stats.poisson.sf(most - 1, rate))
    assert scipy.stats.chisquare(seen, paths * chance).pvalue > NOISE_ALARM
    ZTest(mean(count), rate, "mean count", "hawkes", SEED, law.price).agrees()
    ZTest(variance(count), rate, "variance of the count", "hawkes", SEED, law.price).agrees()
    ZTest(mean(count), 1.1 * rate, "mean count", "hawkes", SEED, law.price).rejects()


def test_hawkes_without_excitation_is_merton_in_law() -> None:
    """The log price: two samples of one law, and another one at 10 % more jumps."""
    poisson = logs(model(jump=MERTON), MANY)
    quiet = model(jump=MERTON, intensity={**HAWKES, "alpha": 0.0})
    other = ends(quiet.build(1), steps=1, paths=MANY, seed=SEED + 1)["log"][:, 0]
    assert scipy.stats.ks_2samp(poisson, other).pvalue > NOISE_ALARM
    difference(poisson, other, "variance").agrees()
    excited = quiet.changed(intensity={"alpha": 20.0})
    more = ends(excited.build(1), steps=1, paths=MANY, seed=SEED + 1)["log"][:, 0]
    difference(poisson, more, "variance").rejects()


def difference(x: np.ndarray, y: np.ndarray, statistic: str) -> ZTest:
    """Two samples."""
    first, second = STATISTICS[statistic](x), STATISTICS[statistic](y)
    error = float(np.hypot(first.error, second.error))
    estimate = type(first)(first.value - second.value, error, first.n + second.n)
    return ZTest(estimate, 0.0, f"difference of {statistic}", "hawkes and merton", SEED)


def test_kou_with_one_rate_and_even_odds_is_symmetric() -> None:
    """Without compensation: no mean, no skewness, and the law of minus the jumps is theirs."""
    even = {**KOU, "up_probability": 0.5, "eta_up": 15.0}
    law = model(drift=0.5 * 0.64, jump=even)  # no drift of ln S
    log = uncompensated(law.build(1), steps=1, paths=2**16, seed=SEED)["log"][:, 0]
    ZTest(mean(log), 0.0, "mean", "kou", SEED).agrees()
    ZTest(STATISTICS["skewness"](log), 0.0, "skewness", "kou", SEED).agrees()
    assert scipy.stats.ks_2samp(log[::2], -log[1::2]).pvalue > NOISE_ALARM
    odd = uncompensated(law.changed(jump={"up_probability": 0.45}).build(1), steps=1, paths=2**16, seed=SEED)
    ZTest(mean(odd["log"][:, 0]), 0.0, "mean", "kou", SEED).rejects()
