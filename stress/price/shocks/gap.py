"""An instantaneous gap: the fundamental price moves by a stated part, whatever else happens."""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from stress.price.base import MarketModel, Shock
from stress.types import Array
from stress.window import Window


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Gap:
    """A log-return on top of the model's in every tick of the window. It is not compensated: it moves E[S_T]."""

    window: Window
    log_return: Array  # [A] a tick

    def before(self, model: MarketModel, tick: Array) -> MarketModel:
        """The model itself."""
        return model

    def after(self, moved: Shock, tick: Array) -> Shock:
        """The gap's part of the tick added."""
        part = jnp.where(self.window.holds(tick), self.log_return, 0.0)
        return replace(moved, log_return=moved.log_return + part)
