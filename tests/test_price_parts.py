"""Parts of the market model on their own: arrivals against counting laws, Heston's two ways, normals of mixed regimes."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from stress.price.arrivals.hawkes import HawkesArrivals, _reached
from stress.price.arrivals.poisson import PoissonArrivals
from stress.price.diffusion.base import mixed
from stress.price.diffusion.heston import HestonVariance, market_step, quadratic_exponential, usual
from stress.rare import while_due
from tests.z_tests import ZTest, mean, variance

PATHS, SEED = 40_000, 5


def counted(arrivals: Any, steps: int, occupied: np.ndarray) -> np.ndarray:
    """Jumps [P, R, A + 1] of all steps by regime."""
    occupied = jnp.asarray(occupied)
    regimes, streams = len(occupied), 2

    def taken(arrivals: Any, now: Any) -> Any:
        passing, counts = now
        passing, jump = arrivals.arrived(passing)
        here = (jnp.arange(regimes)[:, None] == jump.regime) & (jnp.arange(streams) == jump.stream)
        return passing, counts + here

    def path(key: Any) -> Any:
        def step(_: Any, now: Any) -> Any:
            passing = arrivals.passed(now[0], occupied, jnp.int32(regimes - 1), None)
            passing, counts = while_due(lambda a, n: a.due(n[0]), taken, arrivals, (passing, now[1]))
            return arrivals.state(passing), counts

        return jax.lax.fori_loop(
            0, steps, step, (arrivals.init({"jumps": key}), jnp.zeros((regimes, streams), jnp.int32))
        )

    keys = jnp.asarray(np.random.default_rng(SEED).random(PATHS))
    return np.asarray(jax.jit(jax.vmap(path))(keys)[1])


# --- arrivals --------------------------------------------------------------------------------------------------------
POISSON = PoissonArrivals(jnp.array([[3.0, 1.0], [0.0, 40.0], [20.0, 5.0]]))
SPENT = np.array([0.1, 0.05, 0.02])


@pytest.mark.parametrize("steps", [1, 4])
def test_counts_by_regime_are_independent_poisson_numbers(steps: int) -> None:
    counts = counted(POISSON, steps, SPENT / steps)
    for r in range(3):
        for a in range(2):
            rate, found = float(POISSON.intensity[r, a] * SPENT[r]), counts[:, r, a].astype(float)
            if rate == 0.0:
                assert not found.any()
                continue
            for name, statistic in (("mean", mean), ("variance", variance)):
                test = ZTest(statistic(found), rate, f"{name} of jumps", "poisson", SEED, {"regime": r, "stream": a})
                test.agrees()
                dataclasses.replace(test, expected=1.15 * rate).rejects()
    flat = counts.reshape(PATHS, -1)
    flat = flat[:, flat.any(0)]
    off = np.corrcoef(flat.T)[np.triu_indices(flat.shape[1], 1)]
    assert np.abs(off).max() < 5 / np.sqrt(PATHS)


def hawkes(**changes: Any) -> HawkesArrivals:
    numbers: dict[str, Any] = {
        "base": [[30.0, 10.0]],
        "start": [30.0, 10.0],
        "alpha": [60.0, 20.0],
        "beta": [100.0, 100.0],
        "history_years": [0.0, 0.0],
    }
    return HawkesArrivals(**{k: jnp.asarray(v) for k, v in (numbers | changes).items()}, gain=None)


def hawkes_moments(base: float, alpha: float, beta: float, years: float) -> tuple[float, float]:
    """Mean and variance of the count from a start at the base rate: the equations of 1, l, l^2, n, n l, n^2."""
    rates = np.zeros((6, 6))
    rates[1, :2] = beta * base, alpha - beta
    rates[2, 1:3] = 2 * beta * base + alpha**2, 2 * (alpha - beta)
    rates[3, 1] = 1.0
    rates[4, 1:5] = alpha, 1.0, beta * base, alpha - beta
    rates[5, 1], rates[5, 4] = 1.0, 2.0
    m = scipy.linalg.expm(rates * years) @ np.array([1.0, base, base**2, 0.0, 0.0, 0.0])
    return float(m[3]), float(m[5] - m[3] ** 2)


@cache
def hawkes_counts(steps: int) -> np.ndarray:
    return counted(hawkes(), steps, np.array([0.05 / steps]))


@pytest.mark.parametrize("steps", [1, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.parametrize("stream", [0, 1])
def test_hawkes_counts(steps: int, stream: int) -> None:
    """In one step with many jumps and in steps with few: the same law, that of the closed form."""
    found = hawkes_counts(steps)[:, 0, stream].astype(float)
    part = hawkes()
    numbers = [float(table[stream]) for table in (part.base[0], part.alpha, part.beta)]
    expected = hawkes_moments(*numbers, 0.05)
    wrong = hawkes_moments(numbers[0], 1.1 * numbers[1], numbers[2], 0.05)
    for name, statistic, right, other in zip(("mean", "variance"), (mean, variance), expected, wrong, strict=True):
        test = ZTest(statistic(found), right, f"{name} of jumps", "hawkes", SEED, {"steps": steps, "stream": stream})
        test.agrees()
        if stream == 0:
            dataclasses.replace(test, expected=other).rejects()


def test_hawkes_starts_where_it_has_been_for_long() -> None:
    """A stationary start: the mean of what is excited is that of the stationary law."""
    part = hawkes(history_years=[0.75, 0.4])
    keys = jnp.asarray(np.random.default_rng(SEED).random(PATHS))
    excited = np.asarray(jax.jit(jax.vmap(lambda key: part.init({"jumps": key}).excited))(keys))
    for stream, expected in enumerate((30.0 / (1 - 0.6) - 30.0, 10.0 / (1 - 0.2) - 10.0)):
        test = ZTest(mean(excited[:, stream]), expected, "excited intensity", "hawkes", SEED, {"stream": stream})
        test.agrees()
        dataclasses.replace(test, expected=1.1 * expected).rejects()


@pytest.mark.parametrize("excited", [0.0, 1e-3, 5.0, 1e4])
@pytest.mark.parametrize("base", [1e-2, 7.0])
def test_newton_finds_where_the_integral_reaches_a_level(base: float, excited: float) -> None:
    beta, years = 9.0, 0.3
    level = base * years - excited * np.expm1(-beta * years) / beta
    found = float(jax.jit(_reached)(level, base, excited, beta))
    assert found == pytest.approx(years, rel=1e-9) and found <= years * (1 + 1e-12)


# --- Heston ----------------------------------------------------------------------------------------------------------
def heston(**changes: float) -> HestonVariance:
    numbers = {"kappa": 20.0, "theta": 0.64, "xi": 4.0, "rho": -0.4, "v0": 0.64} | changes
    one = {"drift": jnp.zeros((1, 1)), "multiplier": jnp.ones((1, 1)), "factor": jnp.ones((1, 1, 1))}
    return HestonVariance(
        **one, **{name: jnp.full(1, value) for name, value in numbers.items()}, step_years=jnp.asarray(1 / 525600)
    )


def test_the_usual_step_is_the_full_one() -> None:
    """To rounding, wherever it does not ask for the other, as it does for variances near zero."""
    step = market_step(heston(xi=10.0), 0, jnp.ones(()))
    rng = np.random.default_rng(1)
    v, z = jnp.asarray(rng.gamma(0.3, 1.0, 5000) * 1e-3), jnp.asarray(rng.standard_normal(5000))

    def quickly(v: Any, z: Any) -> tuple[Any, ...]:
        found = usual(step, v, z)
        return found.moved, found.log_moment, found.seldom

    quick = jax.vmap(quickly)(v, z)
    full = jax.vmap(lambda v, z: quadratic_exponential(step, v, z))(v, z)
    seldom = np.asarray(quick[2])
    assert 0.02 < seldom.mean() < 0.9
    for ours, theirs in zip(quick, full, strict=False):
        np.testing.assert_allclose(np.asarray(ours)[~seldom], np.asarray(theirs)[~seldom], rtol=1e-11, atol=1e-15)
    assert not np.allclose(np.asarray(quick[0])[seldom], np.asarray(full[0])[seldom], rtol=0.01)


# --- normals of mixed regimes ----------------------------------------------------------------------------------------
FACTOR = np.linalg.cholesky(np.array([[1.0, 0.5, 0.2], [0.5, 1.0, -0.3], [0.2, -0.3, 1.0]]))
SAME = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
SCALE = np.array([[0.5, 1.0, 2.0], [3.0, 0.2, 0.7]])


@pytest.mark.parametrize("years", [[0.3, 0.7], [1.0, 0.0], [0.0, 1.0]])
@pytest.mark.parametrize("factors", [(FACTOR, SAME), (SAME, SAME), (FACTOR, np.eye(3))], ids=["mixed", "one", "none"])
@pytest.mark.parametrize("markets", [1, 2, 3])
def test_normals_of_mixed_regimes_have_the_mixed_covariance(years: list[float], factors: Any, markets: int) -> None:
    """The map is linear, so its columns are read off unit vectors; covariances may be singular."""
    factor = np.stack(factors)[:, :markets, :markets]
    scale = SCALE[:, :markets]
    columns = [np.stack(mixed(jnp.array(years), scale, factor, jnp.eye(markets)[k])) for k in range(markets)]
    root = np.stack(columns, axis=1)
    roots = scale[..., None] * factor
    expected = np.einsum("r,rab,rcb->ac", years, roots, roots)
    np.testing.assert_allclose(root @ root.T, expected, rtol=0, atol=1e-12 * expected.max())
