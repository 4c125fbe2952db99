"""The path within a bar: exact at high, low and close, and close to Brownian motion between them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stress.price.bridge import Bars, Bridge, low_before_high, ranged_variance
from stress.price.legs import split
from tests.z_tests import ZTest, mean, variance

BARS, FINE, SEED = 6_000, 1200, 11
CORRELATION = 0.8
EXACT = 1e-12


@dataclass(frozen=True)
class Cut:
    """Bars cut from a fine Brownian motion of variance one, [n, 2] each; and its path [n, 61, 2]."""

    close: np.ndarray
    high: np.ndarray
    low: np.ndarray
    path: np.ndarray


@cache
def brownian() -> Cut:
    rng, factor = np.random.default_rng(SEED), np.linalg.cholesky([[1.0, CORRELATION], [CORRELATION, 1.0]])
    parts = []
    for _ in range(BARS // 1000):
        steps = rng.standard_normal((1000, FINE, 2)) @ factor.T / np.sqrt(FINE)
        fine = np.concatenate([np.zeros((1000, 1, 2)), np.cumsum(steps, axis=1)], axis=1)
        parts.append((fine[:, -1], fine.max(1), fine.min(1), fine[:, :: FINE // 60]))
    return Cut(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def table(cut: Cut, *, ranged: bool = True) -> Bars:
    """The bars; without high and low of variance one."""
    known = np.full(cut.close.shape, ranged)
    own = ranged_variance(cut.close, cut.high, cut.low)
    return Bars(*(jnp.asarray(x) for x in (cut.close, cut.high, cut.low, known, own if ranged else np.ones_like(own),
                                           low_before_high(cut.close, cut.high, cut.low))))


def run(bars: Bars, ticks: int, moving: int | None = None, seed: int = SEED) -> np.ndarray:
    """Paths [n, ticks + 1, A] through the bars."""
    rng = np.random.default_rng(seed)
    n, markets = bars.close.shape
    bridge = Bridge(jnp.linalg.cholesky(jnp.full((markets, markets), CORRELATION) + (1 - CORRELATION) * jnp.eye(markets)),
                    ticks, moving or ticks)
    normals = jnp.asarray(rng.standard_normal((ticks, n, markets)), jnp.float32)
    return np.asarray(_paths(bridge, bars, jnp.asarray(rng.random(n)), normals))


@jax.jit
def _paths(bridge: Bridge, bars: Bars, uniform: Any, normals: Any) -> Any:
    def tick(opened: Any, given: Any) -> Any:
        opened, _ = jax.vmap(bridge.step, in_axes=(0, None, 0))(opened, *given)
        return opened, opened.price

    opened = jax.vmap(bridge.open)(bars, uniform)
    path = jax.lax.scan(tick, opened, (jnp.arange(bridge.ticks, dtype=jnp.int32), normals))[1]
    return jnp.concatenate([jnp.zeros((1, *bars.close.shape)), path]).swapaxes(0, 1)


# --- exact ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ticks", [3, 4, 7, 60, 240])
def test_a_path_is_at_high_low_and_close(ticks: int) -> None:
    cut = brownian()
    path = run(table(cut), ticks)
    np.testing.assert_allclose(path[:, -1], cut.close, rtol=0, atol=EXACT)
    np.testing.assert_allclose(path.max(1), cut.high, rtol=0, atol=EXACT)
    np.testing.assert_allclose(path.min(1), cut.low, rtol=0, atol=EXACT)


ODD = {  # close, high, low
    "does not move": (0.0, 0.0, 0.0), "falls from its high to its low": (-0.1, 0.0, -0.1),
    "rises from its low to its high": (0.1, 0.1, 0.0), "opens at its high": (-0.01, 0.0, -0.1),
    "closes at its low": (-0.1, 0.05, -0.1), "comes back": (0.0, 0.2, -0.2),
}


@pytest.mark.parametrize("name", ODD)
def test_bars_whose_open_or_close_is_an_extreme(name: str) -> None:
    close, high, low = (np.full((512, 1), value) for value in ODD[name])
    for ticks in (2, 3, 5, 60):
        path = run(table(Cut(close, high, low, close)), ticks)
        assert np.isfinite(path).all()
        np.testing.assert_allclose(path[:, -1], close, rtol=0, atol=EXACT)
        assert path.max() <= high[0, 0] + EXACT
        assert path.min() >= low[0, 0] - EXACT
        if ticks > 2:
            np.testing.assert_allclose(path.max(1), high, rtol=0, atol=EXACT)
            np.testing.assert_allclose(path.min(1), low, rtol=0, atol=EXACT)


def test_with_two_ticks_the_farther_extreme_is_kept() -> None:
    cut = brownian()
    path = run(table(cut), 2)
    np.testing.assert_allclose(path[:, -1], cut.close, rtol=0, atol=EXACT)
    wicks = np.stack([cut.high - np.maximum(cut.close, 0), np.minimum(cut.close, 0) - cut.low], axis=-1)
    kept = np.stack([np.abs(path.max(1) - cut.high) < EXACT, np.abs(path.min(1) - cut.low) < EXACT], axis=-1)
    assert kept.any(-1).all()
    both_inside = (np.abs(wicks) > EXACT).all(-1)
    assert both_inside.mean() > 0.5
    assert not kept[both_inside].all(-1).any()


def test_a_move_may_take_part_of_the_bar() -> None:
    cut, ticks, moving = brownian(), 60, 10
    path = run(table(cut), ticks, moving)
    np.testing.assert_allclose(path.max(1), cut.high, rtol=0, atol=EXACT)
    np.testing.assert_allclose(path.min(1), cut.low, rtol=0, atol=EXACT)
    np.testing.assert_allclose(path[:, -1], cut.close, rtol=0, atol=EXACT)
    moves = (np.diff(path, axis=1) != 0).any(2)
    first, last = moves.argmax(1), ticks - 1 - moves[:, ::-1].argmax(1)
    assert (last - first).max() < moving
    assert first.min() == 0
    assert last.max() == ticks - 1
    ZTest(mean(first.astype(float)), (ticks - moving) / 2, "tick of the first move", "bridge", SEED).agrees()


# --- in law ---------------------------------------------------------------------------------------------------------
def test_without_high_and_low_it_is_a_brownian_bridge() -> None:
    cut = brownian()
    path = run(table(cut, ranged=False), 60)
    np.testing.assert_allclose(path[:, -1], cut.close, rtol=0, atol=EXACT)
    around = path[:, :, 0] - np.linspace(0, 1, 61) * cut.close[:, :1]
    for tick in (1, 20, 45):
        expected = tick / 60 * (1 - tick / 60)
        test = ZTest(variance(around[:, tick]), expected, f"variance at tick {tick}", "bridge", SEED)
        test.agrees()
        replace(test, expected=expected * 1.1).rejects()
    other = path[:, :, 1] - np.linspace(0, 1, 61) * cut.close[:, 1:]
    shared = around[:, 30] * other[:, 30]
    ZTest(mean(shared), CORRELATION / 4, "covariance at half time", "bridge", SEED).agrees()


def same(found: Any, expected: Any, tolerance: float, what: str) -> None:
    assert abs(found / expected - 1.0) < tolerance, f"{what}: {found} beside {expected} of Brownian motion"


def test_bars_of_brownian_motion_give_it_back() -> None:
    """Not in law, but in what the docstring says: measured beside the motion that the bars were cut from."""
    cut = brownian()
    path = run(table(cut), 60)
    moved, true = np.diff(path, axis=1), np.diff(cut.path, axis=1)
    same((moved**2).mean(), (true**2).mean(), 0.05, "variance of a tick")
    same(path[:, 30].var(), cut.path[:, 30].var(), 0.08, "variance at half time")
    same(path[:, 15].var(), cut.path[:, 15].var(), 0.05, "variance at a quarter")
    assert abs((moved[:, 1:] * moved[:, :-1]).mean() / (moved**2).mean()) < 0.01, "ticks are not autocorrelated"
    lowest, truly = (x.argmin(1)[:, 0] / 60 for x in (path, cut.path))
    assert abs(lowest.mean() - truly.mean()) < 0.02
    same(lowest.std(), truly.std(), 0.06, "spread of the time of the low")
    fell = cut.close[:, 0] < -1.5
    assert abs(lowest[fell].mean() - truly[fell].mean()) < 0.03, "a bar that falls is low late"
    assert 0.55 < np.corrcoef(moved.reshape(-1, 2).T)[0, 1] < CORRELATION
    quarters, true_quarters = (np.diff(x[:, ::15], axis=1).reshape(-1, 2).T for x in (path, cut.path))
    assert 0.63 < np.corrcoef(quarters)[0, 1] < np.corrcoef(true_quarters)[0, 1] + 0.01


def test_which_extreme_comes_first() -> None:
    cut = brownian()
    low_first = (cut.path.argmin(1) < cut.path.argmax(1))[:, 0]
    odds = low_before_high(cut.close[:, :1], cut.high[:, :1], cut.low[:, :1])
    for edge in np.arange(0.0, 1.0, 0.2):
        inside = (odds >= edge) & (odds < edge + 0.2)
        assert inside.sum() > 100
        assert abs(low_first[inside].mean() - odds[inside].mean()) < 0.06, f"odds near {edge + 0.1:.1f}"
    both = low_before_high(np.array([[0.01, np.nan]]), np.array([[0.02, np.nan]]), np.array([[-0.01, np.nan]]))
    alone = low_before_high(np.array([[0.01]]), np.array([[0.02]]), np.array([[-0.01]]))
    np.testing.assert_array_equal(both, alone)
    assert low_before_high(*(np.full((1, 1), np.nan) for _ in range(3)))[0] == 0.5


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (0.2, 1.5), (2.5, 0.6)])
def test_times_of_two_legs_are_those_of_first_passages(a: float, b: float) -> None:
    rng, n = np.random.default_rng(SEED), 200_000
    share = np.asarray(split(jnp.float64(a), jnp.float64(b), jnp.asarray(rng.standard_normal(n)),
                             *(jnp.asarray(rng.random(n)) for _ in range(2))))
    grid = (np.arange(400_000) + 0.5) / 400_000
    density = (grid * (1 - grid)) ** -1.5 * np.exp(-(a**2) / (2 * grid) - b**2 / (2 * (1 - grid)))
    weight = density / density.sum()
    first = float(weight @ grid)
    for name, estimate, expected in (("mean", mean(share), first),
                                     ("variance", variance(share), float(weight @ (grid - first) ** 2)),
                                     ("lower fifth", mean((share < 0.2).astype(float)), float(weight[grid < 0.2].sum()))):
        ZTest(estimate, expected, name, "split", SEED, (a, b)).agrees()
    ZTest(mean(share), first * 1.02, "mean", "split", SEED, (a, b)).rejects()
