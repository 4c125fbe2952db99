"""The contract of an arrival part: when jumps come, and how many were to be expected.

Every stream of jumps, one a market and one that hits all markets at once, has a budget: what its intensity may still
add up to until its next jump, an exponential with mean one. A step takes the intensity's integral off it. Few steps
exhaust one; in the others there is nothing to draw.

Axes: ``R`` regimes, ``A`` markets, ``A + 1`` streams of jumps, the common one last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from stress.cipher import Words
from stress.price.base import Draws, Noise
from stress.price.jumps.base import Growth
from stress.price.keyed import block, exponential
from stress.price.tables import at, row
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Clock:
    """What a path knows of its jumps to come."""

    budget: Array  # [A + 1] integral of the intensity until the next jump
    jumps: Array  # [A + 1] uint32, so far
    key: Array  # [] uniform, of all jumps


@dataclass(frozen=True)
class Arrival:
    """A jump of a step."""

    stream: Array  # [] int32, the market, or ``A`` for all of them
    regime: Array  # [] int32, whose law of sizes it has
    number: Array  # [] uint32 of the jump in its stream
    streams: int
    key: Array  # [] uniform

    def words(self, place: int) -> Words:
        """Random words of the jump's size, by places 0, 1, ..."""
        return block(self.key, (place + 1) * self.streams + self.stream, self.number)


def first_clock(key: Array, streams: int) -> Clock:
    """Nothing has come yet."""
    number = jnp.zeros(streams, jnp.uint32)
    return Clock(exponential(block(key, jnp.arange(streams, dtype=jnp.uint32), number)), number, key)


def first_due(budget: Array) -> Array:
    """The first stream [] int32 whose budget [A + 1] is exhausted; their number where none is."""
    streams = budget.shape[0]
    return jnp.where(budget < 0.0, jnp.arange(streams, dtype=jnp.int32), streams).min()


def renewed(clock: Clock, stream: Array) -> tuple[Clock, Array]:
    """The clock after a jump of a stream [], whose budget is what it was plus a new one; and the jump's number []."""
    streams = clock.budget.shape[0]
    mine = at(stream, streams)
    jumps = clock.jumps + mine.astype(jnp.uint32)
    number = row(jumps, stream)
    wait = exponential(block(clock.key, stream, number))
    return Clock(clock.budget + jnp.where(mine, wait, 0.0), jumps, clock.key), number


class ArrivalPart(Protocol):
    """A frozen PyTree."""

    @property
    def reactive(self) -> bool:
        """Whether the venue's liquidations excite the intensity."""
        ...

    def initial_draws(self) -> Draws:
        """Noise wanted at time zero; none is in a step."""
        ...

    def init(self, noise: Noise) -> Any:
        """State of one path at time zero."""
        ...

    def passed(self, state: Any, occupied: Array, regime: Array, flow: Array | None) -> Any:
        """The step as it is without a jump; ``regime`` is the one at its end."""
        ...

    def due(self, passing: Any) -> Array:
        """Whether there is a jump in the step [] that has not been taken."""
        ...

    def arrived(self, passing: Any) -> tuple[Any, Arrival]:
        """The step with one more of its jumps."""
        ...

    def state(self, passing: Any) -> Any:
        """The state after a step whose jumps are all taken."""
        ...

    def compensator(self, passing: Any, growth: Growth) -> Array:
        """What the log price gives up [n, A], by ticks ahead, for the jumps that were to be expected in a step."""
        ...
