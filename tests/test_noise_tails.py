"""A thousand million normals: moments, and tails to 5 standard deviations. Joint counts of neighbours see dependence."""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from stress.cipher import threefry
from stress.mc.noise import TILE, draw_noise, tile_keys
from stress.price.base import Draw
from tests.z_tests import NOISE_ALARM

pytestmark = pytest.mark.slow

TILES, STEPS = 1024, 8192
DRAWS = TILES * TILE * STEPS
LEVELS = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
MOMENTS = {1: (0.0, 1.0), 2: (1.0, 2.0), 3: (0.0, 15.0), 4: (3.0, 96.0)}
"""Mean and variance of the powers of a standard normal."""
PAIRED = 2.0
"""Level of the joint counts."""


@cache
def sums() -> dict[str, np.ndarray]:
    """Counts beyond the levels above and below, sums of powers, joint counts with the next path and the next step."""
    tiles, level = jnp.arange(TILES, dtype=jnp.uint32), jnp.asarray(LEVELS, jnp.float32)

    def step(number: jax.Array, state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        above, below, power, joint, last = state
        keys = tile_keys(jnp.uint32(12), tiles, number)
        x = draw_noise(keys, {"x": Draw("normal", ())}, jnp.dtype("float32"), threefry)["x"]
        far, double = jnp.abs(x) > PAIRED, x.astype(jnp.float64)
        pairs = jnp.stack([(far[1:] & far[:-1]).sum(), (far & last).sum()])
        return (
            above + jnp.stack([(x > b).sum() for b in level]),
            below + jnp.stack([(x < -b).sum() for b in level]),
            power + jnp.stack([(double**k).sum() for k in MOMENTS]),
            joint + pairs,
            far,
        )

    none = jnp.zeros(len(LEVELS), jnp.int64)
    start = (none, none, jnp.zeros(len(MOMENTS)), jnp.zeros(2, jnp.int64), jnp.zeros(TILES * TILE, bool))
    run = jax.jit(lambda start: jax.lax.fori_loop(1, STEPS + 1, step, start)[:4])
    return dict(zip(("above", "below", "power", "joint"), map(np.asarray, run(start)), strict=True))


@pytest.mark.parametrize("side", ["above", "below"])
@pytest.mark.parametrize("place", range(len(LEVELS)), ids=[f"{level:g}" for level in LEVELS])
def test_tails(side: str, place: int) -> None:
    """Each count is binomial; a standard deviation 5 % off is noticed at every level."""
    count, p = int(sums()[side][place]), scipy.stats.norm.sf(LEVELS[place])
    assert scipy.stats.binomtest(count, DRAWS, p).pvalue > NOISE_ALARM, f"{count} of {DRAWS}, expected {p * DRAWS:.1f}"
    wrong = scipy.stats.norm.sf(LEVELS[place] / 1.05)
    assert scipy.stats.binomtest(count, DRAWS, wrong).pvalue < NOISE_ALARM


@pytest.mark.parametrize("power", MOMENTS)
def test_moments(power: int) -> None:
    """Of a thousand million draws: the mean to 3e-5, the variance to 4e-5."""
    mean, variance = MOMENTS[power]
    z = (sums()["power"][power - 1] / DRAWS - mean) / np.sqrt(variance / DRAWS)
    assert 2 * scipy.stats.norm.sf(abs(z)) > NOISE_ALARM, f"z {z:.2f}"


@pytest.mark.parametrize("place", [0, 1], ids=["next path", "next step"])
def test_large_moves_do_not_cluster(place: int) -> None:
    """Both beyond two standard deviations; 5 % more such pairs are noticed."""
    pairs = [(TILES * TILE - 1) * STEPS, TILES * TILE * (STEPS - 1)][place]
    count, p = int(sums()["joint"][place]), (2 * scipy.stats.norm.sf(PAIRED)) ** 2
    assert scipy.stats.binomtest(count, pairs, p).pvalue > NOISE_ALARM, f"{count} of {pairs}, expected {p * pairs:.1f}"
    assert scipy.stats.binomtest(count, pairs, 1.05 * p).pvalue < NOISE_ALARM
