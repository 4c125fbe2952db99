"""A price that leans with the skew of the venue's book: p (1 + skew / scale), trades at the mean before and after.

Source: Synthetix v3 perps (``PerpsMarket.sol``, fill price).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp

from stress.types import Array


def skewed_price(price: Array, skew: Array, scale: Array) -> Array:
    """USD per unit [...] at a skew [...] of longs - shorts in units; a ``scale`` [...] of 0 displaces nothing."""
    return price * (1.0 + jnp.where(scale == 0, 0.0, skew / jnp.where(scale == 0, 1.0, scale)))


def skewed_fill(price: Array, skew: Array, scale: Array, size: Array) -> Array:
    """USD per unit [...] of a trade of ``size`` [...] units, bought > 0: the mean over its walk."""
    return 0.5 * (skewed_price(price, skew, scale) + skewed_price(price, skew + size, scale))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Skew:
    """law=skew: mark and fills lean with the skew. Beyond the cap the price stays where the cap holds it."""

    scale: Array  # [A] units at which the price is displaced by all of it
    name: str = field(default="skew", metadata={"static": True})

    def displacement(self, skew: Array, cap: Array) -> Array:
        """Of the price p (1 + skew / scale) from p."""
        return jnp.clip(skew / self.scale, -cap, cap)

    def fill(self, price: Array, skew: Array, flow: Array, cap: Array) -> Array:
        """The mean over the walk."""
        inside = jnp.maximum(jnp.abs(skew), jnp.abs(skew - flow)) <= cap * self.scale
        beyond = price * (1.0 + _mean_clipped(skew / self.scale, (skew - flow) / self.scale, cap))
        return jnp.where(inside, skewed_fill(price, skew, self.scale, -flow), beyond)

    def capped(self, skew: Array, cap: Array) -> Array:
        """Whether the skew is beyond the cap's share of the scale."""
        return jnp.abs(skew) > cap * self.scale


def _mean_clipped(start: Array, end: Array, cap: Array) -> Array:
    """Mean [A] of a displacement that goes from ``start`` to ``end`` [A] and is held at +-``cap``."""
    inside, walk = jnp.clip(jnp.stack([start, end]), -cap, cap), end - start
    area = 0.5 * inside**2 + cap * (jnp.abs(jnp.stack([start, end])) - jnp.abs(inside))
    return jnp.where(walk == 0, inside[0], (area[1] - area[0]) / jnp.where(walk == 0, 1.0, walk))
