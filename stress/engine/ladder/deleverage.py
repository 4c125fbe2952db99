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
from stress.engine.ladder.crowd import Crowd, at, worth
from stress.engine.ladder.settle import Closed, Run, Sale, close, keyed, nothing_closed, units
from stress.protocol.venue import Venue
from stress.types import Array

WHOLE = 1.0 - 1e-12
"""From this fraction on a side is closed altogether."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Sides:
    """Each ladder as one account in ADL: its losers, and all who stay open."""

    losers: Array  # [L] int32, place behind the last loser
    need: Array  # [L] units of losers that ADL has to match
    price: Array  # [L] USD per unit, their volume-weighted bankruptcy price
    room: Array  # [L] units of all who stay open


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Match:
    """Who is closed against whom. Axis ``L``: the losers' ladder, from ``scale`` on the winners'."""

    losers: Array  # [L] int32, place behind the last loser
    share: Array  # [L] of each loser's quantity that ADL closes
    paid: Array  # [L] USD, units x price of what ADL closes
    scale: Array  # [L] of the winners, afterwards
    shift: Array  # [L] of the winners, afterwards
    won: Array  # [L] USD of the winners' positions that ADL closes
    accounts: Array  # [L] int32 winners, the residual account apart
    residual: Array  # [L] USD of ``won`` that the residual account gives up
    beyond: Array  # [] bool, what ladders do not follow: on a side that was closed altogether somebody is below zero


def nobody(ladders: Ladders, crowd: Crowd) -> Match:
    """The match of a round without ADL."""
    count = ladders.key.shape[0]
    none, zero = jnp.zeros(count, jnp.float64), jnp.zeros(count, jnp.int32)
    return Match(crowd.next, none, none, crowd.scale, crowd.shift, none, zero, none, jnp.zeros((), bool))


def deleverage(ladders: Ladders, crowd: Crowd, ends: Array, fill: Array, unpaid: Array) -> Match:
    """``unpaid`` [] is the share of the losers' quantity to be matched; losers are below zero at ``fill`` [L]."""
    found = sides(ladders, crowd, ends, fill, unpaid)
    room = _opposite(found.room)
    matched = jnp.where(found.need > room, room / jnp.where(found.need > 0, found.need, 1.0), 1.0)
    units, paid = jnp.minimum(found.need, room), matched * found.need * found.price
    return matched_sides(ladders, crowd, ends, found, unpaid * matched, paid, _opposite(units), _opposite(paid))


def sides(ladders: Ladders, crowd: Crowd, ends: Array, fill: Array, unpaid: Array) -> Sides:
    """What :func:`deleverage` has to match."""

    def one(ladder: Index) -> tuple[Array, ...]:
        sign = ladders.sign()[ladder]
        mine = worth(crowd, ladder, sign, fill[ladder])
        losers = jnp.minimum(ladders.first_not_above(ladder, crowd.next[ladder], mine), ends[ladder])
        run = Run(ladder, crowd.next[ladder], losers, 1.0, fill[ladder])
        lost = crowd.scale[ladder] * units(ladders, run)
        value = crowd.shift[ladder] * units(ladders, run) + sign * keyed(ladders, run)
        held = ladders.size[ladder, -1] - entry(ladders.size, ladder, ends[ladder]) + ladders.residual[ladder]
        return losers, unpaid * lost, value / jnp.where(lost > 0, lost, 1.0), crowd.scale[ladder] * held

    return Sides(*each(one, ladders.key.shape[0]))


def matched_sides(
    ladders: Ladders, crowd: Crowd, ends: Array, found: Sides, share: Array, paid: Array, taken: Array, won: Array
) -> Match:
    """The match in which ADL closes a ``share`` of losers for ``paid``, and ``taken`` units of winners for ``won``."""
    safe = jnp.where(found.room > 0, found.room, 1.0)
    fraction, shift = taken / safe, crowd.shift - crowd.scale * won / safe
    # of a side that is closed altogether, equity is what it is owed: -sigma c - K an original unit
    below = (at(ladders.key, ends) > -ladders.sign() * shift) | (ladders.residual > 0)
    return Match(
        losers=found.losers,
        share=share,
        paid=paid,
        scale=crowd.scale * (1.0 - fraction),
        shift=shift,
        won=won,
        accounts=jnp.where(taken > 0, ladders.accounts - ends, 0),
        residual=won * crowd.scale * ladders.residual / safe,
        beyond=((taken > 0) & (fraction >= WHOLE) & below).any() | (shift > ladders.room).any(),
    )


def _opposite(values: Array) -> Array:
    """Values [L] of the ladder on the other side of the market."""
    return values.reshape(-1, 2)[:, ::-1].reshape(-1)


def sold_units(ladders: Ladders, crowd: Crowd, ends: Array, match: Match | None) -> tuple[Array, Array]:
    """Units [L] that accounts up to ``ends`` [L] sell on the book, and what that is net [A]."""

    def one(ladder: Index) -> Array:
        return crowd.scale[ladder] * sum(units(ladders, r) * r.share for r in _runs(crowd, ends, match, ladder))

    book = each(one, ladders.key.shape[0])
    return book, (ladders.sign() * book).reshape(-1, 2).sum(1)


def sale_at(
    ladders: Ladders, venue: Venue, crowd: Crowd, ends: Array, match: Match | None, book: Array, price: Array, z: Array
) -> Sale:
    """Phase 8: what comes of ``book`` [L] units at average prices [A] before the spread, which leave ``z`` [A]."""
    fill = jnp.repeat(price, 2) * (1.0 - ladders.sign() * venue.liquidity.half_spread)

    def closed(ladder: Index) -> Closed:
        runs = [replace(run, fill=fill[ladder]) for run in _runs(crowd, ends, match, ladder)]
        parts = [close(ladders, crowd, venue.fees, run) for run in runs]
        return sum(parts[1:], parts[0])

    def some(ladder: Index) -> Closed:
        return jax.lax.cond(ends[ladder] > crowd.next[ladder], lambda: closed(ladder), nothing_closed)

    return Sale(closed=each(some, ladders.key.shape[0]).total(), z=z, fill=fill, book=book)


def _runs(crowd: Crowd, ends: Array, match: Match | None, ladder: Index) -> list[Run]:
    """Losers, of whom ADL takes a share, and the others; fill prices are not known yet."""
    start, end, unknown = crowd.next[ladder], ends[ladder], jnp.zeros(())
    if match is None:
        return [Run(ladder, start, end, 1.0, unknown)]
    losers = match.losers[ladder]
    return [Run(ladder, start, losers, 1.0 - match.share[ladder], unknown), Run(ladder, losers, end, 1.0, unknown)]
