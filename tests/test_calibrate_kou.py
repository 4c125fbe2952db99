"""Calibration of Kou: densities against convolution and closed forms, the simulated law, parameters recovered."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import fftconvolve
from scipy.stats import multivariate_normal, norm, poisson
from z_tests import ZTest, mean

from stress.price.calibrate.base import Estimate, Options, Sample
from stress.price.calibrate.coordinates import correlation, free_correlation
from stress.price.calibrate.kou import fit as fit_module
from stress.price.calibrate.kou.density import Grid, log_density_of_pair, marginal_log_density, reading
from stress.price.calibrate.kou.dynamics import KouDynamics
from stress.price.calibrate.kou.law import KouLaw, moments
from stress.price.calibrate.models.kou import KouFitter

BAR = 1 / 8760


def law(often: float = 1.0) -> KouLaw:
    """Two markets with jumps that stand out; ``often`` scales all intensities."""
    return KouLaw(
        location=np.array([1e-5, -2e-5]), volatility=np.array([0.004, 0.006]), correlation=np.array([[1, 0.7], [0.7, 1]]),
        intensity=np.array([0.05, 0.08]) * often, up=np.array([0.4, 0.6]), eta_up=np.array([60.0, 45.0]),
        eta_down=np.array([50.0, 40.0]), common_intensity=np.float64(0.06 * often), common_up=np.float64(0.35),
        common_eta_up=np.array([55.0, 35.0]), common_eta_down=np.array([45.0, 30.0]))


def options() -> Options:
    return Options(None, 1, 0, 2, 4.0, 4000.0, 4000.0, 4000.0, 3)  # type: ignore[arg-type]


def test_density_of_one_market_is_the_convolution_of_its_parts() -> None:
    whole, step = law(), 2e-4
    x = np.arange(-4000, 4001) * step
    total = norm.pdf(x, whole.location[0], whole.volatility[0])
    for often, up, high, low in ((0.05, 0.4, 60.0, 50.0), (0.06, 0.35, 55.0, 45.0)):
        jump = np.where(x > 0, up * high * np.exp(-high * np.abs(x)), (1 - up) * low * np.exp(-low * np.abs(x)))
        jump[4000] = 0.5 * (up * high + (1 - up) * low)
        power, mixed = total, poisson.pmf(0, often) * total
        for number in range(1, 8):
            power = fftconvolve(power, jump, "same") * step
            mixed = mixed + poisson.pmf(number, often) * power
        total = mixed
    at = np.array([-0.25, -0.1, -0.03, -0.008, 0.0, 0.0031, 0.02, 0.1, 0.2])
    got = marginal_log_density(whole, 0, at, 16384)
    np.testing.assert_allclose(got, np.log(np.interp(at, x, total)), rtol=0, atol=2e-4)


def test_density_of_a_pair_is_the_closed_form_where_jumps_are_rare() -> None:
    """One jump at most: the normal, and the normal plus an exponential along a direction, integrated exactly."""
    rare = law(1e-4)
    points = np.array([[0.0, 0.0], [0.003, -0.002], [-0.05, 0.004], [0.001, 0.06], [-0.06, -0.1], [0.05, 0.07], [0.2, -0.2]])
    places = [reading(points[:, a], Grid(1024, 0.001)) for a in range(2)]
    got = np.asarray(log_density_of_pair(rare, 1024, np.full(2, 0.001), *places))  # type: ignore[arg-type]
    expected = np.log([_closed_form(rare, y) for y in points])
    np.testing.assert_allclose(got[:-1], expected[:-1], rtol=0, atol=3e-3)
    assert got[-1] == pytest.approx(np.log(1e-8)) and expected[-1] < -30  # beyond the rounding of the transform, a floor


def _closed_form(rare: KouLaw, y: np.ndarray) -> float:
    covariance = np.outer(rare.volatility, rare.volatility) * rare.correlation
    z, precision = y - rare.location, np.linalg.inv(covariance)
    normal = multivariate_normal(np.zeros(2), covariance).logpdf(z)
    total = np.exp(normal)
    jumps = [(rare.intensity[a] * p, sign * np.eye(2)[a] / eta[a]) for a in range(2)
             for sign, p, eta in ((1, rare.up[a], rare.eta_up), (-1, 1 - rare.up[a], rare.eta_down))]
    jumps += [(rare.common_intensity * rare.common_up, 1 / rare.common_eta_up),
              (rare.common_intensity * (1 - rare.common_up), -1 / rare.common_eta_down)]
    for often, along in jumps:
        a, b = along @ precision @ along, along @ precision @ z - 1
        total += often * np.sqrt(2 * np.pi / a) * np.exp(normal + 0.5 * b * b / a + norm.logcdf(b / np.sqrt(a)))
    return float(total * np.exp(-rare.intensity.sum() - rare.common_intensity))


def test_simulated_bars_have_the_laws_moments_and_no_growth() -> None:
    whole = law()
    returns = KouDynamics(whole).simulate(1, 400_000, np.random.default_rng(3))[0]
    variance = moments(whole)[1]
    for a in range(2):
        test = ZTest(mean((returns[:, a] - returns[:, a].mean()) ** 2), float(variance[a]), f"variance {a}", "kou", 3)
        test.agrees()
        ZTest(test.estimate, 1.05 * float(variance[a]), f"variance {a}", "kou", 3).rejects()
        ZTest(mean(np.exp(returns[:, a])), 1.0, f"E[exp] {a}", "kou", 3).agrees()
    together = mean((returns[:, 0] < -0.05) & (returns[:, 1] < -0.05))
    by_size = 0.06 * 0.65 * np.exp(-0.05 * 45)  # a common fall of that size in the first market is larger in the second
    assert 0.8 * by_size < together.value < 1.6 * by_size


def test_correlations_go_through_the_coordinates() -> None:
    matrix = np.array([[1, 0.8, 0.6], [0.8, 1, 0.7], [0.6, 0.7, 1]])
    np.testing.assert_allclose(np.asarray(correlation(free_correlation(matrix), 3)), matrix, atol=1e-12)


def _close(found: list[Estimate], truth: dict[str, float]) -> None:
    table = {e.name: e for e in found}
    for name, expected in truth.items():
        estimate = table[name]
        assert estimate.standard_error is not None and estimate.standard_error > 0, name
        z = (estimate.estimate - expected) / estimate.standard_error
        assert abs(z) < 4.0, f"{name}: {estimate}, expected {expected}, z {z:.2f}"


def test_one_market_is_recovered() -> None:
    whole = law()
    returns = KouDynamics(whole).simulate(20_000, 1, np.random.default_rng(5))[:, 0, :1]
    found = KouFitter().fit(Sample(["BTC"], returns, 3600.0), _with(options(), whole))
    table = {e.name: e.estimate for e in found.parameters}
    _close(found.parameters, {"volatility.BTC": 0.004 / np.sqrt(BAR), "jump.intensity.BTC": 0.11 / BAR})
    assert 0.3 < table["jump.up_probability.BTC"] < 0.45 and not [n for n in table if "common" in n]
    with pytest.raises(AssertionError):
        _close(found.parameters, {"jump.intensity.BTC": 0.9 * 0.11 / BAR})
    assert found.dynamics.likelihood(returns).joint == pytest.approx(found.log_likelihood, abs=0.05)


@pytest.mark.slow
def test_two_markets_are_recovered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_module, "FINE", 2.2)
    whole = law()
    returns = KouDynamics(whole).simulate(20_000, 1, np.random.default_rng(6))[:, 0]
    found = KouFitter().fit(Sample(["BTC", "ETH"], returns, 3600.0), _with(options(), whole))
    truth = {
        "volatility.BTC": 0.004 / np.sqrt(BAR), "correlation.BTC.ETH": 0.7, "jump.intensity.BTC": 0.05 / BAR,
        "jump.intensity.ETH": 0.08 / BAR, "jump.up_probability.ETH": 0.6, "jump.eta_up.BTC": 60.0,
        "jump.eta_down.ETH": 40.0, "jump.common_intensity": 0.06 / BAR, "jump.common_up_probability": 0.35,
        "jump.common_eta_down.BTC": 45.0, "jump.common_eta_up.ETH": 35.0}
    _close(found.parameters, truth)
    for name, wrong in (("jump.common_intensity", 0.8), ("volatility.BTC", 0.97)):
        with pytest.raises(AssertionError):
            _close(found.parameters, {name: wrong * truth[name]})
    assert found.section["jump"]["kind"] == "kou" and found.free - found.between == 18


def test_jumps_too_frequent_to_tell_are_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_module, "START_STEPS", 30)
    returns = 0.006 * np.random.default_rng(7).standard_t(5, (4000, 1))
    found = KouFitter().fit(Sample(["BTC"], returns, 3600.0), _with(options(), law(), most=500.0))
    assert any("lie on a bound" in note and "jump.intensity.BTC" in note for note in found.warnings)


def _with(chosen: Options, whole: KouLaw, most: float = 4000.0) -> Options:
    from stress.cli.compose import load

    return Options(load(["price=kou"])[0].price, chosen.starts, chosen.seed, chosen.regimes, chosen.separation, most, most,
                   most, 3)
