"""Work that few paths need: the same numbers as for one path at a time; and the numbers that belong to events."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from stress.price.keyed import block, exponential, gamma, normal, uniform
from stress.rare import while_due
from tests.z_tests import NOISE_ALARM

KEYS = jnp.asarray(np.random.default_rng(3).random(20_000))


def halved(given: tuple[Any, Any], state: tuple[Any, Any]) -> tuple[Any, Any]:
    """A loop whose length differs from path to path."""
    limit, table = given
    value, turns = state
    return jnp.where(value > limit, value / 2.0 + table[turns % 3], value), turns + 1


def due(given: tuple[Any, Any], state: tuple[Any, Any]) -> Any:
    return (state[0] > given[0]) & (state[1] < 40)


def alone(limit: Any, table: Any, value: Any) -> tuple[Any, Any]:
    return while_due(due, halved, (limit, table), (value, jnp.int32(0)))


TABLE = jnp.array([0.1, 0.2, 0.3])


@pytest.mark.parametrize("paths", [1, 31, 32, 33, 128, 300])
@pytest.mark.parametrize("start", [0.5, 3.0, 1e6])
def test_mapped_over_paths_it_is_what_it_is_for_one(paths: int, start: float) -> None:
    """Nobody, some and everybody due; what is given may be shared or a path's own."""
    values = jnp.asarray(start * np.random.default_rng(paths).random(paths))
    limits = jnp.linspace(0.5, 2.0, paths)
    shared = jax.jit(jax.vmap(lambda value: alone(1.0, TABLE, value)))(values)
    own = jax.jit(jax.vmap(lambda limit, value: alone(limit, TABLE, value)))(limits, values)
    one = jax.jit(lambda limit, value: alone(limit, TABLE, value))
    for lane in range(paths):
        for mapped, limit in ((shared, 1.0), (own, limits[lane])):
            for found, expected in zip(mapped, one(limit, values[lane]), strict=True):
                assert found[lane] == expected
    turns = np.asarray(shared[1])
    assert (turns > 0).any() == (start > 1.0) and (start < 1e6 or turns.max() > 15)


def test_two_axes_of_paths() -> None:
    values = jnp.asarray(1e3 * np.random.default_rng(1).random((3, 40)))
    both = jax.jit(jax.vmap(jax.vmap(lambda value: alone(1.0, TABLE, value))))(values)
    flat = jax.vmap(lambda value: alone(1.0, TABLE, value))(values.ravel())
    for found, expected in zip(both, flat, strict=True):
        np.testing.assert_array_equal(np.asarray(found).ravel(), expected)


# --- numbers of events -----------------------------------------------------------------------------------------------
LAWS = {
    "uniform": (lambda: uniform(block(KEYS, 0, 5)), scipy.stats.uniform()),
    "the next event": (lambda: uniform(block(KEYS, 0, 6)), scipy.stats.uniform()),
    "exponential": (lambda: exponential(block(KEYS, 1, 5)), scipy.stats.expon()),
    "normal": (lambda: normal(block(KEYS, 2, 5)), scipy.stats.norm()),
    "gamma 1": (lambda: gammas(1.0), scipy.stats.gamma(1.0)),
    "gamma 4": (lambda: gammas(4.0), scipy.stats.gamma(4.0)),
}


def gammas(shape: float) -> Any:
    return jax.vmap(lambda key: gamma(key, 7, jnp.full(1, shape))[0])(KEYS)


@pytest.mark.parametrize("name", LAWS)
def test_law_of_numbers_of_events(name: str) -> None:
    """Kolmogorov and Smirnov; a scale 10 % off is noticed."""
    drawn, law = LAWS[name]
    values = np.asarray(drawn())
    assert scipy.stats.kstest(values, law.cdf).pvalue > NOISE_ALARM
    assert scipy.stats.kstest(values * 1.1 + 0.03, law.cdf).pvalue < NOISE_ALARM


@pytest.mark.parametrize("other", [(0, 6), (1, 5), (5, 0), (0, 5 + 2**31)])
def test_events_are_independent(other: tuple[int, int]) -> None:
    """Of the key's own number, of the next event, of other streams; one of 10 % is noticed."""
    x, y = (np.asarray(uniform(block(KEYS, *place))) for place in ((0, 5), other))
    for a, b in ((x, y), (x, np.asarray(KEYS)), (np.abs(x - 0.5), np.abs(y - 0.5))):
        assert scipy.stats.pearsonr(a, b).pvalue > NOISE_ALARM
    assert scipy.stats.pearsonr(x, y + 0.1 * x).pvalue < NOISE_ALARM


def test_markets_with_one_shape_share_a_gamma() -> None:
    pair = jax.vmap(lambda key: gamma(key, 7, jnp.array([4.0, 4.0, 2.0])))(KEYS[:500])
    np.testing.assert_array_equal(pair[:, 0], pair[:, 1])
    assert (pair[:, 0] != pair[:, 2]).all()
