"""Keepers' delay on ladders: who has been liquidatable for long enough.

An account may be liquidated at a look if it was liquidatable at every look since the last one of the tick ``delay``
ticks ago. On a ladder those liquidatable at a look are all up to a place, so those liquidatable at several are all up
to the least of their places. Whoever is ready is thus a range from the first open account on, and whoever waits is
the range behind it. A tick without a look is one in which nobody is liquidatable: all who wait begin anew.

Axes: ``L`` ladders, ``W`` ticks that are remembered.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.engine.ladder.aside import Aside
from stress.protocol.keepers import Keepers
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Pending:
    """What the looks of the last ticks found."""

    reach: Array  # [W, L] int32, by tick modulo W: least place reached since the last look of that tick
    looked: Array  # [] int32, tick of the last look

    def missed(self, tick: Array) -> Array:
        """Whether there was no look in the tick before this one []."""
        return self.looked < tick - 1


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Taken:
    """What keepers with a capacity take of accounts aside, and of the one that becomes one of them."""

    aside: Aside  # after the look
    share: Array  # [S] of each account aside that is closed
    moved: Array  # [L] int32, 1 where the account behind the last one is closed in part
    part: Array  # [] share of that account
    waits: Array  # [L] bool, whether others are liquidatable
    used: Array  # [] USD of capacity


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Leaving:
    """Who of the ladders is closed in a round."""

    ends: Array  # [L] int32, place up to which accounts are closed whole
    past: Array  # [L] int32, place of the next one, behind that which is closed in part if there is one
    share: Array | None = None  # [S] of each account aside that is closed


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Due:
    """Who of the ladders is to be liquidated at a look."""

    ends: Array  # [L] int32, place up to which accounts are liquidated
    reached: Array  # [L] int32, place up to which they are liquidatable
    pending: Pending | None  # after the look
    taken: Taken | None = None  # what keepers with a capacity take besides

    def waits(self) -> Array | None:
        """Whether somebody waits for keepers [L]; None if nobody ever does."""
        if self.taken is not None:
            return self.taken.waits
        return None if self.pending is None else self.reached > self.ends

    def anybody(self, first: Array) -> Array:
        """Whether somebody is to be liquidated [], ``first`` [L] being the first open accounts."""
        anybody = (self.ends > first).any()
        return anybody if self.taken is None else anybody | self.taken.moved.any() | (self.taken.share > 0).any()


def nobody_waits(keepers: Keepers, ladders: int) -> Pending | None:
    """At time zero; None if keepers act at once."""
    if not keepers.delayed:
        return None
    return Pending(jnp.zeros((keepers.memory, ladders), jnp.int32), jnp.zeros((), jnp.int32))


def due(keepers: Keepers, pending: Pending | None, first: Array, reached: Array, tick: Array) -> Due:
    """The accounts from ``first`` [L] on that are liquidatable up to ``reached`` [L] and have been for long enough."""
    if pending is None:
        return Due(reached, reached, None)
    memory = pending.reach.shape[0]
    since = jnp.where(pending.missed(tick), first, pending.reach)
    since = jnp.minimum(since, reached).at[tick % memory].set(reached)
    ends = jnp.maximum(since[(tick - keepers.delay) % memory], first)
    return Due(ends, reached, Pending(since, jnp.asarray(tick, jnp.int32)))
