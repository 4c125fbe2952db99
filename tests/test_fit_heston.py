"""Fitting Heston and Bates: the grid against closed forms, the filter against particles, known parameters recovered.

Data are simulated here on their own, in fine Euler steps. Each statistical test has its power check.
"""

from __future__ import annotations

import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow.parquet as pq
import pytest
import z_tests
from scipy.special import ive
from z_tests import Estimate, ZTest

from stress.build.price import build_composition
from stress.cli.compose import load
from stress.config.parse import parse
from stress.price.calibrate.base import Fitted, Options, Sample
from stress.price.calibrate.heston.bessel import bessel_ratio, log_scaled_bessel
from stress.price.calibrate.heston.filter import Jump, log_densities
from stress.price.calibrate.heston.fit import HestonFit
from stress.price.calibrate.heston.grid import Heston, bars, make_grid, stationary
from stress.price.calibrate.heston.market import Problem, grid_for, objective, warm_up
from stress.price.calibrate.heston.paths import HestonLaw, walk
from stress.price.calibrate.hidden.climb import Box, Top, climb, top
from stress.price.calibrate.hidden.lanes import joined, lanes
from stress.price.calibrate.hidden.pairs import Marginal, nearest, ties
from stress.price.calibrate.hidden.summary import of_market
from stress.price.calibrate.models.heston import BatesFitter, HestonFitter
from stress.price.calibrate.models.table import asked_model

BAR = 1 / 8760
DATA = Path(os.environ.get("STRESS_DATA", Path(__file__).resolve().parent.parent / ".." / "shared" / "data"))

TRUE = {"variance.kappa": 200.0, "variance.theta": 0.5, "variance.xi": 13.0, "variance.rho": -0.5}
JUMPS = {"jump.intensity": 150.0, "jump.mean": -0.01, "jump.std": 0.04}
BARS, SEED = 7000, 11


def euler(number: int, steps: int, seed: int, jumps: bool) -> np.ndarray:
    """Log-returns [T] of one market in ``steps`` Euler steps a bar (full truncation), with ``JUMPS`` or without."""
    kappa, theta, xi, rho = TRUE.values()
    random, dt, v = np.random.default_rng(seed), BAR / steps, theta
    found = np.empty(number)
    for bar in range(number):
        z = random.normal(size=(steps, 2)) * np.sqrt(dt)
        shock = rho * z[:, 0] + np.sqrt(1 - rho**2) * z[:, 1]
        total = 0.0
        for k in range(steps):
            now = max(v, 0.0)
            total += -0.5 * now * dt + np.sqrt(now) * z[k, 0]
            v += kappa * (theta - now) * dt + xi * np.sqrt(now) * shock[k]
        found[bar] = total
    if jumps:
        n = random.poisson(JUMPS["jump.intensity"] * BAR, number)
        found += n * JUMPS["jump.mean"] + np.sqrt(n) * JUMPS["jump.std"] * random.normal(size=number)
    return found


def model(**changed: float) -> Heston:
    """The true model, or a changed one."""
    values = {**{name.split(".")[1]: value for name, value in TRUE.items()}, "location": 0.0, **changed}
    return Heston(**{name: jnp.asarray(float(value)) for name, value in values.items()})


def options() -> Options:
    return Options(load(["price=merton"])[0].price, 1, 1, 2, 2.0, 1750.0, 100.0, 100.0, 3)


def bates_of(fitted: Fitted) -> HestonFit:
    assert isinstance(fitted.dynamics, HestonFit)
    return fitted.dynamics


def z_of(fitted: Fitted, name: str, expected: float, seed: int) -> ZTest:
    found = next(e for e in fitted.parameters if e.name == name)
    assert found.standard_error is not None, name
    return ZTest(Estimate(found.estimate, found.standard_error, BARS), expected, name, "bates", seed, TRUE | JUMPS)


@pytest.fixture(scope="module")
def bates() -> tuple[np.ndarray, Fitted]:
    returns = euler(BARS, 20, SEED, jumps=True)[:, None]
    return returns, BatesFitter().fit(Sample(["X"], returns, 3600.0), options())


# --- the grid --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("order", [-0.8, -0.3, 0.0, 0.5, 3.0])
def test_bessel_functions_of_real_order(order: float) -> None:
    z = np.array([1e-3, 0.3, 4.0, 24.9, 25.1, 80.0, 4000.0])
    np.testing.assert_allclose(np.asarray(log_scaled_bessel(jnp.asarray(order), jnp.asarray(z))),
                               np.log(ive(order, z)), atol=1e-10)
    np.testing.assert_allclose(np.asarray(bessel_ratio(jnp.asarray(order), jnp.asarray(z))),
                               ive(order + 1, z) / ive(order, z), rtol=1e-9)


@pytest.mark.parametrize(("kappa", "theta", "xi", "high"), [
    (500.0, 0.35, 26.0, 6.0), (200.0, 0.5, 13.0, 4.0), (100.0, 0.5, 6.0, 3.0), (20.0, 0.4, 1.5, 1.8)])
def test_moves_of_the_variance_have_the_exact_moments(kappa: float, theta: float, xi: float, high: float) -> None:
    law_of = model(kappa=kappa, theta=theta, xi=xi)
    grid = make_grid(xi, 0.0 if 4 * kappa * theta / xi**2 < 12 else 0.2, high, BAR)
    law, v = np.asarray(jax.jit(bars, static_argnums=2)(law_of, grid, BAR).dense), np.asarray(grid.nodes) ** 2
    inner = slice(0 if grid.first == 0 else 10, -12)
    decay = np.exp(-kappa * BAR)
    mean = theta + (v - theta) * decay
    variance = v * xi**2 / kappa * decay * (1 - decay) + theta * xi**2 / (2 * kappa) * (1 - decay) ** 2
    got = law @ v
    np.testing.assert_allclose(got[inner], mean[inner], rtol=0.006)
    np.testing.assert_allclose((law @ v**2 - got**2)[inner], variance[inner], rtol=0.01)
    begin = np.asarray(stationary(law_of, grid))
    np.testing.assert_allclose(begin @ law, begin, atol=2e-3 * begin.max())
    np.testing.assert_allclose([begin @ v, begin @ v**2 - (begin @ v) ** 2], [theta, theta * xi**2 / (2 * kappa)],
                               rtol=0.003)


# --- the filter ------------------------------------------------------------------------------------------------------
def particles(returns: np.ndarray, size: int, steps: int, random: np.random.Generator, jump: bool) -> float:
    """Likelihood of a few bars by a particle filter: exact moves in fine steps, own noise of the price summed out."""
    kappa, theta, xi, rho = TRUE.values()
    dt, degrees = BAR / steps, 4 * kappa * theta / xi**2
    scale, decay = xi**2 * -np.expm1(-kappa * dt) / (4 * kappa), np.exp(-kappa * dt)
    v, total = random.gamma(2 * kappa * theta / xi**2, xi**2 / (2 * kappa), size), 0.0
    rate = JUMPS["jump.intensity"] * BAR if jump else 0.0
    for y in returns:
        begin, integral = v, np.zeros(size)
        for _ in range(steps):
            after = scale * random.noncentral_chisquare(degrees, v * decay / scale)
            integral, v = integral + 0.5 * (v + after) * dt, after
        mean = -0.5 * integral + rho / xi * (v - begin - kappa * (theta * BAR - integral))
        density = np.zeros(size)
        for n, weight in enumerate([np.exp(-rate), rate * np.exp(-rate), 0.5 * rate**2 * np.exp(-rate)]):
            spread = (1 - rho**2) * integral + n * JUMPS["jump.std"] ** 2
            gap = y - mean - n * JUMPS["jump.mean"]
            density += weight * np.exp(-0.5 * gap**2 / spread) / np.sqrt(2 * np.pi * spread)
        total += np.log(density.mean())
        place = (np.arange(size) + random.random()) / size
        v = v[np.minimum(np.searchsorted(np.cumsum(density) / density.sum(), place), size - 1)]
    return total


@pytest.mark.parametrize("jump", [False, True])
def test_likelihood_agrees_with_particles(jump: bool) -> None:
    returns = euler(60, 20, 5, jump)
    if jump:
        returns[30] -= 0.06
    random = np.random.default_rng(7)
    each = np.array([particles(returns, 2000, 6, random, jump) for _ in range(16)])
    logs = each - 0.5 * each.var()  # a particle filter's likelihood is unbiased, its logarithm is not
    estimate = Estimate(float(each.mean() + 0.5 * each.var()), float(logs.std(ddof=1) / 4), 16)
    law = Jump(*(jnp.asarray(x) for x in JUMPS.values())) if jump else None
    grid = make_grid(TRUE["variance.xi"], 0.0, 4.0, BAR)

    def filtered(**changed: float) -> float:
        return float(log_densities(model(**changed), law, grid, BAR, 2, jnp.asarray(returns)[:, None]).sum())

    def tested(expected: float) -> ZTest:
        return ZTest(estimate, expected, "log-likelihood", "bates" if jump else "heston", 7, TRUE, tolerance=0.05)

    tested(filtered()).agrees()
    tested(filtered(theta=0.75)).rejects()
    tested(filtered(xi=26.0)).rejects()


def test_pieces_and_unseen_bars() -> None:
    problem = Problem(euler(4000, 4, 3, False), BAR, False, 1750.0)
    vector = np.array([np.log(200.0), np.log(0.5), np.log(2 * 200 * 0.5 / 13**2), -0.5, 0.0])
    grid = grid_for(problem, vector)
    whole = log_densities(problem.model(vector)[0], None, grid, BAR, 2, jnp.asarray(problem.returns)[:, None])
    pieces = objective(problem, grid, warm_up(problem, vector))(vector)
    assert len(pieces) == 4000
    np.testing.assert_allclose(pieces, np.asarray(whole)[:, 0], atol=1e-4)
    assert np.abs(pieces - objective(problem, grid, 4)(vector)).max() > 1e-3  # a warm-up is needed
    gone = problem.returns.copy()
    gone[100:400] = np.nan
    values = np.asarray(log_densities(problem.model(vector)[0], None, grid, BAR, 2, jnp.asarray(gone)[:, None]))[:, 0]
    np.testing.assert_array_equal(values[100:400], 0)
    np.testing.assert_allclose(values[1000:], pieces[1000:], atol=1e-4)
    cut = lanes(np.arange(4000.0), 300)
    np.testing.assert_array_equal(joined(cut.returns, cut), np.arange(4000.0))


# --- the climb -------------------------------------------------------------------------------------------------------
def test_the_climb_finds_the_top_and_its_curvature() -> None:
    data = np.random.default_rng(1).normal(0.3, 2.0, 5000)

    def values(vector: np.ndarray) -> np.ndarray:
        mean, log_std = vector[:2]
        return -0.5 * ((data - mean) / np.exp(log_std)) ** 2 - log_std

    box = Box(np.array([-5.0, -3.0]), np.array([5.0, 3.0]))
    found = top(values, climb(values, np.array([2.0, 2.0]), box, 50), box)
    np.testing.assert_allclose(found.vector, [data.mean(), np.log(data.std())], atol=2e-4)
    np.testing.assert_allclose(np.sqrt(np.diag(found.around(False).covariance)), [data.std() / 5000**0.5, 1 / 10000**0.5],
                               rtol=1e-2)
    np.testing.assert_allclose(np.sqrt(np.diag(found.around().covariance)), np.sqrt(np.diag(found.around(False).covariance)), rtol=0.5)
    assert not found.held.any() and not found.around().flat.any()
    tight = Box(np.array([1.0, -3.0]), np.array([5.0, 3.0]))
    assert top(values, climb(values, np.array([2.0, 2.0]), tight, 50), tight).held.tolist() == [True, False]
    again = climb(values, np.array([1.01, 0.0]), tight, 50)  # begins at the bound that it is pushed against
    np.testing.assert_allclose(again, [1.0, 0.5 * np.log(np.mean((data - 1) ** 2))], atol=3e-3)


def test_notes_of_the_climb() -> None:
    flat = Top(np.array([2.0, 1.0, 1.0]), 0.0, np.diag([4.0, 0.0, 1.0]), np.diag([8.0, 0.0, 1.0]),
               np.array([False, False, True]), 1.0)

    def named(v: jax.Array) -> dict:
        return {"a": (v[0], ""), "ab": (v[0] + v[1], ""), "c": (v[2], "")}

    found, notes = of_market("X", flat, ["a", "b", "c"], named)
    assert [e.standard_error for e in found] == [2.0, None, None]
    text = " ".join(notes)
    assert "X: c at a bound" in text and "flat in some direction" in text and "1 standard errors short" in text
    assert "up to 4.0 times" in text


# --- known parameters ------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_parameters_of_bates_are_recovered(bates: tuple[np.ndarray, Fitted]) -> None:
    for name, value in (TRUE | JUMPS).items():
        z_of(bates[1], f"{name}.X", value, SEED).agrees()
    for name, factor in {"variance.theta": 1.6, "variance.xi": 1.5, "variance.rho": -0.5, "variance.kappa": 3.0,
                         "jump.intensity": 2.5, "jump.std": 1.6, "jump.mean": -1.0}.items():
        z_of(bates[1], f"{name}.X", factor * (TRUE | JUMPS)[name], SEED).rejects()
    assert bates[1].free == 8 and bates[1].between == 0


@pytest.mark.slow
def test_likelihood_prefers_the_truth_by_a_clear_margin(bates: tuple[np.ndarray, Fitted]) -> None:
    fit = bates_of(bates[1]).each[0]
    values = objective(fit.problem, fit.grid, fit.warm)
    jump = [np.log(150.0), -0.25, np.log(0.04 / fit.problem.scale)]
    truth = np.array([np.log(200.0), np.log(0.5), np.log(2 * 200 * 0.5 / 13**2), -0.5, 0.0, *jump])
    at_truth = values(truth).sum()
    assert 0 <= fit.top.log_likelihood - at_truth < 20
    wrong = {"kappa": (0, np.log(3)), "theta": (1, np.log(1.6)), "xi": (2, -2 * np.log(1.6)), "rho": (3, 0.5),
             "intensity": (5, np.log(3)), "std": (7, np.log(1.6))}
    for name, (place, change) in wrong.items():
        moved = truth.copy()
        moved[place] += change
        assert at_truth - values(moved).sum() > 10, name
    without = Problem(fit.problem.returns, BAR, False, 1750.0)
    assert at_truth - objective(without, fit.grid, fit.warm)(truth[:5]).sum() > 100  # jumps are seen


def test_parameters_of_heston_are_recovered() -> None:
    sample = Sample(["X"], euler(4000, 20, 13, jumps=False)[:, None], 3600.0)
    fitted = HestonFitter().fit(sample, options())
    for name, value in TRUE.items():
        z_of(fitted, f"{name}.X", value, 13).agrees()
    assert fitted.free == 5 and fitted.section["jump"] == {"kind": "none"}


@pytest.mark.slow
def test_probabilities_of_what_came_are_uniform(bates: tuple[np.ndarray, Fitted]) -> None:
    (returns, fitted), fit = bates, bates_of(bates[1])
    ahead = fit.one_ahead(returns)
    likelihood = fit.likelihood(returns)
    assert likelihood.joint == likelihood.marginal[0] == pytest.approx(fitted.log_likelihood, abs=0.1)
    middle, spread = z_tests.mean(ahead.below[:, 0]), z_tests.variance(ahead.below[:, 0])
    ZTest(middle, 0.5, "mean of the PIT", "bates", SEED).agrees()
    ZTest(spread, 1 / 12, "variance of the PIT", "bates", SEED).agrees()
    ZTest(middle, 0.52, "mean of the PIT", "bates", SEED).rejects()
    ZTest(spread, 0.09, "variance of the PIT", "bates", SEED).rejects()
    square = z_tests.mean((returns[:, 0] / ahead.deviation[:, 0]) ** 2)
    ZTest(square, 1.0, "standardised square", "bates", SEED).agrees()
    ZTest(square, 1.4, "standardised square", "bates", SEED).rejects()
    calm, wild = returns.copy(), returns.copy()
    calm[-100:], wild[-100:] = (size * np.sign(np.arange(100) % 2 - 0.5)[:, None] for size in (0.001, 0.02))
    random = np.random.default_rng(1)
    after = [fit.predict(x, np.array([BARS]), 24, 4000, random).std() for x in (calm, wild)]
    assert after[1] > 2 * after[0]
    both = fit.predict(returns, np.array([50, 3000, BARS]), 1, 4000, random)
    deviation = fit.one_ahead(np.vstack([returns, [[0.0]]])).deviation[[50, 3000, BARS], 0]
    np.testing.assert_allclose(both.std((1, 2)), deviation, rtol=0.12)


# --- simulation, and what ties markets --------------------------------------------------------------------------------
def test_simulated_bars_have_the_models_moments() -> None:
    random, none = np.random.default_rng(2), np.zeros(2)
    dynamics = HestonLaw(
        np.array([200.0, 300.0]), np.array([0.5, 0.8]), np.array([13.0, 20.0]), np.array([-0.5, -0.1]),
        np.array([[1.0, 0.8], [0.8, 1.0]]), none, none, none, 0.0, 0.0)
    shape = 2 * dynamics.kappa * dynamics.theta / dynamics.xi**2
    start = random.gamma(shape, dynamics.theta / shape, size=(100_000, 2))
    moves = walk(dynamics, start, 6, BAR, random)
    for a in range(2):
        variance = z_tests.variance(moves[5, :, a])
        expected = dynamics.theta[a] * BAR
        ZTest(variance, expected, "variance", "heston", 2, tolerance=0.003 * expected).agrees()
        ZTest(variance, 1.1 * expected, "variance", "heston", 2).rejects()
        kurtosis = z_tests.excess_kurtosis(moves[5, :, a])
        ZTest(kurtosis, 3 / shape[a], "excess kurtosis", "heston", 2, tolerance=0.1).agrees()
        ZTest(kurtosis, 0.0, "excess kurtosis", "heston", 2).rejects()
    down = z_tests.mean(moves[2, :, 0] * moves[3, :, 0] ** 2 / (dynamics.theta[0] * BAR) ** 1.5)
    leverage = dynamics.rho[0] * dynamics.xi[0] * np.sqrt(BAR / dynamics.theta[0])
    ZTest(down, float(leverage), "E[r r'^2], a bar later", "heston", 2, tolerance=0.1 * abs(leverage)).agrees()
    ZTest(down, 0.0, "E[r r'^2]", "heston", 2).rejects()


def test_common_jumps_and_correlations_are_recovered() -> None:
    """Three markets of constant variance whose bars' laws are known: only what ties them is estimated."""
    random, number = np.random.default_rng(4), 8000
    correlation = np.array([[1, 0.8, 0.6], [0.8, 1, 0.7], [0.6, 0.7, 1]])
    vol, std, own, common, sizes = np.array([5e-3, 7e-3, 1e-2]), np.array([0.03, 0.04, 0.05]), 0.012, 0.012, 0.75
    moves = random.normal(size=(number, 3)) @ np.linalg.cholesky(correlation).T * vol
    n, c = random.poisson(own, (number, 3)), random.poisson(common, (number, 1))
    z = np.sqrt(sizes) * random.normal(size=(number, 1)) + np.sqrt(1 - sizes) * random.normal(size=(number, 3))
    moves += np.sqrt(n) * std * random.normal(size=(number, 3)) + np.sqrt(c) * std * z
    marginals = []
    for a in range(3):
        spread = np.sqrt(vol[a] ** 2 + np.arange(3) * std[a] ** 2)
        score = moves[:, [a]] / spread
        density = np.exp(-0.5 * score**2) / spread / np.sqrt(2 * np.pi)
        flat = np.full(number, 1.0)
        marginals.append(Marginal(density, score, flat * (own + common), flat * vol[a] ** 2, flat * vol[a],
                                  std[a] ** 2, 0.0, np.ones(number, bool)))
    found = ties(marginals)
    rows = [(found.correlation[a, b], found.correlation_error[a, b], correlation[a, b], 0.95 * correlation[a, b])
            for a in range(3) for b in range(a)]
    rows += [(found.share, found.share_error, 0.5, 0.9), (found.size_correlation, found.size_error, sizes, 0.3)]
    for value, error, true, wrong in rows:
        estimate = Estimate(value, error, number)
        ZTest(estimate, true, "tie", "merton", 4).agrees()
        ZTest(estimate, wrong, "tie", "merton", 4).rejects()
    assert found.mended == 0 and not found.at_bound
    np.testing.assert_allclose(found.common, found.share * (own + common))


def test_nearest_correlation_matrix() -> None:
    good = np.array([[1, 0.9], [0.9, 1]])
    np.testing.assert_array_equal(nearest(good), good)
    bad = np.array([[1, 0.9, 0.1], [0.9, 1, 0.9], [0.1, 0.9, 1]])
    found = nearest(bad)
    assert np.linalg.eigvalsh(bad)[0] < 0 < np.linalg.eigvalsh(found)[0]
    np.testing.assert_allclose(np.diag(found), 1)


@pytest.mark.slow
def test_two_markets_from_the_sample_to_the_preset() -> None:
    """Variances of two markets move together as the simulated model has it; correlations and common jumps come out."""
    random = np.random.default_rng(8)
    law = HestonLaw(
        np.array([200.0, 250.0]), np.array([0.5, 0.8]), np.array([13.0, 19.0]), np.array([-0.4, -0.1]),
        np.array([[1.0, 0.8], [0.8, 1.0]]), np.array([80.0, 120.0]), np.array([0.0, -0.005]), np.array([0.03, 0.04]),
        80.0, 0.7)
    halves = walk(law, np.array([[0.5, 0.8]]), 2 * 4500, BAR / 2, random)[:, 0]
    returns = halves.reshape(-1, 2, 2).sum(1)
    returns[:300, 1] = np.nan
    fitted = BatesFitter().fit(Sample(["BTC", "ETH"], returns, 3600.0), options())
    for name, true, wrong in (("correlation.BTC.ETH", 0.8, 0.7), ("jump.common_intensity", 80.0, 250.0),
                              ("jump.common_correlation", 0.7, 0.0), ("jump.intensity.ETH", 120.0, 600.0)):
        z_of(fitted, name, true, 8).agrees()
        z_of(fitted, name, wrong, 8).rejects()
    assert fitted.between == 3 and fitted.free == 2 * 8 + 3
    container = load(["price=bates", "price.markets=[BTC,ETH]"])[1]
    container["price"] = {**container["price"], **fitted.section, "provenance": None}
    price = parse(container).price
    assert asked_model(price) == "bates"
    build_composition(price, 60.0)
    moves = fitted.dynamics.simulate(400, 64, random)
    np.testing.assert_allclose(moves.std((0, 1)), np.nanstd(returns, axis=0), rtol=0.15)
    both = returns[300:]
    assert np.corrcoef(moves.reshape(-1, 2).T)[0, 1] == pytest.approx(np.corrcoef(both.T)[0, 1], abs=0.1)
    assert fitted.dynamics.likelihood(returns).joint is None


def test_real_hours_are_better_told_by_bates_than_by_a_constant_volatility() -> None:
    file = DATA / "prices_1h" / "binance_BTC.parquet"
    if not file.is_file():
        pytest.skip("no real price data: STRESS_DATA names no folder with prices_1h")
    prices = np.asarray(pq.read_table(file, columns=["mark_close"])["mark_close"].to_numpy(), float)
    returns = np.diff(np.log(prices[np.isfinite(prices)]))[-20_000:]
    problem = Problem(returns, BAR, True, 1750.0)
    vector = np.array([np.log(130.0), np.log(0.25), 0.06, -0.2, 0.0, np.log(540.0), 0.0, np.log(4.0)])
    bates = objective(problem, grid_for(problem, vector), 200)(vector).sum()
    constant = -0.5 * len(returns) * (np.log(2 * np.pi * returns.var()) + 1)
    assert bates - constant > 0.2 * len(returns)
