"""The order book that absorbs liquidations: depth, its withdrawal and recovery, the spread."""

from __future__ import annotations

from dataclasses import dataclass

import jax

from stress.liquidity.impact import Impact
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Liquidity:
    """Depth and impact of every market."""

    impact: Impact
    depth: Array  # [A] USD that moves the price by 1 %
    half_spread: Array  # [] decimal, paid by every liquidation
    decay: Array  # [] share of the absorbed flow that is left after one tick
    withdrawal: Array  # []

    def depth_now(self, multiplier: Array, displacement: Array) -> Array:
        """Depth [A] in USD: the regime's, less what makers withdrew because of the displacement."""
        return self.depth * multiplier / (1.0 + self.withdrawal * abs(displacement))

    def walk(self, z: Array, flow: Array, fundamental: Array, depth: Array) -> tuple[Array, Array]:
        """Sell ``flow`` units [A] into the book: average price [A] in USD before the spread, and the new z."""
        end = z + flow * (fundamental / depth)
        return fundamental * (1.0 + self.impact.mean_displacement(z, end)), end
