"""Fitting self-exciting jumps: the filter against particles that follow every jump, known parameters recovered.

Data are simulated here on their own by Ogata's thinning. Each statistical test has its power check.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
import z_tests
from z_tests import Estimate, ZTest

from stress.build.price import build_composition
from stress.cli.compose import load
from stress.config.parse import parse
from stress.price.calibrate.base import Fitted, Options, Sample
from stress.price.calibrate.hawkes.filter import Diffusion, densities, log_densities
from stress.price.calibrate.hawkes.fit import HawkesFit
from stress.price.calibrate.hawkes.grid import NUMBERS, Excitation, counts
from stress.price.calibrate.hawkes.market import (
    COORDINATES,
    Lattice,
    Problem,
    fit_market,
    lattice_for,
    objective,
    targeted,
    unpack,
    warm_up,
)
from stress.price.calibrate.hawkes.paths import Process
from stress.price.calibrate.hidden.climb import Box, top
from stress.price.calibrate.hidden.level import cross, with_level
from stress.price.calibrate.models.hawkes import HawkesFitter
from stress.price.calibrate.models.table import asked_model

BAR = 1 / 8760
BASE, ALPHA, BETA = 120.0, 240.0, 400.0
VOLATILITY, MEAN, STD = 0.5, -0.008, 0.035
RATE = BASE / (1 - ALPHA / BETA)
VARIANCE = VOLATILITY**2 + RATE * (MEAN**2 + STD**2)
SHORT, MANY = 5000, 12
SHARE = 1 - VOLATILITY**2 / VARIANCE
BARS, SEED = 12_000, 21
TRUE = {"intensity.alpha": ALPHA, "intensity.beta": BETA, "volatility": VOLATILITY, "jump.mean": MEAN, "jump.std": STD,
        "intensity.branching": ALPHA / BETA}


def thinned(random: np.random.Generator, bars: int, base: float = BASE) -> np.ndarray:
    """Numbers of jumps [T] by Ogata (1981), begun a hundred memories early."""
    early = int(100 / (BETA - ALPHA) / BAR)
    end, now, excited, times = (bars + early) * BAR, 0.0, 0.0, []
    while True:
        bound = base + excited
        wait = random.exponential(1 / bound)
        now, excited = now + wait, excited * np.exp(-BETA * wait)
        if now > end:
            break
        if random.random() * bound <= base + excited:
            times.append(now)
            excited += ALPHA
    return np.bincount((np.array(times) / BAR).astype(int), minlength=bars + early)[early : bars + early]


def simulated(bars: int, seed: int) -> np.ndarray:
    """Log-returns [T]."""
    random = np.random.default_rng(seed)
    n = thinned(random, bars)
    return VOLATILITY * np.sqrt(BAR) * random.normal(size=bars) + n * MEAN + np.sqrt(n) * STD * random.normal(size=bars)


def true_model(**changed: float) -> tuple[Excitation, Diffusion]:
    values = {"base": BASE, "alpha": ALPHA, "beta": BETA, "std": STD, **changed}
    law = Excitation(*(jnp.asarray(values[name]) for name in ("base", "alpha", "beta")))
    return law, Diffusion(*(jnp.asarray(x) for x in (VOLATILITY, 0.0, MEAN, values["std"])))


def options() -> Options:
    return Options(load(["price=merton"])[0].price, 1, 1, 2, 2.0, 1750.0, 100.0, 1750.0, 3)


def fit_of(fitted: Fitted) -> HawkesFit:
    assert isinstance(fitted.dynamics, HawkesFit)
    return fitted.dynamics


def z_of(fitted: Fitted, name: str, expected: float, seed: int) -> ZTest:
    found = next(e for e in fitted.parameters if e.name == name)
    assert found.standard_error is not None, name
    return ZTest(Estimate(found.estimate, found.standard_error, BARS), expected, name, "hawkes", seed, TRUE)


@pytest.fixture(scope="module")
def hawkes() -> tuple[np.ndarray, Fitted]:
    returns = simulated(BARS, SEED)[:, None]
    return returns, HawkesFitter().fit(Sample(["X"], returns, 3600.0), options())


# --- the law of a bar ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("beta", [100.0, 800.0, 4000.0])
def test_numbers_of_jumps_keep_the_stationary_rate(beta: float) -> None:
    law = counts(Excitation(jnp.asarray(200.0), jnp.asarray(0.6 * beta), jnp.asarray(beta)), 128, 2, BAR)
    probability, decay = np.asarray(law.probability), np.asarray(law.decay)
    np.testing.assert_allclose(probability.sum(0), 1, rtol=1e-12)
    np.testing.assert_allclose(decay.sum(1), 1, rtol=1e-12)
    now, size = np.asarray(law.initial), 128
    for _ in range(3000):
        after = np.zeros(size + 2 * NUMBERS[-1])
        for n, row in zip(NUMBERS, probability, strict=True):
            after[2 * n : 2 * n + size] += now * row
        now = after @ decay
    node = np.arange(size) / 2
    mean = now @ np.asarray(law.intensity)
    np.testing.assert_allclose(mean, 500.0, rtol=0.01)  # base / (1 - branching)
    spread = now @ node**2 - (now @ node) ** 2
    b = beta * BAR
    if b < 0.05:  # a bar hides nothing: rate / (2 beta (1 - branching))
        np.testing.assert_allclose(spread, 500 / (2 * beta * 0.4), rtol=0.03)


def test_simulated_numbers_have_the_process_law() -> None:
    """Bars of the simulator against thinning: mean, variance and the covariance of neighbouring bars."""
    random = np.random.default_rng(3)
    process = Process(*(np.array([x]) for x in (BASE, ALPHA, BETA)))
    state, rows = process.stationary(4000, BAR, random), []
    for _ in range(12):
        number, state = process.step(state, BAR, random)
        rows.append(number[:, 0])
    ours = np.array(rows, float)
    exact = np.array([thinned(random, 12) for _ in range(1500)], float).T
    for name, value in {"mean": lambda x: x[6], "square": lambda x: x[6] ** 2, "neighbours": lambda x: x[6] * x[7],
                        "half a day": lambda x: x.sum(0) ** 2}.items():
        a, b = z_tests.mean(value(ours)), z_tests.mean(value(exact))
        test = Estimate(a.value - b.value, float(np.hypot(a.error, b.error)), a.n)
        ZTest(test, 0.0, name, "hawkes", 3).agrees()
    total = z_tests.mean(ours.sum(0))
    ZTest(total, 12 * RATE * BAR, "half a day's jumps", "hawkes", 3).agrees()
    ZTest(total, 12 * BASE * BAR, "half a day's jumps", "poisson", 3).rejects()


# --- the filter ------------------------------------------------------------------------------------------------------
def particles(returns: np.ndarray, size: int, random: np.random.Generator) -> float:
    """Log-likelihood of a few bars: particles that follow every jump by thinning, sizes summed out."""
    excited, total = np.full(size, RATE * ALPHA / BETA), 0.0
    early = int(10 / (BETA - ALPHA) / BAR)
    for y in np.concatenate([np.full(early, np.nan), returns]):
        left, n = np.full(size, BAR), np.zeros(size)
        while (active := left > 0).any():
            bound = BASE + excited
            wait = np.where(active, random.exponential(1 / bound), 0.0)
            inside = active & (wait < left)
            excited = np.where(active, excited * np.exp(-BETA * np.minimum(wait, np.maximum(left, 0))), excited)
            left = np.where(active, left - wait, left)
            hit = inside & (random.random(size) * bound <= BASE + excited)
            excited, n = excited + ALPHA * hit, n + hit
        if np.isfinite(y):
            spread = VOLATILITY**2 * BAR + n * STD**2
            density = np.exp(-0.5 * (y - n * MEAN) ** 2 / spread) / np.sqrt(2 * np.pi * spread)
            total += np.log(density.mean())
            place = (np.arange(size) + random.random()) / size
            excited = excited[np.minimum(np.searchsorted(np.cumsum(density) / density.sum(), place), size - 1)]
    return total


def test_likelihood_agrees_with_particles() -> None:
    returns = simulated(60, 8)
    returns[[20, 21, 23, 26]] += [-0.07, 0.05, -0.09, 0.06]  # a burst
    random = np.random.default_rng(9)
    each = np.array([particles(returns, 3000, random) for _ in range(12)])
    estimate = Estimate(float(each.mean() + 0.5 * each.var()), float(each.std(ddof=1) / 12**0.5), 12)

    def filtered(**changed: float) -> float:
        excitation, diffusion = true_model(**changed)
        padded = np.concatenate([np.full(500, np.nan), returns])[:, None]
        given = densities(diffusion, BAR, jnp.asarray(padded))
        return float(log_densities(excitation, given, 128, 4, BAR).sum())

    def tested(expected: float) -> ZTest:
        return ZTest(estimate, expected, "log-likelihood", "hawkes", 9, TRUE, tolerance=0.03)

    tested(filtered()).agrees()
    tested(filtered(alpha=0.0, base=RATE)).rejects()
    tested(filtered(alpha=360.0, base=0.1 * RATE)).rejects()


def test_grid_and_pieces_do_not_matter() -> None:
    problem = Problem(simulated(4000, 4), BAR, 1750.0)
    vector = np.array([np.log(RATE), ALPHA / BETA, np.log(BETA), SHARE, 0.0, MEAN / STD, problem.level])
    excitation, diffusion = problem.model(vector)
    given = densities(diffusion, BAR, jnp.asarray(np.append(np.full(600, np.nan), problem.returns))[:, None])
    fine = np.asarray(log_densities(excitation, given, 256, 4, BAR))[600:, 0]
    chosen = lattice_for(problem, vector)
    assert chosen.size < 256 and chosen.per_jump < 4
    coarse = np.asarray(log_densities(excitation, given, chosen.size, chosen.per_jump, BAR))[600:, 0]
    assert abs(fine.sum() - coarse.sum()) < 0.1
    pieces = objective(problem, chosen, warm_up(problem, vector))(vector)
    np.testing.assert_allclose(pieces, coarse, atol=2e-3)
    assert np.abs(pieces - objective(problem, chosen, 3)(vector)).max() > 0.02  # a warm-up is needed


def test_rounding_is_no_tail() -> None:
    """A crash of twenty deviations of a jump is explained by jumps, not by what rounding leaves of a law's tail."""
    law = counts(Excitation(jnp.asarray(200.0), jnp.asarray(240.0), jnp.asarray(400.0)), 64, 2, BAR)
    probability = np.asarray(law.probability)
    assert 0 < probability[-1, 0] < probability[-2, 0] < 1e-40
    np.testing.assert_allclose(probability.sum(0), 1, rtol=1e-8)
    returns = simulated(600, 4)
    returns[[300, 313]] = -0.6
    problem = Problem(returns, BAR, 1750.0)
    f, at = targeted(problem, Lattice(128, 2), 200), problem.start(1000.0, 0.8)
    at[0] = np.log(1500)
    moved = [f(at + h * np.eye(6)[1]).sum() for h in (-1e-5, 0.0, 1e-5)]
    assert abs(moved[2] + moved[0] - 2 * moved[1]) < 1e-4 * abs(moved[2] - moved[0])  # smooth


# --- known parameters ------------------------------------------------------------------------------------------------
def test_parameters_are_recovered(hawkes: tuple[np.ndarray, Fitted]) -> None:
    for name, value in {**TRUE, "jump.intensity": BASE}.items():
        z_of(hawkes[1], f"{name}.X", value, SEED).agrees()
    for name, wrong in {"intensity.branching": 0.1, "volatility": 0.53, "jump.std": 0.025, "jump.mean": 0.008,
                        "intensity.beta": 2500.0, "jump.intensity": RATE}.items():
        z_of(hawkes[1], f"{name}.X", wrong, SEED).rejects()
    assert hawkes[1].free == 7 and hawkes[1].between == 0


def test_likelihood_prefers_the_truth_by_a_clear_margin(hawkes: tuple[np.ndarray, Fitted]) -> None:
    fit = fit_of(hawkes[1]).each[0]
    values = objective(fit.problem, fit.lattice, fit.warm)
    truth = np.array([np.log(RATE), ALPHA / BETA, np.log(BETA), SHARE, 0.0, MEAN / STD, np.log(VARIANCE)])
    np.testing.assert_allclose(unpack(jnp.asarray(truth)), [BASE, ALPHA, BETA], rtol=1e-9)
    at_truth = values(truth).sum()
    assert -18 < fit.top.log_likelihood - at_truth < 18  # the level is the sample's, not the likeliest
    given = targeted(fit.problem, fit.lattice, fit.warm)(truth[:6]).sum()
    assert fit.top.log_likelihood > given
    found = [float(x) for x in fit.problem.model(truth)[1]]
    np.testing.assert_allclose(found, [VOLATILITY, 0.0, MEAN, STD], rtol=1e-9)
    for name, (place, change) in {"rate": (0, np.log(1.8)), "branching": (1, -0.55), "beta": (2, np.log(5.0)),
                                  "share": (3, -0.15), "mean": (5, 0.4), "level": (6, -0.4)}.items():
        moved = truth.copy()
        moved[place] += change
        assert at_truth - values(moved).sum() > 10, name


def test_probabilities_of_what_came_are_uniform(hawkes: tuple[np.ndarray, Fitted]) -> None:
    (returns, fitted), fit = hawkes, fit_of(hawkes[1])
    ahead = fit.one_ahead(returns)
    assert fit.likelihood(returns).marginal[0] == pytest.approx(fitted.log_likelihood, abs=0.2)
    for statistic, expected, wrong in ((z_tests.mean, 0.5, 0.52), (z_tests.variance, 1 / 12, 0.09)):
        found = statistic(ahead.below[:, 0])
        ZTest(found, expected, "PIT", "hawkes", SEED).agrees()
        ZTest(found, wrong, "PIT", "hawkes", SEED).rejects()
    square = z_tests.mean((returns[:, 0] / ahead.deviation[:, 0]) ** 2)
    ZTest(square, 1.0, "standardised square", "hawkes", SEED).agrees()
    ZTest(square, 1.3, "standardised square", "hawkes", SEED).rejects()
    calm, wild = returns.copy(), returns.copy()
    calm[-24:], wild[-6:] = 0.001, 0.1
    random = np.random.default_rng(1)
    after = [fit.predict(x, np.array([BARS]), 24, 4000, random).std() for x in (calm, wild)]
    assert after[1] > 1.5 * after[0]
    both = fit.predict(returns, np.array([50, 3000, BARS]), 1, 20_000, random)
    deviation = fit.one_ahead(np.vstack([returns, [[0.0]]])).deviation[[50, 3000, BARS], 0]
    np.testing.assert_allclose(both.std((1, 2)), deviation, rtol=0.15)


def test_simulations_have_the_sample_s_variance(hawkes: tuple[np.ndarray, Fitted]) -> None:
    fitted, sample = hawkes[1], float(np.mean(hawkes[0] ** 2))
    moves = fitted.dynamics.simulate(500, 1500, np.random.default_rng(4))[..., 0]
    found = z_tests.mean((moves**2).mean(0))
    ZTest(found, sample, "square of a bar", "hawkes", 4).agrees()
    ZTest(found, 1.15 * sample, "square of a bar", "hawkes", 4).rejects()
    excitation, d = fit_of(fitted).each[0].problem.model(fit_of(fitted).each[0].top.vector)
    rate = float(excitation.base / (1 - excitation.alpha / excitation.beta))
    implied = float(d.volatility**2 + rate * (d.mean**2 + d.std**2)) * BAR
    assert implied == pytest.approx(sample, rel=1e-9)
    assert not np.isclose(implied, VARIANCE * BAR, rtol=0.01)  # not the truth's: the sample's


# --- the level's own error -------------------------------------------------------------------------------------------
def test_a_level_set_to_the_sample_s_has_its_error() -> None:
    """Against the influence of every observation, for a parameter that hangs on the level and for one that does not."""
    random = np.random.default_rng(5)
    x = random.normal(size=40_000) * random.choice([0.5, 2.0], size=40_000)
    box = Box(np.array([-3.0]), np.array([3.0]))

    def values(v: np.ndarray, hangs: float) -> np.ndarray:
        return -0.5 * (np.log(np.abs(x) + 0.1) - v[0] - hangs * v[1]) ** 2

    level, root = float(np.log(np.mean(x**2))), len(x) ** -0.5
    moment = x**2 / np.mean(x**2) - 1
    for hangs in (0.0, 1.0):
        given = top(lambda v, h=hangs: values(np.append(v, level), h), np.array([0.0]), box)
        both = with_level(lambda v, h=hangs: values(v, h), given, level, x**2)
        score = np.log(np.abs(x) + 0.1) - given.vector[0] - hangs * level
        expected = np.array([np.std(score - hangs * moment), np.std(moment)]) * root
        np.testing.assert_allclose(np.sqrt(np.diag(both.around().covariance)), expected, rtol=0.1)
        assert cross(lambda v, h=hangs: values(v, h), given, level)[0] == pytest.approx(hangs * len(x), abs=5.0)
        assert both.vector[1] == level and not both.held.any()
    assert abs(np.std(score - moment) / np.std(score) - 1) > 0.5  # else the case shows nothing


@pytest.mark.slow
def test_standard_errors_allow_for_the_level_s_own() -> None:
    """Over samples, estimates spread about as their standard errors say, and by more than those without the level's."""
    rows = []
    for seed in range(100, 100 + MANY):
        fit = fit_market(Problem(simulated(SHORT, seed), BAR, 1750.0))
        error = np.sqrt(np.diag(fit.top.around().covariance))
        inner = np.append(np.sqrt(np.diag(fit.given.around().covariance)), np.nan)
        off = fit.top.vector - [np.log(RATE), ALPHA / BETA, np.log(BETA), SHARE, 0.0, MEAN / STD, np.log(VARIANCE)]
        rows.append([off / error, off / inner])
    whole, without = np.sqrt(np.mean(np.square(rows), axis=0))
    for name in ("rate", "branching", "share", "mean", "level"):
        assert 0.5 < whole[COORDINATES.index(name)] < 1.7, (name, whole, without)
    for name in ("rate", "share"):  # power: errors without the level's are too small
        assert without[COORDINATES.index(name)] > 1.4 * whole[COORDINATES.index(name)], (name, whole, without)


@pytest.mark.slow
def test_two_markets_share_some_jumps() -> None:
    random, number = np.random.default_rng(6), 8000
    own = np.stack([thinned(random, number, base) for base in (60.0, 90.0)], axis=1)
    common = thinned(random, number, 60.0)[:, None]
    normal = random.normal(size=(number, 2)) @ np.array([[1, 0.7], [0, np.sqrt(0.51)]])
    size = np.sqrt(0.8) * random.normal(size=(number, 1)) + np.sqrt(0.2) * random.normal(size=(number, 2))
    returns = VOLATILITY * np.sqrt(BAR) * normal + (own + common) * MEAN
    returns += np.sqrt(own) * STD * random.normal(size=(number, 2)) + np.sqrt(common) * STD * size
    fitted = HawkesFitter().fit(Sample(["BTC", "ETH"], returns, 3600.0), options())
    for name, true, wrong in (
            ("correlation.BTC.ETH", 0.7, 0.6), ("jump.common_intensity", 60.0, 20.0),
            ("jump.common_correlation", 0.8, 0.3), ("jump.intensity.BTC", 60.0, 400.0),
            ("jump.intensity.ETH", 90.0, 400.0)):
        z_of(fitted, name, true, 6).agrees()
        z_of(fitted, name, wrong, 6).rejects()
    law = fit_of(fitted).law
    ratio = law.process.alpha / law.process.beta
    assert ratio[2] == pytest.approx(ratio[:2].mean())
    assert any("not estimated" in note for note in fitted.warnings)
    container = load(["price=hawkes", "price.markets=[BTC,ETH]"])[1]
    container["price"] = {**container["price"], **fitted.section, "provenance": None}
    price = parse(container).price
    assert asked_model(price) == "hawkes"
    build_composition(price, 60.0)
    moves = fitted.dynamics.simulate(300, 64, random)
    np.testing.assert_allclose(moves.std((0, 1)), returns.std(0), rtol=0.15)
    assert np.corrcoef(moves.reshape(-1, 2).T)[0, 1] == pytest.approx(np.corrcoef(returns.T)[0, 1], abs=0.12)
    assert fitted.dynamics.likelihood(returns).joint is None
