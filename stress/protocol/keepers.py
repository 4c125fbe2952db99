"""Keepers: who executes liquidations, when, and how much a tick."""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp

from stress.types import NEVER, Array

PERCENT = 0.01
DUST = 1e-9
"""Share of an account below which what still fits is rounding."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Keepers:
    """Delay and capacity of all keepers together."""

    delay: Array  # [] int32 ticks from the first breach to the earliest execution
    capacity: Array  # [] USD of notional a tick, inf for no limit
    delayed: bool = field(metadata={"static": True})  # whether ticks of the first breach are kept (of use to a delay)
    limited: bool = field(metadata={"static": True})  # whether there is a capacity (accounts are ranked only then)
    memory: int = field(metadata={"static": True})  # ticks that ladders remember, more than the delay
    cost: Array | None = None  # [] USD of a liquidation on a calm chain; None: whoever it is, somebody comes
    congestion: Array | None = None  # [] share by which each percent of the tick's move raises the cost
    profit: Array | None = None  # [] USD below which nobody comes

    def flag(self, flagged: Array, liquidatable: Array, tick: Array) -> Array:
        """Tick of the first breach [N]: set once, cleared when the check finds the account healthy."""
        if not self.delayed:
            return flagged
        return jnp.where(liquidatable, jnp.minimum(flagged, tick), NEVER)

    def ready(self, flagged: Array, liquidatable: Array, tick: Array) -> Array:
        """Accounts [N] whose delay has passed."""
        if not self.delayed:
            return liquidatable
        return liquidatable & (tick - flagged >= self.delay)


    def comes(self, reward: Array, move: Array) -> Array:
        """Accounts [N] whose ``reward`` [N] in USD is worth it after a ``move`` [] of the market, relative."""
        if self.cost is None or self.congestion is None or self.profit is None:
            return jnp.ones_like(reward, bool)
        return reward - self.cost * (1.0 + self.congestion * move / PERCENT) >= self.profit


def risk_order(equity: Array, requirement: Array, among: Array) -> Array:
    """Permutation [N]: accounts of ``among`` by equity / requirement ascending, ties larger requirement first."""
    ratio = jnp.where(among, equity / jnp.where(among, requirement, 1.0), jnp.inf)
    return jnp.lexsort((-requirement, ratio))


def within_capacity(share: Array, demand: Array, order: Array, capacity: Array) -> Array:
    """Shares [..., N] cut to ``capacity`` USD of ``demand`` [N]: in risk order while it fits, one account in part."""
    queued = demand[order]
    before = jnp.cumsum(queued) - queued
    fits = jnp.clip((capacity - before) / jnp.where(queued > 0, queued, 1.0), 0.0, 1.0)
    fits = jnp.where(fits < DUST, 0.0, jnp.where(fits > 1.0 - DUST, 1.0, fits))
    return share * jnp.zeros_like(demand).at[order].set(fits)
