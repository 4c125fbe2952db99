"""Circuit breaker: a price band around a reference, and a halt in which liquidations wait."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class BreakerState:
    """Reference of the price band and the running halt."""

    reference: Array  # [A] USD per unit
    halted_until: Array  # [A] int32, first tick that trades again


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Breaker:
    """Halt a market for ``halt`` ticks when it left the band since the start of the window."""

    move: Array  # [] relative band, inf for no breaker
    window: Array  # [] int32 ticks
    halt: Array  # [] int32 ticks

    def init(self, prices: Array) -> BreakerState:
        """No halt at time zero."""
        return BreakerState(reference=prices, halted_until=jnp.zeros(prices.shape, jnp.int32))

    def observe(self, state: BreakerState, last_mark: Array, mark: Array, tick: Array) -> BreakerState:
        """Renew the reference [A] at a window's start and after a halt, then test the band."""
        renew = ((tick - 1) % self.window == 0) | (state.halted_until == tick)
        reference = jnp.where(renew, last_mark, state.reference)
        trips = (jnp.abs(mark / reference - 1.0) > self.move) & (tick >= state.halted_until)
        return BreakerState(reference=reference, halted_until=jnp.where(trips, tick + self.halt, state.halted_until))

    def halted(self, state: BreakerState, tick: Array) -> Array:
        """Markets [A] that do not trade in this tick."""
        return tick < state.halted_until
