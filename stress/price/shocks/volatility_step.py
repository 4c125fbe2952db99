"""A step of volatility: the diffusion is so many times as volatile while the window lasts.

The law in the window is the model's own with sigma replaced by m sigma: exact in every regime, compensated, and E[S]
is what it was. Of a variance that moves by itself, the price sees m times its root; the variance stays as it is. Jumps
do not change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

import jax
import jax.numpy as jnp

from stress.price.base import MarketModel, Shock
from stress.types import Array
from stress.window import Window


class Scalable(Protocol):
    """A market model whose volatility can be scaled."""

    def scaled(self, factor: Array) -> MarketModel:
        """The model with all volatilities of the diffusion times ``factor`` [A]."""
        ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class VolatilityStep:
    """A factor on the volatility of each market's diffusion. It multiplies with that of other steps."""

    window: Window
    multiplier: Array  # [A]

    def before(self, model: MarketModel, tick: Array) -> MarketModel:
        """The model with its volatility of the tick."""
        return cast(Scalable, model).scaled(jnp.where(self.window.holds(tick), self.multiplier, 1.0))

    def after(self, moved: Shock, tick: Array) -> Shock:
        """What the model returned."""
        return moved
