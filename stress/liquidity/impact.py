"""Price impact of liquidated flow: one law, slice-exact.

State per market: ``z``, the absorbed flow in units of depth (selling ``q`` units at fundamental ``S`` adds
``q S / D``; ``D`` is the USD that moves the price by 1 %). The displacement of the mark is
``X(z) = -sign(z) min(0.01 |z|^gamma, cap)`` with gamma = 1 linear, 1/2 square root. A flow from ``z0`` to ``z1``
executes at the exact mean of ``X`` between them, so neither mark nor cash depends on how a flow is sliced.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.units import DEPTH_REFERENCE_MOVE

SMALL_FLOW = 1e-9
"""Below this share of ``1 + |z|`` the mean over a walk is its midpoint: the difference quotient loses its digits."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Impact:
    """The impact law."""

    active: jax.Array  # [] 1 or 0; 0 in the twin and for law=none
    exponent: jax.Array  # [] gamma
    cap: jax.Array  # [] largest |displacement|, below 1

    def displacement(self, z: jax.Array) -> jax.Array:
        """X(z), any shape: relative distance of the mark from the fundamental price."""
        size = jnp.minimum(DEPTH_REFERENCE_MOVE * jnp.abs(z) ** self.exponent, self.cap)
        return -jnp.sign(z) * size * self.active

    def mean_displacement(self, start: jax.Array, end: jax.Array) -> jax.Array:
        """Mean of X over the walk from ``start`` to ``end`` (X itself when they coincide)."""
        walk = end - start
        short = jnp.abs(walk) <= SMALL_FLOW * (1.0 + jnp.abs(start))
        area = self._area(end) - self._area(start)
        mean = self.active * area / jnp.where(short, 1.0, walk)
        return jnp.where(short, self.displacement(0.5 * (start + end)), mean)

    def capped(self, z: jax.Array) -> jax.Array:
        """Whether the displacement at ``z`` is held by the cap."""
        return (DEPTH_REFERENCE_MOVE * jnp.abs(z) ** self.exponent > self.cap) & (self.active > 0)

    def _area(self, z: jax.Array) -> jax.Array:
        """Integral of X from 0 to ``z`` (even in ``z``)."""
        size = jnp.abs(z)
        knee = (self.cap / DEPTH_REFERENCE_MOVE) ** (1.0 / self.exponent)
        below = jnp.minimum(size, knee)
        curve = DEPTH_REFERENCE_MOVE * below ** (self.exponent + 1.0) / (self.exponent + 1.0)
        return -(curve + self.cap * jnp.maximum(size - knee, 0.0))
