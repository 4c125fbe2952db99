"""Rows of small tables at a place that differs from path to path: by masks, which a vector of paths can do."""

from __future__ import annotations

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
