"""Numbers of the configuration as leaves of the venue."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from stress.types import NEVER


def real(value: float) -> jax.Array:
    """A float64 []."""
    return jnp.asarray(value, jnp.float64)


def whole(value: int) -> jax.Array:
    """An int32 []."""
    return jnp.asarray(value, jnp.int32)


def in_ticks(amount: float | None, ticks_per_unit: float, up: bool = False) -> jax.Array:
    """A time as a whole number of ticks, at least one; None is never."""
    if amount is None:
        return whole(NEVER)
    ticks = math.ceil(amount * ticks_per_unit - 1e-9) if up else round(amount * ticks_per_unit)
    return whole(max(1, ticks))
