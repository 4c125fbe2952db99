"""Accounts aside: those that keepers closed in part, when their capacity ran out in the middle of one.

What is left of such an account has another key, so it has lost its place on the ladder. It keeps the coordinates of
its ladder: funding and ADL move it as they move all others there, and only its key is its own. An account is in its
slot until it is closed whole; a path that needs more slots than there are has a status.

Axes: ``S`` slots, ``L`` ladders.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from stress.engine.ladder.book import SIGN, Index
from stress.protocol.keepers import Keepers
from stress.types import NEVER, Array

SLOTS = 64
"""Accounts aside at a time, of a path: a queue at the keepers grows by one a tick."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Aside:
    """The slots."""

    ladder: Array  # [S] int32
    units: Array  # [S] original units; 0: vacant
    key: Array  # [S] USD per unit
    flagged: Array  # [S] int32, tick of the first breach

    def sign(self) -> Array:
        """sigma [S]."""
        return jnp.asarray(SIGN)[self.ladder % 2]

    def of(self, values: Array) -> Array:
        """Values [L] of ladders, by slot [S]."""
        return values[self.ladder]

    def only(self, kept: Array) -> Aside:
        """Those in ``kept`` [S] slots."""
        return replace(self, units=jnp.where(kept, self.units, 0.0))

    def sums(self, amounts: Array, ladders: int) -> Array:
        """Sums [L] of amounts [S] by ladder."""
        mine = self.ladder == jnp.arange(ladders)[:, None]
        return jnp.where(mine, amounts, 0).sum(1, dtype=amounts.dtype)

    def largest_key(self, ladders: int) -> Array:
        """Of each ladder [L]; -inf where nobody is aside."""
        mine = (self.ladder == jnp.arange(ladders)[:, None]) & (self.units > 0)
        return jnp.where(mine, self.key, -jnp.inf).max(1)


def nobody_aside(keepers: Keepers) -> Aside | None:
    """At time zero; None if keepers have no capacity to run out of."""
    if not keepers.limited:
        return None
    none = jnp.zeros(SLOTS, jnp.float64)
    return Aside(jnp.zeros(SLOTS, jnp.int32), none, none, jnp.full(SLOTS, NEVER, jnp.int32))


def put_aside(aside: Aside, ladder: Index, units: Array, key: Array, wanted: Array) -> tuple[Aside, Array, Array]:
    """The slots with one more account if ``wanted`` [] and there is room; its slot [S] bool; whether there was none."""
    slot = jnp.argmin(aside.units)
    full = wanted & (aside.units[slot] > 0)
    mine = (jnp.arange(aside.units.shape[0]) == slot) & wanted & ~full
    after = Aside(
        ladder=jnp.where(mine, jnp.asarray(ladder, jnp.int32), aside.ladder),
        units=jnp.where(mine, units, aside.units),
        key=jnp.where(mine, key, aside.key),
        flagged=jnp.where(mine, NEVER, aside.flagged),
    )
    return after, mine, full


def equity(aside: Aside, scale: Array, shift: Array, price: Array) -> Array:
    """Equity [S] in USD of an original unit, at prices, left shares and debts of units [L]."""
    return aside.sign() * (aside.of(scale) * aside.of(price) - aside.of(shift)) - aside.key
