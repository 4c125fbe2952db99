"""Numbers of a path's events: uniform, independent of the key, of each other and of neighbours; the laws made of them."""

from __future__ import annotations

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from stress.price.jumps.kou import KouJumps
from stress.price.jumps.merton import MertonJumps
from stress.price.keyed import block, exponential, following, gamma, normal, uniform
from tests.z_tests import NOISE_ALARM, ZTest, correlation, mean, variance

DRAWS, BINS = 2**20, 64
SEED = 7
EVENTS = ((0, 0), (0, 1), (1, 0), (3, 2**31))
"""Streams, and numbers in them."""


@cache
def keys() -> np.ndarray:
    """Uniforms of 53 bits."""
    return np.random.default_rng(SEED).integers(1, 2**53, DRAWS) * 2.0**-53


@cache
def events() -> dict[str, np.ndarray]:
    """The key and the numbers of events, by name; the second word of an event by itself, too."""
    found = {"key": keys()}
    for stream, number in EVENTS:
        found[f"{stream}/{number}"] = np.asarray(uniforms(keys(), stream, number))
    return found | dict(zip(("following a", "following b"), map(np.asarray, jax.jit(following)(keys(), 7)), strict=True))


@jax.jit
def uniforms(key: jax.Array, stream: int, number: int) -> jax.Array:
    return uniform(block(key, stream, number))


def test_events_are_uniform() -> None:
    for name, values in events().items():
        assert values.min() >= 0.0
        assert values.max() < 1.0
        assert scipy.stats.kstest(values, "uniform").pvalue > NOISE_ALARM, name
        for scale in (1, 2**16):  # the leading bits, and those behind
            counts = np.bincount((values * scale % 1.0 * BINS).astype(int), minlength=BINS)
            assert scipy.stats.chisquare(counts).pvalue > NOISE_ALARM, f"{name}, times {scale}"
    both = events()["following a"], events()["following b"]
    assert min(values.min() for values in both) > 0.0  # a logarithm follows


def dependence(x: np.ndarray, y: np.ndarray) -> float:
    """p-value of a chi-square test of independence on a grid of the unit square."""
    grid = np.bincount((x * 16).astype(int) * 16 + (y * 16).astype(int), minlength=256)
    return float(scipy.stats.chisquare(grid).pvalue)


def test_events_are_independent() -> None:
    """Of the key, of each other, and of those of the next key."""
    found = list(events().items())
    for place, (one, x) in enumerate(found):
        for two, y in found[place + 1 :]:
            assert dependence(x, y) > NOISE_ALARM, f"{one} and {two}"
            ZTest(correlation(x, y), 0.0, f"correlation of {one} and {two}", "events", SEED).agrees()
            assert dependence(x[1:], y[:-1]) > NOISE_ALARM, f"{one} and the next {two}"


def test_independence_is_tested() -> None:
    """One copy in 64 is noticed."""
    x, y = keys(), events()["0/1"].copy()
    y[::64] = x[::64]
    assert dependence(x, y) < NOISE_ALARM


def test_keys_that_differ_in_their_last_bit_have_nothing_in_common() -> None:
    near = np.asarray(uniforms(keys() + 2.0**-53, 0, 1))
    assert dependence(events()["0/1"], near) > NOISE_ALARM
    assert (near != events()["0/1"]).all()


LAWS = {"exponential": (exponential, scipy.stats.expon), "normal": (normal, scipy.stats.norm)}


@pytest.mark.parametrize("name", LAWS)
def test_laws_of_one_event(name: str) -> None:
    """Kolmogorov and Smirnov, and both tails."""
    law, exact = LAWS[name]
    drawn = np.asarray(jax.jit(lambda key: law(block(key, 2, 3)))(keys()))
    assert scipy.stats.kstest(drawn, exact.cdf).pvalue > NOISE_ALARM
    assert scipy.stats.kstest(1.01 * drawn, exact.cdf).pvalue < NOISE_ALARM
    tails(drawn, exact())


def tails(drawn: np.ndarray, exact: scipy.stats.distributions.rv_frozen) -> None:
    """Numbers of draws beyond quantiles are binomial."""
    for share in (1e-4, 1e-3):
        for beyond in (drawn < exact.ppf(share), drawn > exact.isf(share)):
            assert scipy.stats.binomtest(int(beyond.sum()), len(drawn), share).pvalue > NOISE_ALARM


@pytest.mark.parametrize("shape", [1.0, 1.05, 2.0, 4.0, 50.0])
def test_gamma(shape: float) -> None:
    """Against the exact law: mean, variance, Kolmogorov and Smirnov, both tails; a shape 2 % off is rejected."""
    number = DRAWS // 4
    drawn = np.asarray(gammas(keys()[:number], shape))
    exact = scipy.stats.gamma(shape)
    assert scipy.stats.kstest(drawn, exact.cdf).pvalue > NOISE_ALARM
    assert scipy.stats.kstest(drawn, scipy.stats.gamma(1.02 * shape).cdf).pvalue < NOISE_ALARM
    ZTest(mean(drawn), shape, "mean", "gamma", SEED, shape).agrees()
    ZTest(variance(drawn), shape, "variance", "gamma", SEED, shape).agrees()
    ZTest(mean(drawn), 1.02 * shape, "mean", "gamma", SEED, shape).rejects()
    tails(drawn, exact)
    assert dependence(keys()[:number], exact.cdf(drawn)) > NOISE_ALARM


@jax.jit
def gammas(key: jax.Array, shape: float) -> jax.Array:
    return jax.vmap(lambda one: gamma(one, 7, jnp.full(1, shape))[0])(key)


ETA, SIZES, MOST = 5.0, 2**16, 5
"""Rate of the exponential, paths, and jumps of a path that are added up."""


@jax.jit
def jumps(sizes: KouJumps | MertonJumps, key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Own and common log-jumps [P, MOST, 2] of one path after another."""

    def of(key: jax.Array, number: jax.Array) -> tuple[jax.Array, jax.Array]:
        words = partial(_words, key, number)
        return sizes.own(words, jnp.int32(0)), sizes.common(words, jnp.int32(0))

    return jax.vmap(jax.vmap(of, in_axes=(None, 0)), in_axes=(0, None))(key, jnp.arange(MOST, dtype=jnp.uint32))


def _words(key: jax.Array, number: jax.Array, place: int) -> tuple[jax.Array, jax.Array]:
    return block(key, place, number)


def kou(up: float) -> KouJumps:
    """Two markets; common down-jumps are half as large in the second."""
    rate = jnp.full((1, 2), ETA)
    return KouJumps(
        up=jnp.full((1, 2), up),
        eta_up=rate,
        eta_down=rate,
        common_up=jnp.full(1, up),
        common_eta_up=rate,
        common_eta_down=rate * jnp.array([1.0, 2.0]),
    )


@pytest.mark.parametrize("up", [1.0, 0.0])
def test_sums_of_exponential_jumps_are_gamma(up: float) -> None:
    """One to five own or common jumps, all up or all down."""
    own, common = (np.cumsum(np.asarray(part), axis=1) for part in jumps(kou(up), keys()[:SIZES]))
    sign = 1.0 if up else -1.0
    np.testing.assert_allclose(common[..., 1], common[..., 0] * (1.0 if up else 0.5), rtol=1e-12)  # comonotone
    for count in range(1, MOST + 1):
        for values in (sign * own[:, count - 1, 0], sign * common[:, count - 1, 0]):
            assert scipy.stats.kstest(ETA * values, "gamma", args=(count,)).pvalue > NOISE_ALARM
            assert scipy.stats.kstest(ETA * values, "gamma", args=(count + 0.1,)).pvalue < NOISE_ALARM
            ZTest(mean(values), count / ETA, "mean of a sum", "kou", SEED, (count, up)).agrees()
            ZTest(variance(values), count / ETA**2, "variance of a sum", "kou", SEED, (count, up)).agrees()


def test_jumps_up_and_down() -> None:
    """The mixture: the share of jumps that rise, and the law of either side."""
    up = 0.3
    values = np.asarray(jumps(kou(up), keys()[:SIZES])[0])[:, 0, 0]
    test = ZTest(mean((values > 0).astype(float)), up, "share of up-jumps", "kou", SEED)
    test.agrees()
    ZTest(test.estimate, 1.1 * up, "share of up-jumps", "kou", SEED).rejects()
    for side in (values[values > 0], -values[values < 0]):
        assert scipy.stats.kstest(side, "expon", args=(0, 1 / ETA)).pvalue > NOISE_ALARM


def test_sums_of_normal_jumps() -> None:
    """Normal with n times mean and variance; common ones correlated."""
    table = {"mean": [[-0.05, 0.02]], "std": [[0.1, 0.2]], "common_mean": [[0.01, 0.03]], "common_std": [[0.2, 0.1]]}
    sizes = MertonJumps(**{name: jnp.array(value) for name, value in table.items()}, common_correlation=jnp.full(1, 0.6))
    own, common = (np.cumsum(np.asarray(part), axis=1) for part in jumps(sizes, keys()[:SIZES]))
    for count in (1, MOST):
        for kind, values in (("", own[:, count - 1]), ("common_", common[:, count - 1])):
            for market in (0, 1):
                m, s = count * table[f"{kind}mean"][0][market], np.sqrt(count) * table[f"{kind}std"][0][market]
                law = scipy.stats.norm(m, s)
                assert scipy.stats.kstest(values[:, market], law.cdf).pvalue > NOISE_ALARM
                ZTest(variance(values[:, market]), s**2, "variance of a sum", "merton", SEED, count).agrees()
        together = ZTest(correlation(*common[:, count - 1].T), 0.6, "correlation of common jumps", "merton", SEED)
        together.agrees()
        ZTest(together.estimate, 0.57, "correlation of common jumps", "merton", SEED).rejects()
