"""Small tables in code for one path that is quick for a vector of paths, too: by masks, and by numbers written out."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import jax.numpy as jnp

from stress.types import Array


def at(place: Array, size: int) -> Array:
    """Mask [size] of a place []."""
    return jnp.arange(size, dtype=jnp.int32) == place


def row(table: Array, place: Array) -> Array:
    """The row [...] of a table [size, ...] at a place []."""
    if table.shape[0] == 1:
        return table[0]
    mask = at(place, table.shape[0]).reshape(-1, *[1] * (table.ndim - 1))
    return jnp.where(mask, table, jnp.zeros((), table.dtype)).sum(0, dtype=table.dtype)


def sum_of(numbers: Iterable[Array]) -> Array:
    """Their sum."""
    first, *others = numbers
    return reduce(jnp.add, others, first)
