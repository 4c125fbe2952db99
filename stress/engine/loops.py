"""Doing something on a condition, and loops that tell the compiler to work in place and to keep what was read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp

from stress.types import Array

T = TypeVar("T")


def branch(condition: Array, work: Callable[[T], T], state: T) -> T:
    """``work(state)`` on a condition []: for a state of many small arrays, which :func:`when` would carry."""
    return jax.lax.cond(condition, work, lambda now: now, state)


def by_rows(rows: Array, true: Array, false: Array) -> Array:
    """``true`` in the rows of a mask [rows], ``false`` in the others; both [rows, ...]."""
    return jnp.where(rows.reshape(-1, *[1] * (true.ndim - 1)), true, false)


def when(condition: Array, work: Callable[[T], T], state: T) -> T:
    """``work(state)`` on a condition []: for a few large arrays, on which a loop works in place and a branch copies."""
    return jax.lax.fori_loop(0, condition.astype(jnp.int32), lambda _, now: work(now), state)


def held(true: Array, tree: T) -> T:
    """``tree`` in memory of its own; ``true`` [] is true, which the compiler must not be able to tell.

    Else it reads a large array again wherever a row of it is used, also after the row was written, for which it first
    copies the whole array. A loop of one turn is what it cannot look through.
    """
    return when(true, lambda now: jax.tree.map(lambda leaf: jnp.where(true, leaf, jnp.zeros_like(leaf)), now), tree)
