"""Pro-rata ADL on ladders: one fraction of every eligible position of a side, at the volume-weighted bankruptcy price.

Losers of one ladder are matched with the accounts of the ladder on the other side of the market that stay open.
Closing a fraction ``d`` of that side at price ``b`` leaves ``g (1 - d)`` of every unit and turns ``c`` into
``c - d g b``, so the order of its keys stays what it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from stress.engine.ladder.book import Index, Ladders, each, entry
from stress.engine.ladder.crowd import Crowd, worth
from stress.engine.ladder.settle import Closed, Run, close, keyed, nothing_closed, units
from stress.protocol.venue import Venue
from stress.types import Array

WHOLE = 1.0 - 1e-12
"""From this fraction on a side is closed altogether."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Match:
    """Who is closed against whom. Axis ``L``: the losers' ladder, but for the last five fields the winners'."""

    losers: Array  # [L] int32, place behind the last loser
    share: Array  # [L] of each loser's quantity that ADL closes
    paid: Array  # [L] USD, units x price of what ADL closes
    scale: Array  # [L] of the winners, afterwards
    shift: Array  # [L] of the winners, afterwards
    accounts: Array  # [L] int32 winners, the residual account apart
    residual: Array  # [L] USD of ``paid`` that the residual account takes
    beyond: Array  # [] bool, a side was closed altogether and somebody on it is left below zero, which is not followed


def nobody(ladders: Ladders, row: Crowd) -> Match:
    """The match of a round without ADL."""
    count = ladders.key.shape[0]
    none, zero = jnp.zeros(count, jnp.float64), jnp.zeros(count, jnp.int32)
    return Match(row.next, none, none, row.scale, row.shift, zero, none, jnp.zeros((), bool))


def deleverage(ladders: Ladders, row: Crowd, ends: Array, fill: Array, unpaid: Array) -> Match:
    """``unpaid`` [] is the share of the losers' quantity to be matched; losers are below zero at ``fill`` [L]."""
    sides = each(lambda i: _one_side(ladders, row, ends, fill[i], unpaid, i), ladders.key.shape[0])
    # what a ladder does to its winners is found while its losers' ladder is looked at
    winning = [side.reshape(-1, 2)[:, ::-1].reshape(-1) for side in sides[3:7]]
    return Match(*sides[:3], *winning, beyond=sides[7].any())


def _one_side(
    ladders: Ladders, row: Crowd, ends: Array, fill: Array, unpaid: Array, ladder: Index
) -> tuple[Array, ...]:
    """Losers of a ladder, their share and its value; winners' scale, shift, number, the residual's part; beyond."""
    other = ladder ^ 1
    sign = ladders.sign()[ladder]
    mine = worth(row, ladder, sign, fill)
    losers = jnp.minimum(ladders.first_not_above(ladder, row.next[ladder], mine), ends[ladder])
    run = Run(ladder, row.next[ladder], losers, 1.0, fill)
    need = unpaid * row.scale[ladder] * units(ladders, run)
    open_units = ladders.size[other, -1] - entry(ladders.size, other, ends[other]) + ladders.residual[other]
    room = row.scale[other] * open_units
    share = unpaid * jnp.where(need > room, room / jnp.where(need > 0, need, 1.0), 1.0)
    paid = share * (row.shift[ladder] * units(ladders, run) + sign * keyed(ladders, run))
    safe = jnp.where(room > 0, room, 1.0)
    fraction = jnp.minimum(need, room) / safe
    taken = (need > 0) & (room > 0)
    shift = row.shift[other] - row.scale[other] * paid / safe
    below = (entry(ladders.key, other, ends[other]) > sign * shift) | (ladders.residual[other] > 0)
    return (
        losers,
        share,
        paid,
        row.scale[other] * (1.0 - fraction),
        shift,
        jnp.where(taken, ladders.accounts[other] - ends[other], 0),
        paid * row.scale[other] * ladders.residual[other] / safe,
        taken & (fraction >= WHOLE) & below,
    )


def sold_units(ladders: Ladders, crowd: Crowd, ends: Array, match: Match | None) -> Array:
    """Units [L] that accounts up to ``ends`` [L] sell on the book."""

    def one(ladder: Index) -> Array:
        return crowd.scale[ladder] * sum(units(ladders, r) * r.share for r in _runs(crowd, ends, match, ladder))

    return each(one, ladders.key.shape[0])


def closed_at(
    ladders: Ladders, venue: Venue, crowd: Crowd, ends: Array, match: Match | None, fill: Array
) -> Closed:
    """What it comes to for accounts up to ``ends`` [L] that they are closed at fill prices [L]."""

    def closed(ladder: Index) -> Closed:
        runs = [replace(run, fill=fill[ladder]) for run in _runs(crowd, ends, match, ladder)]
        parts = [close(ladders, crowd, venue.fees, run) for run in runs]
        return sum(parts[1:], parts[0])

    def some(ladder: Index) -> Closed:
        return jax.lax.cond(ends[ladder] > crowd.next[ladder], lambda: closed(ladder), nothing_closed)

    return each(some, ladders.key.shape[0]).total()


def _runs(crowd: Crowd, ends: Array, match: Match | None, ladder: Index) -> list[Run]:
    """Losers, of whom ADL takes a share, and the others; fill prices are not known yet."""
    start, end, unknown = crowd.next[ladder], ends[ladder], jnp.zeros(())
    if match is None:
        return [Run(ladder, start, end, 1.0, unknown)]
    losers = match.losers[ladder]
    return [Run(ladder, start, losers, 1.0 - match.share[ladder], unknown), Run(ladder, losers, end, 1.0, unknown)]
