"""Correlation to one: while the window lasts all markets follow a leader, jumps included.

A market's relative return R in a tick is beta times the leader's, its log-return log(1 + beta R). Relative returns
and not log-returns, since E[beta R] = 0 where E[R] = 0: with the leader's price every other one stays a martingale,
whatever the model. With beta the ratio of two volatilities a market keeps its own. A tick takes at most ``1 - FLOOR``
of a price.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp

from stress.price.base import MarketModel, Shock
from stress.types import Array
from stress.window import Window

FLOOR = 0.01
"""What is left of a price at least, after a tick in which beta times the leader's fall would take more."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CorrelationOne:
    """All markets follow one; what the model has drawn for them is not used in the window."""

    window: Window
    beta: Array  # [A], 1 for the leader
    leader: int = field(metadata={"static": True})  # market

    def before(self, model: MarketModel, tick: Array) -> MarketModel:
        """The model itself."""
        return model

    def after(self, moved: Shock, tick: Array) -> Shock:
        """The leader's return for all."""
        lead = moved.log_return[self.leader]
        follow = jnp.log(jnp.maximum(1.0 + self.beta * jnp.expm1(lead), FLOOR))
        alike = jnp.where(self.beta == 1.0, lead, follow)  # without rounding
        return replace(moved, log_return=jnp.where(self.window.holds(tick), alike, moved.log_return))
