"""Guards of the oracle: accounts in a market whose index cannot be trusted are not liquidated.

Stale: nothing was published for too long (Chainlink's heartbeats, Pyth's ages; Synthetix v3 refuses such a price).
Divergent: the index is too far from its own mean (Drift v2, ``programs/drift/src/math/oracle.rs``: of 5 minutes).
Uncertain: its confidence interval is too wide (Mango v4, ``programs/mango-v4/src/state/oracle.rs``: ``conf_filter``).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ConfidenceState:
    """What the width is made of. Axis: ``A`` markets."""

    index: Array  # [A] USD per unit, of the last tick
    variance: Array  # [A] exponential mean of the squared relative moves of a tick


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Confidence:
    """The confidence interval of an index: price +- width, the wider the more it has moved. The law is assumed."""

    limit: Array  # [] relative width beyond which nobody is liquidated
    multiple: Array  # [] width over the root of the mean squared move of a tick
    floor: Array  # [] relative width in a still market
    kept: Array  # [] of the mean from one tick to the next

    def init(self, prices: Array) -> ConfidenceState:
        """Nothing has moved before time zero."""
        return ConfidenceState(index=prices, variance=jnp.zeros_like(prices))

    def observe(self, state: ConfidenceState, index: Array) -> ConfidenceState:
        """The start of a tick with this ``index`` [A], whose move counts."""
        moved = index / state.index - 1.0
        return ConfidenceState(index=index, variance=self.kept * state.variance + (1.0 - self.kept) * moved * moved)

    def width(self, state: ConfidenceState) -> Array:
        """Relative width [A] to each side of the index."""
        return self.floor + self.multiple * jnp.sqrt(state.variance)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class GuardState:
    """What the guards find. Axis: ``A`` markets."""

    mean: Array  # [A] USD per unit, exponential mean of the index
    blocked: Array  # [A] bool, in this tick
    ticks: Array  # [] int32 so far in which some market was
    confidence: ConfidenceState | None = None


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Guard:
    """Limits, infinite for none."""

    stale_after: Array  # [] ticks since something was published
    divergence: Array  # [] relative distance from the mean
    kept: Array  # [] of the mean from one tick to the next
    confidence: Confidence | None = None  # None: the index has no interval

    def init(self, prices: Array) -> GuardState:
        """All is well at time zero."""
        return GuardState(
            mean=prices,
            blocked=jnp.zeros(prices.shape, bool),
            ticks=jnp.zeros((), jnp.int32),
            confidence=None if self.confidence is None else self.confidence.init(prices),
        )

    def observe(self, state: GuardState, index: Array, age: Array) -> GuardState:
        """The start of a tick with this ``index`` [A], published ``age`` [A] ticks ago; the mean is that of before."""
        blocked = (age > self.stale_after) | (jnp.abs(index / state.mean - 1.0) > self.divergence)
        mean = self.kept * state.mean + (1.0 - self.kept) * index
        confidence = state.confidence
        if self.confidence is not None and confidence is not None:
            confidence = self.confidence.observe(confidence, index)
            blocked = blocked | (self.confidence.width(confidence) > self.confidence.limit)
        return GuardState(mean=mean, blocked=blocked, ticks=state.ticks + blocked.any(), confidence=confidence)
