"""Withdrawal of depth: makers leave all order books while the window lasts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from stress.price.base import MarketModel, Shock
from stress.types import Array
from stress.window import Window


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DepthWithdrawal:
    """A factor on the depth, on top of the regime's and of other withdrawals."""

    window: Window
    multiplier: Array  # []

    def before(self, model: MarketModel, tick: Array) -> MarketModel:
        """The model itself."""
        return model

    def after(self, moved: Shock, tick: Array) -> Shock:
        """The depth of the tick."""
        factor = jnp.where(self.window.holds(tick), self.multiplier, 1.0)
        return replace(moved, depth_multiplier=moved.depth_multiplier * factor)
