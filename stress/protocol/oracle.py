"""The oracle: how the risk check sees the price."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp

from stress.protocol.guard import Guard, GuardState
from stress.protocol.mark_price import MarkPrice
from stress.types import Array
from stress.window import Window


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class OracleState:
    """What the risk check sees, and what it will see. Axis ``L`` history."""

    published: Array  # [A] USD per unit
    history: Array  # [L, A] oracle inputs of the last L ticks, slot = tick modulo L
    frozen: Array | None = None  # [A] bool, of an oracle that may freeze
    offset: Array | None = None  # [A] factor on the input, of an oracle that may be manipulated
    mark: Any = None  # what the mark price remembers (``protocol.mark_price``)
    published_at: Array | None = None  # [A] int32 tick, of an oracle with a guard
    guard: GuardState | None = None


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Freeze:
    """A time in which nothing is published, whatever happens."""

    window: Window
    markets: Array  # [A] bool, those that freeze


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Manipulation:
    """A time in which the input is wrong by a stated part: prices elsewhere are moved, the venue's own are not."""

    window: Window
    move: Array  # [A] relative


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Oracle:
    """Lag, heartbeat and deviation threshold. Without lag and heartbeat it follows the mark within a tick.

    A frozen oracle shows the index that it showed last, and publishes in the first tick after it.
    """

    impact_share: Array  # [] phi: share of the displacement it sees
    heartbeat: Array  # [] int32 ticks between publications
    threshold: Array  # [] early publication beyond this relative move, inf for never
    lag: int = field(metadata={"static": True})  # ticks
    instant: bool = field(metadata={"static": True})  # no lag, no heartbeat
    freezes: tuple[Freeze, ...] = ()
    manipulations: tuple[Manipulation, ...] = ()
    mark: MarkPrice | None = None  # None: the risk check is at the index
    guard: Guard | None = None

    def init(self, prices: Array) -> OracleState:
        """Everything published so far is the initial price [A]."""
        return OracleState(
            published=prices,
            history=jnp.broadcast_to(prices, (0 if self.instant else self.lag + 1, *prices.shape)),
            frozen=jnp.zeros(prices.shape, bool) if self.freezes else None,
            offset=jnp.ones_like(prices) if self.manipulations else None,
            mark=None if self.mark is None else self.mark.init(prices),
            published_at=None if self.guard is None else jnp.zeros(prices.shape, jnp.int32),
            guard=None if self.guard is None else self.guard.init(prices),
        )

    def observe(self, state: OracleState, price: Array, tick: Array) -> OracleState:
        """Take in this tick's oracle input [A] and publish what is due."""
        if state.offset is not None:
            offset = self._offset(tick)
            state, price = replace(state, offset=offset), price * offset
        if self.instant:
            return _dated(replace(state, published=price), True, tick)
        slots = self.lag + 1
        history = state.history.at[tick % slots].set(price)
        candidate = history[(tick + 1) % slots]
        moved = jnp.abs(candidate / state.published - 1.0) > self.threshold
        due = moved | (tick % self.heartbeat == 0)
        if state.frozen is not None:  # what was due in a freeze is published after it
            due = due | state.frozen
        state = replace(state, published=jnp.where(due, candidate, state.published), history=history)
        return _dated(state, due, tick)

    def _offset(self, tick: Array) -> Array:
        """Factor [A] on the input in this tick."""
        factor = jnp.ones(())
        for one in self.manipulations:
            factor = factor * (1.0 + jnp.where(one.window.holds(tick), one.move, 0.0))
        return factor

    def freeze(self, state: OracleState, before: OracleState, last: Array, tick: Array) -> OracleState:
        """The state after :meth:`observe`, where nothing is published that of ``before``; ``last`` [A] was shown."""
        if state.frozen is None:
            return state
        frozen = jnp.zeros_like(state.frozen)
        for freeze in self.freezes:
            frozen = frozen | (freeze.window.holds(tick) & freeze.markets)
        if state.published_at is not None and before.published_at is not None:
            state = replace(state, published_at=jnp.where(frozen, before.published_at, state.published_at))
        return replace(state, published=jnp.where(frozen, last, state.published), frozen=frozen)

    def settle(self, state: OracleState, fundamental: Array, displacement: Array, tick: Array) -> OracleState:
        """The state at the start of a tick, once it is known what is published: what mark price and guard see."""
        if self.mark is None and self.guard is None:
            return state
        index = self.index(state, fundamental, displacement)
        if self.mark is not None:
            last = fundamental * (1.0 + displacement)
            state = replace(state, mark=self.mark.observe(state.mark, index, last))
        if self.guard is not None and state.guard is not None and state.published_at is not None:
            state = replace(state, guard=self.guard.observe(state.guard, index, tick - state.published_at))
        return state

    def index(self, state: OracleState, fundamental: Array, displacement: Array) -> Array:
        """What is published [A], given where the mark is now."""
        if not self.instant:
            return state.published
        live = fundamental * (1.0 + self.impact_share * displacement)
        if state.offset is not None:
            live = live * state.offset
        return live if state.frozen is None else jnp.where(state.frozen, state.published, live)

    def price(self, state: OracleState, fundamental: Array, displacement: Array) -> Array:
        """Price [A] of the risk check, given where the last price is now."""
        index = self.index(state, fundamental, displacement)
        return index if self.mark is None else self.mark.price(state.mark, index, fundamental * (1.0 + displacement))


def _dated(state: OracleState, due: Array | bool, tick: Array) -> OracleState:
    """The state with this tick as that of the last publication where one was ``due`` [A]."""
    if state.published_at is None:
        return state
    return replace(state, published_at=jnp.where(due, tick, state.published_at))
