"""Funding whose rate moves with the skew of the venue's book: Synthetix's velocity.

    dr/dt = max_velocity x clip(skew / scale, -1, 1)

Source: Synthetix v3 perps (``PerpsMarket.sol``).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.protocol.funding.base import SkewRule
from stress.types import Array


def velocity_rate(rate: Array, skew: Array, scale: Array, velocity: Array, elapsed: Array) -> Array:
    """Rate [...] a day after ``elapsed`` days in which longs - shorts was ``skew`` [...] units.

    ``rate`` [...] a day is that before, ``velocity`` the most that it gains a day; it stays at a ``scale`` [...] of 0.
    """
    share = jnp.where(scale == 0, 0.0, skew / jnp.where(scale == 0, 1.0, scale))
    return rate + jnp.clip(share, -1.0, 1.0) * velocity * elapsed


def accrued(before: Array, after: Array, elapsed: Array, price: Array) -> Array:
    """USD per unit [...] that longs pay over ``elapsed`` days in which the rate moved evenly, at a price [...]."""
    return 0.5 * (before + after) * elapsed * price


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Velocity(SkewRule):
    """The level is the rate a day; what is paid is its mean over the interval, by the skew at its end."""

    initial: Array  # [A] a day, at time zero
    scale: Array  # [A] units of skew at which the rate moves fastest
    velocity: Array  # [A] rate a day, gained a day
    elapsed: Array  # [] days between payments

    def next(self, level: Array, longs: Array, shorts: Array, price: Array) -> tuple[Array, Array]:
        """The level [A] after an interval, and the rate [A] of its payment."""
        after = velocity_rate(level, longs - shorts, self.scale, self.velocity, self.elapsed)
        return after, accrued(level, after, self.elapsed, jnp.ones_like(price))

    def sides(self, rate: Array, longs: Array, shorts: Array) -> None:
        """Everybody pays the rate: the difference is the pool's."""
