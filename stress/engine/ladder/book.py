"""The sorted book. Axes: ``L`` ladders (two a market: longs, shorts), ``n`` accounts of the longest ladder.

An account with one position, size ``s`` > 0 units on side sigma = +1 (long) or -1 (short), has quote balance ``q`` and
bankruptcy price ``B = -q / (sigma s)``. Its key is ``K = sigma B``; a ladder holds its side's accounts by falling key,
the order in which they are liquidated under one margin rate. Funding and pro-rata ADL move a whole side at once: of
every original unit ``g`` are left, and ``c`` is owed. So at price ``p`` the account's equity is
``s (sigma (g p - c) - K)``, and every question about it is whether its key is above a limit of its side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from stress.protocol.margin.base import MarginCurve
from stress.protocol.margin.tiers import MarginTable
from stress.types import Array

Tree = Any
Index = Array | int
WRITTEN_OUT = 2
"""Ladders up to which a loop over them is written out: faster, longer to compile."""
PARTS = (64, 2**15)
"""Fewest and most parts of an index; the most leave room for keys in a second-level cache."""
PARTS_TO_ONE_KEY = 4
TAIL = 0.01
"""Share of the keys at either end that stays out of an index's range: a few lie far off."""
SIGN = np.array([1.0, -1.0])
"""sigma of a market's two ladders."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class KeyIndex:
    """Where a search may start: the range of the keys in ``m`` equal parts, and the first place of each."""

    first: Array  # [L, m] int32
    top: Array  # [L] USD per unit, where the first part begins
    parts: Array  # [L] per USD per unit

    def before(self, ladder: Index, limit: Array) -> Array:
        """A place [] before which all keys are above ``limit`` []: rounding keeps the order of keys and limits."""
        part = (self.top[ladder] - limit) * self.parts[ladder]
        return entry(self.first, ladder, jnp.maximum(part, 0.0).astype(jnp.uint32))  # of too large a one, the last


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Ladders:
    """Keys and running sums; entry ``i`` of a sum is that over the ``i`` accounts before place ``i``."""

    key: Array  # [L, n + 1] USD per unit, falling; -inf behind the last account
    index: KeyIndex
    size: Array  # [L, n + 1] units
    value: Array  # [L, n + 1] USD, of size x key
    accounts: Array  # [L] int32
    room: Array  # [L] USD an original unit may owe until somebody's trigger leaves the first margin tier
    residual: Array  # [L] units of the account that balances the book: deleveraged, never liquidated
    flat_quote: Array  # [] USD, quote balances of accounts in no ladder, the residual account's included
    quote_total: Array  # [] USD, of all accounts at time zero

    @property
    def markets(self) -> int:
        """Number of markets."""
        return self.key.shape[0] // 2

    def sign(self) -> Array:
        """sigma [L]."""
        return jnp.tile(jnp.asarray(SIGN), self.markets)

    def first_not_above(self, ladder: Index, start: Array, limit: Array) -> Array:
        """First place from ``start`` [] on in a ladder whose key is not above ``limit`` []."""
        return self.nearest_not_above(ladder, jnp.maximum(start, self.index.before(ladder, limit)), limit)

    def nearest_not_above(self, ladder: Index, start: Array, limit: Array) -> Array:
        """The same without the index, by doubling, then halving: quick if it is near the start."""
        last = self.key.shape[1] - 1

        def further(state: tuple[Array, Array]) -> Array:
            place, step = state
            return entry(self.key, ladder, jnp.minimum(place + step - 1, last)) > limit

        def double(state: tuple[Array, Array]) -> tuple[Array, Array]:
            return state[0] + state[1], 2 * state[1]

        place, step = jax.lax.while_loop(further, double, (start, jnp.int32(1)))
        left = jnp.minimum(step - 1, last - place)  # the answer is in [place, place + left]

        def halve(state: tuple[Array, Array]) -> tuple[Array, Array]:
            place, left = state
            half = (left + 1) // 2
            above = entry(self.key, ladder, place + half - 1) > limit
            return jnp.where(above, place + half, place), left - half

        return jax.lax.while_loop(lambda state: state[1] > 0, halve, (place, left))[0]


def entry(table: Array, ladder: Index, place: Array) -> Array:
    """Entry [] of a table [L, n + 1]; unsigned places spare the test for counting from the end."""
    where = (jnp.asarray(ladder, jnp.uint32), place.astype(jnp.uint32))
    return jax.lax.dynamic_slice(table, where, (1, 1))[0, 0]


def each(work: Callable[[Index], Tree], ladders: int) -> Tree:
    """``work`` for every ladder, its results with a leading axis [L]: written out for one market, else a loop."""
    if ladders > WRITTEN_OUT:
        return jax.lax.map(work, jnp.arange(ladders, dtype=jnp.int32))
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *(work(ladder) for ladder in range(ladders)))


def sort_book(size: np.ndarray, quote: np.ndarray, residual: np.ndarray, margin: MarginTable) -> Ladders:
    """The ladders of accounts with sizes [A, N], quote balances [N] and the residual mark [N].

    Every account but the residual one holds at most one position, and is liquidated in its first margin tier
    (``build.engine`` sees to it).
    """
    sides = [np.flatnonzero((sign * row > 0) & ~residual) for row in size for sign in SIGN]
    width = _rounded(max((len(side) for side in sides), default=0) + 1)
    key = np.full((len(sides), width), -np.inf)
    sums = np.zeros((2, len(sides), width))
    for ladder, members in enumerate(sides):
        units = np.abs(size[ladder // 2, members])
        keys = -quote[members] / units
        order = np.lexsort((-units, -keys))  # keepers take the larger of two at the same risk first
        key[ladder, : len(members)] = keys[order]
        for total, amounts in zip(sums, (units, -quote[members]), strict=True):
            running = np.cumsum(amounts[order].astype(np.longdouble)).astype(float)
            total[ladder, 1 : len(members) + 1] = running
            total[ladder, len(members) + 1 :] = running[-1] if len(members) else 0.0
    inside = np.zeros(len(quote), bool)
    inside[np.concatenate([*sides, np.zeros(0, int)]).astype(int)] = True
    rooms = np.repeat(tier_room(size, quote, margin), 2, axis=0)
    extra = np.stack([np.maximum(sign * row[residual], 0.0).sum() for row in size for sign in SIGN])
    return Ladders(
        key=jnp.asarray(key),
        index=index_keys(key, [len(side) for side in sides]),
        size=jnp.asarray(sums[0]),
        value=jnp.asarray(sums[1]),
        accounts=jnp.asarray([len(side) for side in sides], jnp.int32),
        room=jnp.asarray([room[side].min(initial=np.inf) for room, side in zip(rooms, sides, strict=True)]),
        residual=jnp.asarray(extra),
        flat_quote=jnp.asarray(quote[~inside].sum()),
        quote_total=jnp.asarray(quote.sum()),
    )


def tier_room(size: np.ndarray, quote: np.ndarray, margin: MarginTable) -> np.ndarray:
    """What a unit of each position [A, N] may come to owe in USD until the account's trigger is beyond its first tier.

    An account that owes ``c`` a unit is liquidatable where its notional is below (a short: above)
    ``|s| (B + c) / (1 - sigma rate)``. On one side of that the requirement falls short of equity in every tier, since
    marginal rates are below one; on the other it does not. So the first tier's rate is all that matters while this
    notional is in the first tier.
    """
    rate, bound = np.asarray(margin.rate)[:, :1], first_tier(margin)[:, None]
    units = np.where(size != 0, np.abs(size), np.nan)
    broke = -quote / np.where(size != 0, size, np.nan)
    return np.where(size != 0, bound * (1.0 - np.sign(size) * rate) / units - broke, np.inf)


def flat_rates(margin: MarginCurve) -> Array:
    """Rates [A] of the first tiers, which are all that ladders need."""
    assert isinstance(margin, MarginTable)  # build.engine sees to it
    return margin.rate[:, 0]


def first_tier(margin: MarginTable) -> np.ndarray:
    """Notional [A] in USD up to which the first rate is all of a requirement."""
    rate, deduction = np.asarray(margin.rate), np.asarray(margin.deduction)
    steeper = rate > rate[:, :1]
    cut = deduction / np.where(steeper, rate - rate[:, :1], 1.0)
    return np.where(steeper, cut, np.inf).min(axis=1)


def _rounded(places: int) -> int:
    """Up by an eighth at most, so that books of about the same size share a program."""
    step = max(16, 1 << places.bit_length() >> 4)
    return -(-places // step) * step


def index_keys(key: np.ndarray, counts: list[int]) -> KeyIndex:
    """The index of keys [L, n + 1], of which ``counts`` [L] are accounts'."""
    parts = 1 << min(max(PARTS_TO_ONE_KEY * key.shape[1], PARTS[0]), PARTS[1]).bit_length()
    first, top, scale = np.zeros((len(key), parts), np.int32), np.zeros(len(key)), np.zeros(len(key))
    for ladder, count in enumerate(counts):
        keys, skipped = key[ladder, :count], int(TAIL * count)
        width = keys[skipped] - keys[count - 1 - skipped] if count else 0.0
        if not width > 0:
            continue
        top[ladder], scale[ladder] = keys[skipped], parts / width
        part = np.clip((top[ladder] - keys) * scale[ladder], 0, parts - 1).astype(int)
        first[ladder] = np.searchsorted(part, np.arange(parts))
    return KeyIndex(jnp.asarray(first), jnp.asarray(top), jnp.asarray(scale))
