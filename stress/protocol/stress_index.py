"""A stress index: the largest relative move of any index from what it was in a window of time. Axis: ``A`` markets."""

from __future__ import annotations

import jax.numpy as jnp

from stress.types import Array


def nothing_moved(prices: Array, ticks: int) -> Array:
    """The memory [ticks, A] at time zero, when the index has always been ``prices`` [A]."""
    return jnp.broadcast_to(prices, (ticks, *prices.shape))


def largest_move(memory: Array, index: Array) -> Array:
    """How far [] any ``index`` [A] is from what it was in any of the last ticks, as a share of that."""
    return jnp.abs(index / memory - 1.0).max()


def remembered(memory: Array, index: Array, tick: Array) -> Array:
    """The memory [ticks, A] after tick ``tick`` [], whose index takes the place of the oldest."""
    return memory.at[tick % memory.shape[0]].set(index)
