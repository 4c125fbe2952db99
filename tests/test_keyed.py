"""Numbers that follow from a number: uniform, independent of it and of each other; the gamma law; sums of jumps."""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from stress.price.jumps.kou import KouJumps
from stress.price.keyed import following, gamma
from tests.z_tests import NOISE_ALARM, ZTest, correlation, mean, variance

DRAWS, BINS = 2**20, 64
SEED = 7
NUMBERS = (0, 1, 2, 1000)


@cache
def first() -> np.ndarray:
    """Uniforms of 53 bits."""
    return np.random.default_rng(SEED).integers(1, 2**53, DRAWS) * 2.0**-53


@cache
def followers() -> dict[str, np.ndarray]:
    """The first and what follows from it, by name."""
    follow = jax.jit(following)
    found = {"0": first()}
    for number in NUMBERS:
        pair = follow(first(), number)
        found |= {f"{number}{half}": np.asarray(word) for half, word in zip("ab", pair, strict=True)}
    return found


NAMES = ["0", *(f"{number}{half}" for number in NUMBERS for half in "ab")]


def test_followers_are_uniform() -> None:
    for name, values in followers().items():
        assert values.min() > 0.0 and values.max() < 1.0
        assert scipy.stats.kstest(values, "uniform").pvalue > NOISE_ALARM, name
        counts = np.bincount((values * BINS).astype(int), minlength=BINS)
        assert scipy.stats.chisquare(counts).pvalue > NOISE_ALARM, name
        low = np.bincount((values * 2**16 % 1.0 * BINS).astype(int), minlength=BINS)  # the bits behind
        assert scipy.stats.chisquare(low).pvalue > NOISE_ALARM, f"lower bits of {name}"


def pairs() -> list[tuple[str, str]]:
    return [(one, two) for place, one in enumerate(NAMES) for two in NAMES[place + 1 :]]


def dependence(x: np.ndarray, y: np.ndarray) -> float:
    """p-value of a chi-square test of independence on a grid of the unit square."""
    grid = np.bincount((x * 16).astype(int) * 16 + (y * 16).astype(int), minlength=256)
    return float(scipy.stats.chisquare(grid).pvalue)


def test_followers_are_independent() -> None:
    """Of the number that they follow from, of each other, and of their neighbours'."""
    values = followers()
    for one, two in pairs():
        assert dependence(values[one], values[two]) > NOISE_ALARM, f"{one} and {two}"
        test = ZTest(correlation(values[one], values[two]), 0.0, f"correlation of {one} and {two}", "followers", SEED)
        test.agrees()
        assert dependence(values[one][1:], values[two][:-1]) > NOISE_ALARM, f"{one} and the next {two}"


def test_independence_is_tested() -> None:
    """One copy in 64 is noticed."""
    x, y = first(), followers()["1a"].copy()
    y[::64] = x[::64]
    assert dependence(x, y) < NOISE_ALARM


def test_neighbouring_keys_differ() -> None:
    """Keys that differ in their last bit have nothing in common; equal ones have all."""
    near = first() + 2.0**-53
    one, two = (np.asarray(following(jnp.asarray(key), 5)[0]) for key in (first(), near))
    assert dependence(one, two) > NOISE_ALARM
    np.testing.assert_array_equal(one, np.asarray(following(jnp.asarray(first()), 5)[0]))


@pytest.mark.parametrize("shape", [1.0, 1.05, 2.0, 4.0, 50.0])
def test_gamma(shape: float) -> None:
    """Against the exact law: mean, variance, Kolmogorov and Smirnov, both tails; a shape 2 % off is rejected."""
    number = DRAWS // 4
    drawn = np.asarray(draw_gamma(jnp.asarray(first()[:number]), jnp.full(number, shape)))
    assert scipy.stats.kstest(drawn, "gamma", args=(shape,)).pvalue > NOISE_ALARM
    assert scipy.stats.kstest(drawn, "gamma", args=(1.02 * shape,)).pvalue < NOISE_ALARM
    ZTest(mean(drawn), shape, "mean", "gamma", SEED, shape).agrees()
    ZTest(variance(drawn), shape, "variance", "gamma", SEED, shape).agrees()
    ZTest(mean(drawn), 1.02 * shape, "mean", "gamma", SEED, shape).rejects()
    for share in (1e-4, 1e-3):
        for beyond in (drawn < scipy.stats.gamma.ppf(share, shape), drawn > scipy.stats.gamma.isf(share, shape)):
            assert scipy.stats.binomtest(int(beyond.sum()), number, share).pvalue > NOISE_ALARM
    assert dependence(first()[:number], scipy.stats.gamma.cdf(drawn, shape)) > NOISE_ALARM


ETA = 5.0


def sums(own: int, common: int, up: float) -> np.ndarray:
    """Totals [n, 2] of so many jumps of two markets; common down-jumps are half as large in the second."""
    rate = jnp.full((1, 2), ETA)
    part = KouJumps(
        up=jnp.full((1, 2), up),
        eta_up=rate,
        eta_down=rate,
        common_up=jnp.full(1, up),
        common_eta_up=rate,
        common_eta_down=rate * jnp.array([1.0, 2.0]),
    )
    uniform = np.random.default_rng(SEED + 1).random((3, 2**16))
    noise = {"jump_size": uniform[:2].T[:, None, :], "common_jump_size": uniform[2][:, None]}
    counts = jnp.full((1, 2), float(own)), jnp.full(1, float(common))
    return np.asarray(total(part, *counts, noise))


total = jax.jit(jax.vmap(KouJumps.total, in_axes=(None, None, None, 0)))
draw_gamma = jax.jit(gamma)


@pytest.mark.parametrize("count", range(6))
def test_sums_of_exponential_jumps_are_gamma(count: int) -> None:
    """``count`` own or common jumps, up or down."""
    for up, sign in ((1.0, 1.0), (0.0, -1.0)):
        own, common = sign * sums(count, 0, up), sign * sums(0, count, up)
        if count == 0:
            assert (own == 0).all() and (common == 0).all()
            continue
        np.testing.assert_allclose(common[:, 1], common[:, 0] * (1.0 if up else 0.5), rtol=1e-12)  # comonotone
        for values in (own[:, 0], own[:, 1], common[:, 0]):
            assert scipy.stats.kstest(ETA * values, "gamma", args=(count,)).pvalue > NOISE_ALARM
            assert scipy.stats.kstest(ETA * values, "gamma", args=(count + 0.1,)).pvalue < NOISE_ALARM
            ZTest(mean(values), count / ETA, "mean of a sum", "kou", SEED, (count, up)).agrees()
            ZTest(variance(values), count / ETA**2, "variance of a sum", "kou", SEED, (count, up)).agrees()
        ZTest(correlation(*own.T), 0.0, "correlation of own jumps", "kou", SEED, (count, up)).agrees()


def test_jumps_up_and_down() -> None:
    """The mixture: the share of jumps that rise, and the law of either side."""
    up = 0.3
    values = sums(1, 0, up)[:, 0]
    test = ZTest(mean((values > 0).astype(float)), up, "share of up-jumps", "kou", SEED)
    test.agrees()
    ZTest(test.estimate, 1.1 * up, "share of up-jumps", "kou", SEED).rejects()
    for side in (values[values > 0], -values[values < 0]):
        assert scipy.stats.kstest(side, "expon", args=(0, 1 / ETA)).pvalue > NOISE_ALARM
