"""Margin requirements that follow the market: a factor by realised volatility, or by stages of stress.

Futures clearing houses set margins by volatility, and so raise them in a crash; some venues raise them in stages once
prices have moved by so much. The factor is taken from the index, at the start of a tick, and holds for all its rounds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from stress.protocol.stress_index import largest_move, nothing_moved, remembered
from stress.types import Array


class Factor(Protocol):
    """The contract of a rule. Axis: ``A`` markets."""

    def init(self, prices: Array) -> Any:
        """What it remembers at time zero, when the index has always been ``prices`` [A]."""
        ...

    def next(self, memory: Any, index: Array, tick: Array) -> tuple[Any, Array]:
        """What it remembers after a tick that starts with ``index`` [A], and the factor [A] that it asks for."""
        ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ByVolatility:
    """Realised volatility over a reference, at least one and at most a cap.

    The variance is an exponential mean of squared log returns of a tick, which starts at the reference. Memory: last
    index [A] and variance [A] of a tick.
    """

    kept: Array  # [] of the mean from one tick to the next
    reference: Array  # [A] variance of a tick
    most: Array  # []

    def init(self, prices: Array) -> tuple[Array, Array]:
        """As calm as the reference."""
        return prices, jnp.broadcast_to(self.reference, prices.shape)

    def next(self, memory: tuple[Array, Array], index: Array, tick: Array) -> tuple[tuple[Array, Array], Array]:
        """By the return of this tick, too."""
        del tick
        last, variance = memory
        variance = self.kept * variance + (1.0 - self.kept) * jnp.log(index / last) ** 2
        return (index, variance), jnp.clip(jnp.sqrt(variance / self.reference), 1.0, self.most)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ByStage:
    """Stages by the largest move of any index from what it was in a window; all markets have one stage.

    Axes: ``K`` stages, ``L`` ticks of the window. Memory: indices [L, A], slot = tick modulo L.
    """

    move: Array  # [K] relative, rising
    multiplier: Array  # [K] rising
    window: int = field(metadata={"static": True})  # ticks

    def init(self, prices: Array) -> Array:
        """Nothing moved."""
        return nothing_moved(prices, self.window)

    def next(self, memory: Array, index: Array, tick: Array) -> tuple[Array, Array]:
        """The highest stage whose move is exceeded; one without any."""
        factor = jnp.where(largest_move(memory, index) > self.move, self.multiplier, 1.0).max()
        return remembered(memory, index, tick), jnp.broadcast_to(factor, index.shape)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class AdaptiveState:
    """The factor of one path. Axis: ``A`` markets."""

    factor: Array  # [A] in force
    boxed: Array  # [A] at the last look at the accounts: what screens stand for
    most: Array  # [] largest that was in force
    memory: Any  # of the rule


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class AdaptiveMargin:
    """A rule, and how often the venue follows it."""

    rule: Factor
    every: Array  # [] int32 ticks

    def init(self, prices: Array) -> AdaptiveState:
        """No factor yet."""
        one = jnp.ones_like(prices)
        return AdaptiveState(factor=one, boxed=one, most=jnp.ones(()), memory=self.rule.init(prices))

    def observe(self, state: AdaptiveState, index: Array, tick: Array) -> AdaptiveState:
        """The state after the start of a tick with this ``index`` [A]."""
        memory, asked = self.rule.next(state.memory, index, tick)
        factor = jnp.where(tick % self.every == 0, asked, state.factor)
        return replace(state, factor=factor, most=jnp.maximum(state.most, factor.max()), memory=memory)
