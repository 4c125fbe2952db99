"""The insurance fund: pays deficits as far as it goes."""

from __future__ import annotations

import jax.numpy as jnp

from stress.types import Array


def shortfall_share(available: Array, deficits: Array) -> Array:
    """u = max(0, 1 - available / deficits): share of the deficits [] the fund cannot pay."""
    return jnp.where(deficits > available, 1.0 - available / jnp.where(deficits > 0, deficits, 1.0), 0.0)


def payment(balance: Array, deficits: Array) -> Array:
    """What the fund pays [] in USD."""
    return jnp.minimum(jnp.maximum(balance, 0.0), deficits)
