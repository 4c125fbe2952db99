"""Price impact of liquidated flow: one law, slice-exact.

State per market: ``z``, the absorbed flow in units of depth (selling ``q`` units at fundamental ``S`` adds
``q S / D``; ``D`` is the USD that moves the price by 1 %). The displacement of the mark is
``X(z) = -sign(z) min(0.01 |z|^gamma, cap)`` with gamma = 1 linear, 1/2 square root. A flow from ``z0`` to ``z1``
executes at the exact mean of ``X`` between them, so neither mark nor cash depends on how a flow is sliced.
"""

from __future__ import annotations

from dataclasses import dataclass, field

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
    law: str = field(metadata={"static": True})  # linear, square_root (which need no powers), or power

    def displacement(self, z: jax.Array) -> jax.Array:
        """X(z), any shape: relative distance of the mark from the fundamental price."""
        if self.law == "linear":  # the same in fewer steps
            return jnp.clip(-DEPTH_REFERENCE_MOVE * z, -self.cap, self.cap) * self.active
        size = jnp.minimum(self._free(jnp.abs(z)), self.cap)
        return -jnp.sign(z) * size * self.active

    def uncapped(self, z: jax.Array) -> jax.Array:
        """X(z) without the cap: it decays as ``share ** exponent`` when z decays to ``share``."""
        return -jnp.sign(z) * self._free(jnp.abs(z)) * self.active

    def absorbed(self, uncapped: jax.Array) -> jax.Array:
        """The absorbed flow z that has this displacement before the cap."""
        return -jnp.sign(uncapped) * self._flow(jnp.abs(uncapped))

    def mean_displacement(self, start: jax.Array, end: jax.Array) -> jax.Array:
        """Mean of X over the walk from ``start`` to ``end`` (X itself when they coincide)."""
        walk = end - start
        short = jnp.abs(walk) <= SMALL_FLOW * (1.0 + jnp.abs(start))
        area = self._area(end) - self._area(start)
        mean = self.active * area / jnp.where(short, 1.0, walk)
        return jnp.where(short, self.displacement(0.5 * (start + end)), mean)

    @property
    def gamma(self) -> jax.Array | float:
        """The exponent, a plain number where the law says it."""
        return {"linear": 1.0, "square_root": 0.5}.get(self.law, self.exponent)

    def capped(self, z: jax.Array) -> jax.Array:
        """Whether the displacement at ``z`` is held by the cap."""
        return (self._free(jnp.abs(z)) > self.cap) & (self.active > 0)

    def _free(self, size: jax.Array) -> jax.Array:
        """0.01 size^gamma: the displacement's size before the cap."""
        match self.law:
            case "linear":
                return DEPTH_REFERENCE_MOVE * size
            case "square_root":
                return DEPTH_REFERENCE_MOVE * jnp.sqrt(size)
            case _:
                return DEPTH_REFERENCE_MOVE * size**self.exponent

    def _flow(self, displacement: jax.Array) -> jax.Array:
        """The inverse of ``_free``."""
        size = displacement / DEPTH_REFERENCE_MOVE
        match self.law:
            case "linear":
                return size
            case "square_root":
                return size * size
            case _:
                return size ** (1.0 / self.exponent)

    def _area(self, z: jax.Array) -> jax.Array:
        """Integral of X from 0 to ``z`` (even in ``z``): x X(x) / (gamma + 1) up to where the cap holds it."""
        size = jnp.abs(z)
        knee = self._flow(self.cap)
        below = jnp.minimum(size, knee)
        curve = below * self._free(below) * self._curve_share()
        return -(curve + self.cap * jnp.maximum(size - knee, 0.0))

    def _curve_share(self) -> jax.Array | float:
        """1 / (gamma + 1), without a division where it is known."""
        match self.law:
            case "linear":
                return 1 / 2
            case "square_root":
                return 2 / 3
            case _:
                return 1.0 / (self.exponent + 1.0)
