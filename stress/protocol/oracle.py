"""The oracle: how the risk check sees the price."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp

from stress.types import Array
from stress.window import Window


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class OracleState:
    """What the risk check sees, and what it will see. Axis ``L`` history."""

    published: Array  # [A] USD per unit
    history: Array  # [L, A] oracle inputs of the last L ticks, slot = tick modulo L
    frozen: Array | None = None  # [A] bool, of an oracle that may freeze


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Freeze:
    """A time in which nothing is published, whatever happens."""

    window: Window
    markets: Array  # [A] bool, those that freeze


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Oracle:
    """Lag, heartbeat and deviation threshold. Without lag and heartbeat it follows the mark within a tick.

    A frozen oracle shows the price that the risk check saw last, and publishes in the first tick after it.
    """

    impact_share: Array  # [] phi: share of the displacement it sees
    heartbeat: Array  # [] int32 ticks between publications
    threshold: Array  # [] early publication beyond this relative move, inf for never
    lag: int = field(metadata={"static": True})  # ticks
    instant: bool = field(metadata={"static": True})  # no lag, no heartbeat
    freezes: tuple[Freeze, ...] = ()

    def init(self, prices: Array) -> OracleState:
        """Everything published so far is the initial price [A]."""
        history = jnp.broadcast_to(prices, (0 if self.instant else self.lag + 1, *prices.shape))
        frozen = jnp.zeros(prices.shape, bool) if self.freezes else None
        return OracleState(published=prices, history=history, frozen=frozen)

    def observe(self, state: OracleState, price: Array, tick: Array) -> OracleState:
        """Take in this tick's oracle input [A] and publish what is due."""
        if self.instant:
            return replace(state, published=price)
        slots = self.lag + 1
        history = state.history.at[tick % slots].set(price)
        candidate = history[(tick + 1) % slots]
        moved = jnp.abs(candidate / state.published - 1.0) > self.threshold
        due = moved | (tick % self.heartbeat == 0)
        if state.frozen is not None:  # what was due in a freeze is published after it
            due = due | state.frozen
        return replace(state, published=jnp.where(due, candidate, state.published), history=history)

    def freeze(self, state: OracleState, last: Array, tick: Array) -> OracleState:
        """The state after :meth:`observe`, where nothing is published that of before; ``last`` [A] was seen last."""
        if state.frozen is None:
            return state
        frozen = jnp.zeros_like(state.frozen)
        for freeze in self.freezes:
            frozen = frozen | (freeze.window.holds(tick) & freeze.markets)
        return replace(state, published=jnp.where(frozen, last, state.published), frozen=frozen)

    def price(self, state: OracleState, fundamental: Array, displacement: Array) -> Array:
        """Price [A] of the risk check, given where the mark is now."""
        if not self.instant:
            return state.published
        live = fundamental * (1.0 + self.impact_share * displacement)
        return live if state.frozen is None else jnp.where(state.frozen, state.published, live)
