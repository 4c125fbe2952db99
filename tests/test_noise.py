"""The noise: moments, distribution, independence of paths, steps, streams, tiles and seeds, and its addresses.

Every statistical test has the false alarm rate NOISE_ALARM at a fixed seed, or that rate over the number of its
comparisons; each has a power check beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from statistics import NormalDist

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from stress.cipher import looped, threefry
from stress.mc.noise import TILE, _values, draw_noise, stream_id, tile_keys
from stress.mc.normals import normal_pairs
from stress.price.base import Draw
from tests.z_tests import NOISE_ALARM, NOISE_LIMIT, STATISTICS, ZTest, correlation, mean

TILES, WIDTH = 400, 8
DRAWS = {"one": Draw("normal", (WIDTH,)), "two": Draw("normal", (WIDTH,)), "three": Draw("uniform", (WIDTH,))}
MOMENTS = {
    "normal": {"mean": 0.0, "variance": 1.0, "skewness": 0.0, "kurtosis": 0.0},
    "uniform": {"mean": 1 / 2, "variance": 1 / 12, "skewness": 0.0, "kurtosis": -1.2},
}
PRECISIONS = ["float32", "float64"]


def noise(
    seed: int = 5,
    first: int = 0,
    tiles: int = TILES,
    step: int = 3,
    draws: Mapping[str, Draw] = DRAWS,
    dtype: str = "float32",
) -> dict[str, np.ndarray]:
    """Noise [tiles * 128, ...] by stream."""
    made = drawn(
        jnp.uint32(seed), first + jnp.arange(tiles, dtype=jnp.uint32), jnp.uint32(step), tuple(draws.items()), dtype
    )
    return {name: np.asarray(values, np.float64) for name, values in made.items()}


@partial(jax.jit, static_argnums=(3, 4))
def drawn(
    seed: jax.Array, tiles: jax.Array, step: jax.Array, draws: tuple[tuple[str, Draw], ...], dtype: str
) -> dict[str, jax.Array]:
    return draw_noise(tile_keys(seed, tiles, step), dict(draws), jnp.dtype(dtype))


def limit(comparisons: int) -> float:
    """Standard errors at which one of so many comparisons raises a false alarm with rate NOISE_ALARM."""
    return -NormalDist().inv_cdf(NOISE_ALARM / 2 / comparisons)


def kind_of(stream: str) -> str:
    return DRAWS[stream].kind


# --- distribution ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("stream", ["one", "three"])
@pytest.mark.parametrize("statistic", ["mean", "variance", "skewness", "kurtosis"])
def test_moments(dtype: str, stream: str, statistic: str) -> None:
    values = noise(dtype=dtype)[stream].ravel()
    expected = MOMENTS[kind_of(stream)][statistic]
    test = ZTest(STATISTICS[statistic](values), expected, statistic, f"{kind_of(stream)} {dtype}", 5, limit=NOISE_LIMIT)
    test.agrees()
    if statistic == "variance":
        wrong = ZTest(STATISTICS[statistic](values * 1.02), expected, statistic, "2 % too wide", 5, limit=NOISE_LIMIT)
        wrong.rejects()


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("stream", ["one", "three"])
def test_distribution(dtype: str, stream: str) -> None:
    """Kolmogorov and Smirnov; it sees a shift of 2 % of a standard deviation."""
    values = noise(dtype=dtype)[stream].ravel()
    law = scipy.stats.norm if kind_of(stream) == "normal" else scipy.stats.uniform
    assert scipy.stats.kstest(values, law.cdf).pvalue > NOISE_ALARM
    assert scipy.stats.kstest(values + 0.02 * values.std(), law.cdf).pvalue < NOISE_ALARM


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_tails_of_normals(dtype: str) -> None:
    """Counts beyond 2, 3 and 4: a binomial test each side. One lost bit in the tail would show beyond 4."""
    values = noise(tiles=4 * TILES, dtype=dtype)["one"].ravel()
    for level in (2.0, 3.0, 4.0):
        p = scipy.stats.norm.sf(level)
        for side in (1, -1):
            count = int((side * values > level).sum())
            assert scipy.stats.binomtest(count, len(values), p).pvalue > NOISE_ALARM / 6, (
                f"{count} beyond {side * level}"
            )
            assert scipy.stats.binomtest(count, len(values), 2 * p).pvalue < NOISE_ALARM / 6
    assert np.isfinite(values).all()


def test_every_bit_of_a_uniform_is_fair() -> None:
    """53 random bits: rare counts are drawn from the lowest ones. A bit that is one in 51 % of cases fails."""
    values = noise()["three"].ravel()
    assert values.min() >= 0 and values.max() < 1
    words = (values * 2.0**53).astype(np.uint64)
    assert (words / 2.0**53 == values).all()
    for bit in range(53):
        share = mean((words >> np.uint64(bit) & np.uint64(1)).astype(float))
        test = ZTest(share, 0.5, f"share of ones in bit {bit}", "uniform", 5, limit=limit(53))
        test.agrees()
        ZTest(share, 0.51, f"share of ones in bit {bit}", "wrong", 5, limit=limit(53)).rejects()


@pytest.mark.parametrize(("dtype", "reach"), [("float32", 6.7), ("float64", 8.0)])
def test_extremes_of_normals_are_finite_and_far(dtype: str, reach: float) -> None:
    """All pairs of the words that give the largest and smallest numbers."""
    ends = jnp.array([0, 1, 2**30, 2**31 - 1, 2**31, 2**32 - 1], jnp.uint32)
    first, second = (jnp.tile(word.ravel(), 4)[None, :TILE] for word in jnp.meshgrid(ends, ends))
    values = np.asarray(_values(Draw("normal", ()), first, second, jnp.dtype(dtype)))
    assert np.isfinite(values).all() and values.max() > reach and values.min() < -reach


def test_normals_are_those_of_the_published_transform() -> None:
    """Box and Muller in doubles, on random words and on those near zero, one and the quarter turns."""
    rng = np.random.default_rng(3)
    words = rng.integers(2**32, size=(2, 400_000), dtype=np.uint64)
    edges = np.concatenate([k * 2**29 + np.arange(-40, 40) for k in range(9)]) % 2**32
    grid = np.stack([axis.ravel() for axis in np.meshgrid(edges, edges)]).astype(np.uint64)
    first, second = np.concatenate([words, grid], axis=1)
    ours = normal_pairs(jnp.asarray(first, jnp.uint32), jnp.asarray(second, jnp.uint32))
    uniform = (first.astype(np.float32) * np.float32(2.0**-32) + np.float32(2.0**-33)).astype(float)
    radius, angle = np.sqrt(-2 * np.log(uniform)), second.astype(float) * (2 * np.pi / 2**32)
    for found, expected in zip(ours, (radius * np.cos(angle), radius * np.sin(angle)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


# --- independence ----------------------------------------------------------------------------------------------------
PAIRS = {
    "neighbouring paths": lambda: (noise()["one"][:-1], noise()["one"][1:]),
    "neighbouring tiles": lambda: (noise()["one"], noise(first=1)["one"]),
    "distant tiles": lambda: (noise()["one"], noise(first=2**20)["one"]),
    "neighbouring steps": lambda: (noise()["one"], noise(step=4)["one"]),
    "distant steps": lambda: (noise()["one"], noise(step=3 + 1440)["one"]),
    "tile and step exchanged": lambda: (noise(first=7, tiles=1, step=9)["one"], noise(first=9, tiles=1, step=7)["one"]),
    "streams": lambda: (noise()["one"], noise()["two"]),
    "normal and uniform": lambda: (noise()["two"], noise()["three"]),
    "entries of a stream": lambda: (noise()["one"][:, :-1], noise()["one"][:, 1:]),
    "seeds": lambda: (noise()["one"], noise(seed=6)["one"]),
    "seeds far apart": lambda: (noise()["one"], noise(seed=2**32 - 1)["one"]),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_independence(pair: str) -> None:
    """Correlations of values, squares and signs."""
    x, y = (part.ravel() for part in PAIRS[pair]())
    for name, f in (("values", np.asarray), ("squares", np.square), ("signs", lambda v: np.sign(v - v.mean()))):
        ZTest(correlation(f(x), f(y)), 0.0, f"correlation of {name}", pair, 5, limit=limit(3)).agrees()


def test_independence_has_power() -> None:
    x, y = noise()["one"].ravel(), noise()["two"].ravel()
    ZTest(correlation(x, y + 0.02 * x), 0.0, "correlation", "2 % correlated", 5, limit=limit(3)).rejects()
    ZTest(
        correlation(x**2, (y * (1 + 0.02 * x**2)) ** 2), 0.0, "squares", "dependent variances", 5, limit=limit(3)
    ).rejects()


def test_mean_of_many_steps_diffuses() -> None:
    """A sum over 200 steps has variance 200: no drift and no memory along the path."""
    draws = {"one": Draw("normal", ())}
    total = sum(noise(tiles=TILES, step=step, draws=draws)["one"] for step in range(1, 201))
    for name, expected in (("mean", 0.0), ("variance", 200.0)):
        test = ZTest(STATISTICS[name](np.asarray(total)), expected, name, "sum of 200 steps", 5, limit=NOISE_LIMIT)
        test.agrees()
    ZTest(
        STATISTICS["variance"](np.asarray(total) * 1.02), 200.0, "variance", "2 % too wide", 5, limit=NOISE_LIMIT
    ).rejects()


def test_ciphers_give_the_same_bits() -> None:
    """Written out and the library's; the published answers of the reference implementation (Random123, threefry2x32)."""
    key = (jnp.array([[0], [2**32 - 1], [0x13198A2E]], jnp.uint32), jnp.array([[0], [2**32 - 1], [0x03707344]], jnp.uint32))
    counter = (
        jnp.array([0, 2**32 - 1, 0x243F6A88], jnp.uint32),
        jnp.array([0, 2**32 - 1, 0x85A308D3], jnp.uint32),
    )
    published = np.array([[0x6B200159, 0x99BA4EFE], [0x1CB996FC, 0xBB002BE7], [0xC4923A9C, 0x483DF7A0]])
    for cipher in (looped, threefry):
        words = np.stack([np.diagonal(word) for word in cipher(key, counter)], axis=1)
        np.testing.assert_array_equal(words, published)


# --- addresses -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", PRECISIONS)
def test_a_stream_does_not_know_the_others(dtype: str) -> None:
    alone = noise(tiles=3, draws={"two": DRAWS["two"]}, dtype=dtype)["two"]
    for draws in (DRAWS, {"two": DRAWS["two"], "zero": Draw("uniform", (100,)), "one": Draw("normal", (3, 4))}):
        np.testing.assert_array_equal(noise(tiles=3, draws=draws, dtype=dtype)["two"], alone)
    assert noise(tiles=3, draws={}) == {}


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_a_tile_does_not_know_the_others(dtype: str) -> None:
    many = noise(first=10, tiles=6, dtype=dtype)
    for name, values in many.items():
        for tile in range(6):
            alone = noise(first=10 + tile, tiles=1, dtype=dtype)[name]
            np.testing.assert_array_equal(values[tile * TILE : (tile + 1) * TILE], alone)


def test_streams_of_the_models_have_numbers_of_their_own() -> None:
    names = ("diffusion", "variance", "initial_regime", "switches", "jumps", "mixing", "blocks", "bridge", "window", "bar")
    assert len({stream_id(name) for name in names}) == len(names)
    words = noise(tiles=2, draws={name: Draw("uniform", ()) for name in names})
    assert len(np.unique(np.concatenate(list(words.values())))) == 2 * TILE * len(names)


def test_precisions_share_no_more_than_their_address() -> None:
    """float32 uses both words of a block, float64 one number a block: the same law, not the same numbers."""
    single, double = noise()["one"], noise(dtype="float64")["one"]
    assert single.shape == double.shape and not np.isclose(single, double, rtol=0, atol=1e-6).mean() > 0.01
