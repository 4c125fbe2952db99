"""Funding whose rate moves with the skew of the venue's book: Synthetix's velocity.

    dr/dt = max_velocity x clip(skew / scale, -1, 1)

Source: Synthetix v3 perps (``PerpsMarket.sol``).
"""

from __future__ import annotations

import jax.numpy as jnp

from stress.types import Array


def velocity_rate(rate: Array, skew: Array, scale: Array, velocity: Array, elapsed: Array) -> Array:
    """Rate [...] a day after ``elapsed`` days in which longs - shorts was ``skew`` [...] units."""
    return rate + jnp.clip(skew / scale, -1.0, 1.0) * velocity * elapsed


def accrued(before: Array, after: Array, elapsed: Array, price: Array) -> Array:
    """USD per unit [...] that longs pay over ``elapsed`` days in which the rate moved evenly."""
    return 0.5 * (before + after) * elapsed * price
