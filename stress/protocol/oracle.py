"""The oracle: how the risk check sees the price."""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp

from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class OracleState:
    """What the risk check sees, and what it will see. Axis ``L`` history."""

    published: Array  # [A] USD per unit
    history: Array  # [L, A] oracle inputs of the last L ticks, slot = tick modulo L


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Oracle:
    """Lag, heartbeat and deviation threshold. Without lag and heartbeat it follows the mark within a tick."""

    impact_share: Array  # [] phi: share of the displacement it sees
    heartbeat: Array  # [] int32 ticks between publications
    threshold: Array  # [] early publication beyond this relative move, inf for never
    lag: int = field(metadata={"static": True})  # ticks
    instant: bool = field(metadata={"static": True})  # no lag, no heartbeat

    def init(self, prices: Array) -> OracleState:
        """Everything published so far is the initial price [A]."""
        history = jnp.broadcast_to(prices, (0 if self.instant else self.lag + 1, *prices.shape))
        return OracleState(published=prices, history=history)

    def observe(self, state: OracleState, price: Array, tick: Array) -> OracleState:
        """Take in this tick's oracle input [A] and publish what is due."""
        if self.instant:
            return OracleState(published=price, history=state.history)
        slots = self.lag + 1
        history = state.history.at[tick % slots].set(price)
        candidate = history[(tick + 1) % slots]
        moved = jnp.abs(candidate / state.published - 1.0) > self.threshold
        due = moved | (tick % self.heartbeat == 0)
        return OracleState(published=jnp.where(due, candidate, state.published), history=history)

    def price(self, state: OracleState, fundamental: Array, displacement: Array) -> Array:
        """Price [A] of the risk check, given where the mark is now."""
        if self.instant:
            return fundamental * (1.0 + self.impact_share * displacement)
        return state.published
