"""Calibration of GARCH: recursion and likelihood against the arch package, joint densities, parameters recovered."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import multivariate_t
from scipy.stats import t as student

from stress.cli.compose import load
from stress.price.calibrate.base import Estimate, Options, Sample
from stress.price.calibrate.garch.law import GarchLaw, log_density, variances
from stress.price.calibrate.models.garch import GarchFitter

arch = pytest.importorskip("arch.univariate", reason="the arch package is not installed (extra calibrate)")
BAR = 1 / 8760


def law(persistence: float = 0.96, gamma: float = 0.06) -> GarchLaw:
    volatility = np.array([0.6, 0.9]) * np.sqrt(BAR)
    alpha = np.array([0.08, 0.1])
    return GarchLaw(
        mean=np.zeros(2), volatility=volatility, alpha=alpha, gamma=np.full(2, gamma), beta=persistence - alpha - gamma / 2,
        nu=np.array([5.0, 6.0]), correlation=np.array([[1, 0.8], [0.8, 1]]), first=volatility**2)


def drawn(which: GarchLaw, bars: int, seed: int) -> np.ndarray:
    return which.simulate(bars, 1, np.random.default_rng(seed))[:, 0]


def options() -> Options:
    return Options(load(["price=garch"])[0].price, 1, 0, 2, 4.0, 1750.0, 100.0, 100.0, 3)


def test_recursion_and_likelihood_are_those_of_arch() -> None:
    returns = drawn(law(), 3000, 1)[:, 0]
    scaled = returns / returns.std()
    model = arch.ConstantMean(scaled, volatility=arch.GARCH(1, 1, 1), distribution=arch.StudentsT(), rescale=False)
    values = np.array([0.01, 0.05, 0.07, 0.06, 0.87, 4.5])
    fixed = model.fix(values)
    mu, omega, alpha, gamma, beta, nu = (np.array([v]) for v in values)
    ours = GarchLaw(mu, np.sqrt(omega / (1 - alpha - gamma / 2 - beta)), alpha, gamma, beta, nu, np.eye(1),
                    first=np.array([fixed.conditional_volatility[0] ** 2]))
    got = np.sqrt(variances(ours, scaled[:, None])[:-1, 0])
    np.testing.assert_allclose(got, fixed.conditional_volatility, rtol=1e-10)
    assert ours.likelihood(scaled[:, None]).joint == pytest.approx(fixed.loglikelihood, rel=1e-12)


def test_a_bar_that_is_not_seen_keeps_its_expected_variance() -> None:
    which = law()
    returns = drawn(which, 50, 2)
    returns[20, 0] = np.nan
    found = variances(which, returns)
    assert found[21, 0] == pytest.approx(which.omega[0] + which.persistence[0] * found[20, 0])
    assert found[21, 1] == pytest.approx(variances(which, drawn(which, 50, 2))[21, 1])


def test_joint_density_is_a_multivariate_t_where_nu_is_shared() -> None:
    matrix, nu = np.array([[1, 0.7, 0.5], [0.7, 1, 0.6], [0.5, 0.6, 1]]), 3.4
    z = np.array([[0.0, 0.0, 0.0], [0.3, -0.2, 1.0], [-30.0, -20.0, -25.0], [5.0, -4.0, 0.1]])
    expected = multivariate_t(np.zeros(3), matrix * (nu - 2) / nu, df=nu).logpdf(z)
    np.testing.assert_allclose(log_density(z, np.full(3, nu), matrix), expected, rtol=1e-6)


def test_margins_of_the_joint_density_are_each_markets_own_t() -> None:
    nu, other = np.array([3.4, 6.0]), np.linspace(-60, 60, 6001)
    for z in (0.0, -1.0, 4.0):
        pairs = np.stack([np.full_like(other, z), other], axis=1)
        total = trapezoid(np.exp(log_density(pairs, nu, np.array([[1, 0.8], [0.8, 1]]))), other)
        unit = np.sqrt(3.4 / 1.4)
        assert total == pytest.approx(unit * student.pdf(unit * z, 3.4), rel=2e-3)


def _close(found: list[Estimate], truth: dict[str, float]) -> None:
    table = {e.name: e for e in found}
    for name, expected in truth.items():
        estimate = table[name]
        assert estimate.standard_error is not None and estimate.standard_error > 0, name
        z = (estimate.estimate - expected) / estimate.standard_error
        assert abs(z) < 4.0, f"{name}: {estimate}, expected {expected}, z {z:.2f}"


def test_parameters_are_recovered() -> None:
    which = law()
    found = GarchFitter().fit(Sample(["BTC", "ETH"], drawn(which, 20_000, 3), 3600.0), options())
    truth = {"volatility.BTC": 0.6, "variance.alpha.BTC": 0.08, "variance.gamma.ETH": 0.06, "variance.beta.ETH": 0.83,
             "variance.nu.BTC": 5.0, "variance.nu.ETH": 6.0, "correlation.BTC.ETH": 0.8}
    _close(found.parameters, truth)
    for name, wrong in (("variance.beta.ETH", 0.9), ("correlation.BTC.ETH", 0.95), ("variance.nu.BTC", 1.4)):
        with pytest.raises(AssertionError):
            _close(found.parameters, {name: wrong * truth[name]})
    variance = found.section["variance"]
    assert variance["period_seconds"] == 3600 and variance["kind"] == "garch" and not found.warnings
    assert found.settings["targeted"] == []


def test_a_level_that_is_not_identified_is_the_samples() -> None:
    level = np.repeat([0.3, 1.0, 0.5, 2.0], 1500)[:, None]  # it moves for good: no recursion with a level does that
    returns = 0.01 * level * np.random.default_rng(4).standard_t(5, (6000, 2))
    found = GarchFitter().fit(Sample(["BTC", "ETH"], returns, 3600.0), options())
    assert found.settings["targeted"] and "volatility" in found.assumed
    for market in found.settings["targeted"]:
        a = ["BTC", "ETH"].index(market)
        level = {e.name: e.estimate for e in found.parameters}[f"volatility.{market}"]
        assert level == pytest.approx(returns[:, a].std() / np.sqrt(BAR), rel=1e-9)
        assert any(market in note and "persistence" in note and "not identified" in note for note in found.warnings)
    variance = found.section["variance"]
    assert all(variance["alpha"][m] + variance["gamma"][m] / 2 + variance["beta"][m] < 1 for m in ("BTC", "ETH"))


def test_up_moves_that_raise_the_variance_more_give_no_negative_gamma() -> None:
    returns = -drawn(law(gamma=0.1), 8000, 5)
    found = GarchFitter().fit(Sample(["BTC", "ETH"], returns, 3600.0), options())
    assert set(found.section["variance"]["gamma"].values()) == {0.0}
    assert sum("gamma is set to zero" in note for note in found.warnings) == 2


def test_forecasts_begin_where_the_filter_stands() -> None:
    which = law()
    returns = drawn(which, 400, 6)
    at = np.array([100, 399])
    states = which.states(returns, at)
    np.testing.assert_allclose(states["variance"], variances(which, returns)[at])
    start = {"variance": np.repeat(states["variance"][:1], 100_000, axis=0)}
    simulated = which.onward(1, np.random.default_rng(7), start, 100_000)[0]
    np.testing.assert_allclose(simulated.var(0), states["variance"][0], rtol=0.05)
