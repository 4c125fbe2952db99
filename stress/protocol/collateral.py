"""Collateral that loses its peg to the US dollar: cross wallets are worth less than they were."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.types import Array
from stress.window import Window


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Depeg:
    """A loss in the first tick of the window, part of which comes back in the tick that ends it."""

    window: Window
    loss: Array  # [] share of the collateral of time zero
    regained: Array  # [] likewise

    def due(self, tick: Array) -> Array:
        """Whether values change in this tick."""
        return (tick == self.window.first) | (tick == self.window.end)

    def so_far(self, tick: Array) -> Array:
        """What a USD of collateral has gained by this tick [] in USD; a loss is negative."""
        lost = jnp.where(tick >= self.window.first, self.loss, 0.0)
        return jnp.where(tick >= self.window.end, self.regained, 0.0) - lost

    def change(self, tick: Array) -> Array:
        """What a USD of collateral gains [] in USD in this tick; a loss is negative."""
        lost = jnp.where(tick == self.window.first, self.loss, 0.0)
        return jnp.where(tick == self.window.end, self.regained, 0.0) - lost
