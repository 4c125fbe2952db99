"""The order book that absorbs liquidations: depth, its withdrawal and recovery, the spread."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.contract import Inverse
from stress.liquidity.curve import SkewCurve, skew_of
from stress.liquidity.impact import Impact
from stress.liquidity.reciprocal import mean_reciprocal
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Liquidity:
    """Depth and impact of every market; of inverse contracts in mirrored prices (``stress.contract``)."""

    impact: Impact
    depth: Array  # [A] USD that moves the price by 1 %
    half_spread: Array  # [] decimal, paid by every liquidation
    decay: Array  # [] share of the absorbed flow that is left after one tick
    withdrawal: Array  # []
    contract: Inverse | None = None  # None: linear contracts
    curve: SkewCurve | None = None  # None: an order book

    def depth_now(self, multiplier: Array, displacement: Array) -> Array:
        """Depth [A] in USD: the regime's, less what makers withdrew because of the displacement."""
        return self.depth * multiplier / (1.0 + self.withdrawal * abs(displacement))

    def first_flow(self, size: Array, residual: Array) -> Array:
        """The absorbed flow [A] at time zero, of sizes [A, N]: of an order book none."""
        return jnp.zeros_like(self.depth) if self.curve is None else -skew_of(size, residual)

    def displacement(self, z: Array) -> Array:
        """X [A], the relative distance of the mark from the fundamental price, at an absorbed flow [A]."""
        if self.curve is None:
            return self.impact.displacement(z)
        return self.curve.displacement(-z, self.impact.cap) * self.impact.active

    def capped(self, z: Array) -> Array:
        """Whether it is held by the cap [A]."""
        if self.curve is None:
            return self.impact.capped(z)
        return self.curve.capped(-z, self.impact.cap) & (self.impact.active > 0)

    def unit(self, fundamental: Array, depth: Array) -> Array:
        """Flow [A] of a unit, in multiples of the depth [A] in USD; of so many USD, if contracts are inverse."""
        return (fundamental if self.contract is None else self.contract.start) / depth

    def displaced(self, fundamental: Array, displacement: Array) -> Array:
        """The mark [A] in USD per unit."""
        return fundamental * (1.0 + displacement) if self.contract is None else fundamental / (1.0 - displacement)

    def at_rest(self, mark: Array, displacement: Array) -> Array:
        """The fundamental price [A] in USD per unit, of the mark [A]."""
        return mark / (1.0 + displacement) if self.contract is None else mark * (1.0 - displacement)

    def spread(self, sells: Array) -> Array:
        """Factor [...] on the price of a fill, of who ``sells`` [...] or else buys. Mirrored, a sale is a purchase."""
        if self.contract is None:
            return jnp.where(sells, 1.0 - self.half_spread, 1.0 + self.half_spread)
        return 1.0 / jnp.where(sells, 1.0 + self.half_spread, 1.0 - self.half_spread)

    def walk(self, z: Array, flow: Array, fundamental: Array, depth: Array) -> tuple[Array, Array]:
        """Sell ``flow`` units [A] into the book: average price [A] in USD before the spread, and the new z."""
        if self.curve is not None:
            fill = self.curve.fill(fundamental, -z, flow, self.impact.cap)
            return jnp.where(self.impact.active > 0, fill, fundamental), z + flow
        end = z + flow * self.unit(fundamental, depth)
        if self.contract is None:
            return fundamental * (1.0 + self.impact.mean_displacement(z, end)), end
        return fundamental * mean_reciprocal(self.impact, z, end), end
