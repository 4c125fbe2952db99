"""A price that follows the oracle slowly, so that a spike gives no margin to trade with.

Mango v4, ``programs/mango-v4/src/state/stable_price.rs``: the stable price may change at a limited rate, the more
limited the further it is from a delayed price. That is the mean of the oracle price in an interval of a day ago, with
a limit on its change from one interval to the next.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class StableState:
    """Axes: ``D`` intervals of delay, then any others, as markets."""

    price: Array  # [...] USD per unit
    delayed: Array  # [D, ...] USD per unit, those of the last D intervals, slot = interval modulo D
    total: Array  # [...] USD s per unit in this interval so far
    clock: Array  # [] s since the start
    begun: Array  # [] s at which this interval began


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class StablePrice:
    """Limits of the growth of both prices."""

    growth: Array  # [] largest relative change of the stable price a second
    delayed_growth: Array  # [] largest relative change of the delayed price from interval to interval
    interval: Array  # [] s
    longest: Array  # [] s of an update that count, at most an interval

    def init(self, price: Array, intervals: int) -> StableState:
        """All prices so far were ``price`` [...]."""
        zero = jnp.zeros(())
        return StableState(price, jnp.broadcast_to(price, (intervals, *jnp.shape(price))), jnp.zeros_like(price), zero,
                           zero)

    def observe(self, state: StableState, oracle: Array, seconds: Array) -> StableState:
        """After ``seconds`` [], no more than an interval, in which the oracle price was ``oracle`` [...]."""
        counted, clock = jnp.minimum(seconds, self.longest), state.clock + seconds
        state = self._delay(replace(state, total=state.total + oracle * counted, clock=clock))
        slots = state.delayed.shape[0]
        delayed = state.delayed[(clock // self.interval).astype(int) % slots]
        ratio = jnp.minimum(state.price / delayed, delayed / state.price)
        limit = self.growth * ratio**2 * counted
        return replace(state, price=_limited(oracle, state.price, limit))

    def _delay(self, state: StableState) -> StableState:
        """Where an interval has ended, its price takes the place of the oldest."""
        slots = state.delayed.shape[0]
        ended = (state.begun // self.interval).astype(int)
        over = (state.clock // self.interval).astype(int) > ended
        mean = state.total / jnp.maximum(state.clock - state.begun, 1e-9)
        new = _limited(mean, state.delayed[(ended - 1) % slots], self.delayed_growth)
        slot = ended % slots
        return replace(
            state,
            delayed=state.delayed.at[slot].set(jnp.where(over, new, state.delayed[slot])),
            total=jnp.where(over, 0.0, state.total),
            begun=jnp.where(over, state.clock, state.begun),
        )


def _limited(target: Array, last: Array, limit: Array) -> Array:
    """``target`` [...], no further from ``last`` [...] than ``limit`` [] of it."""
    return jnp.clip(target, last * (1.0 - limit), last * (1.0 + limit))


def counted_price(oracle: Array, stable: Array, size: Array) -> Array:
    """USD per unit [...] at which ``size`` [...] units count towards initial health: the worse of both for their owner.

    What is owned (> 0) at the lower of the ``oracle`` and the ``stable`` price [...], what is owed at the higher.
    Maintenance, and the end of a liquidation, are at the oracle price. Mango v4, ``src/health/cache.rs``.
    """
    return jnp.where(size > 0, jnp.minimum(oracle, stable), jnp.maximum(oracle, stable))
