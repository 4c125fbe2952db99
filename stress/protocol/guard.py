"""Guards of the oracle: accounts in a market whose index cannot be trusted are not liquidated.

Stale: nothing was published for too long (Chainlink's heartbeats, Pyth's ages; Synthetix v3 refuses such a price).
Divergent: the index is too far from its own mean (Drift v2, ``programs/drift/src/math/oracle.rs``: of 5 minutes).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class GuardState:
    """What the guards find. Axis: ``A`` markets."""

    mean: Array  # [A] USD per unit, exponential mean of the index
    blocked: Array  # [A] bool, in this tick
    ticks: Array  # [] int32 so far in which some market was


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Guard:
    """Limits, infinite for none."""

    stale_after: Array  # [] ticks since something was published
    divergence: Array  # [] relative distance from the mean
    kept: Array  # [] of the mean from one tick to the next

    def init(self, prices: Array) -> GuardState:
        """All is well at time zero."""
        return GuardState(mean=prices, blocked=jnp.zeros(prices.shape, bool), ticks=jnp.zeros((), jnp.int32))

    def observe(self, state: GuardState, index: Array, age: Array) -> GuardState:
        """The start of a tick with this ``index`` [A], published ``age`` [A] ticks ago; the mean is that of before."""
        blocked = (age > self.stale_after) | (jnp.abs(index / state.mean - 1.0) > self.divergence)
        mean = self.kept * state.mean + (1.0 - self.kept) * index
        return GuardState(mean=mean, blocked=blocked, ticks=state.ticks + blocked.any())
