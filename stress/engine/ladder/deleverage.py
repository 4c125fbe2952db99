"""Pro-rata ADL on ladders: one fraction of every eligible position of a side, at the volume-weighted bankruptcy price.

Losers of one ladder are matched with the accounts of the ladder on the other side of the market that stay open.
Closing a fraction ``d`` of that side at price ``b`` leaves ``g (1 - d)`` of every unit and turns ``c`` into
``c - d g b``, so the order of its keys stays what it is: the two indices of ``protocol.adl.indices``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from stress.engine.ladder.aside import Aside
from stress.engine.ladder.book import Index, Ladders, each, entry
from stress.engine.ladder.crowd import Crowd, at, worth
from stress.engine.ladder.parting import Parting, close_aside, sides_aside
from stress.engine.ladder.pending import Leaving
from stress.engine.ladder.settle import Closed, Run, Sale, close, keyed, nothing_closed, units
from stress.protocol.adl.indices import SideIndices, deleveraged
from stress.protocol.venue import Venue
from stress.protocol.waterfall.socialised_loss import owed
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
    aside: Array | None  # [S] bool, losers among accounts aside


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
    aside: Array | None  # [S] bool, losers among accounts aside
    beyond: Array  # [] bool, on a side that was closed altogether somebody is below zero, or a tier's room is used up

    def beyond_ladders(self, venue: Venue, waits: Array | None, full: Array, rest: Array) -> Array:
        """Whether ladders cannot follow this round [].

        Nor those that wait for keepers on a side where winners pay (``waits`` [L]: they are no winners), nor a levy by
        profit for the ``rest`` [] of the ``full`` deficits [] in USD.
        """
        beyond = self.beyond
        if waits is not None:
            beyond = beyond | (waits & (self.won > 0)).any()
        return beyond | (owed(full, rest) > 0) if venue.socialised else beyond


def nobody(crowd: Crowd) -> Match:
    """The match of a round without ADL."""
    count = crowd.next.shape[0]
    none, zero = jnp.zeros(count, jnp.float64), jnp.zeros(count, jnp.int32)
    aside = None if crowd.aside is None else jnp.zeros(crowd.aside.units.shape, bool)
    return Match(crowd.next, none, none, crowd.scale, crowd.shift, none, zero, none, aside, jnp.zeros((), bool))


def deleverage(ladders: Ladders, crowd: Crowd, leaving: Leaving, fill: Array, unpaid: Array) -> Match:
    """``unpaid`` [] is the share of the losers' quantity to be matched; losers are below zero at ``fill`` [L]."""
    found = sides(ladders, crowd, leaving, fill, unpaid)
    room = _opposite(found.room)
    matched = jnp.where(found.need > room, room / jnp.where(found.need > 0, found.need, 1.0), 1.0)
    units, paid = jnp.minimum(found.need, room), matched * found.need * found.price
    return matched_sides(ladders, crowd, leaving, found, unpaid * matched, paid, _opposite(units), _opposite(paid))


def sides(ladders: Ladders, crowd: Crowd, leaving: Leaving, fill: Array, unpaid: Array) -> Sides:
    """What :func:`deleverage` has to match."""

    def one(ladder: Index) -> tuple[Array, ...]:
        sign = ladders.sign()[ladder]
        mine = worth(crowd, ladder, sign, fill[ladder])
        losers = jnp.minimum(ladders.first_not_above(ladder, crowd.next[ladder], mine), leaving.ends[ladder])
        run = Run(ladder, crowd.next[ladder], losers, 1.0, fill[ladder])
        lost = crowd.scale[ladder] * units(ladders, run)
        value = crowd.shift[ladder] * units(ladders, run) + sign * keyed(ladders, run)
        held = ladders.size[ladder, -1] - entry(ladders.size, ladder, leaving.past[ladder]) + ladders.residual[ladder]
        return losers, lost, value, crowd.scale[ladder] * held

    losers, lost, value, room = each(one, ladders.key.shape[0])
    aside = None
    if crowd.aside is not None and leaving.share is not None:
        aside, *more = sides_aside(crowd, crowd.aside, leaving.share, fill)
        lost, value, room = lost + more[0], value + more[1], room + more[2]
    return Sides(losers, unpaid * lost, value / jnp.where(lost > 0, lost, 1.0), room, aside)


def matched_sides(
    ladders: Ladders,
    crowd: Crowd,
    leaving: Leaving,
    found: Sides,
    share: Array,
    paid: Array,
    taken: Array,
    won: Array,
) -> Match:
    """The match in which ADL closes a ``share`` of losers for ``paid``, and ``taken`` units of winners for ``won``."""
    safe = jnp.where(found.room > 0, found.room, 1.0)
    index = deleveraged(SideIndices(crowd.scale, -crowd.shift), taken, won, found.room)
    fraction, shift = taken / safe, -index.cash
    # of a side that is closed altogether, equity is what it is owed: -sigma c - K an original unit
    key, accounts = at(ladders.key, leaving.past), ladders.accounts - leaving.past
    if crowd.aside is not None and leaving.share is not None:
        staying = crowd.aside.only(leaving.share == 0)
        key = jnp.maximum(key, staying.largest_key(key.shape[0]))
        accounts = accounts + staying.sums((staying.units > 0).astype(jnp.int32), key.shape[0])
    below = (key > -ladders.sign() * shift) | (ladders.residual > 0)
    return Match(
        losers=found.losers,
        share=share,
        paid=paid,
        scale=index.scale,
        shift=shift,
        won=won,
        accounts=jnp.where(taken > 0, accounts, 0),
        residual=won * crowd.scale * ladders.residual / safe,
        aside=found.aside,
        beyond=((taken > 0) & (fraction >= WHOLE) & below).any() | (shift > ladders.room).any(),
    )


def _opposite(values: Array) -> Array:
    """Values [L] of the ladder on the other side of the market."""
    return values.reshape(-1, 2)[:, ::-1].reshape(-1)


def sold_units(ladders: Ladders, crowd: Crowd, leaving: Leaving, match: Match | None) -> tuple[Array, Array]:
    """Units [L] that who is ``leaving`` sells on the book, and what that is net [A]."""

    def one(ladder: Index) -> Array:
        return crowd.scale[ladder] * sum(units(ladders, r) * r.share for r in _runs(crowd, leaving, match, ladder))

    book = each(one, ladders.key.shape[0])
    if crowd.aside is not None and leaving.share is not None:
        mine = crowd.aside.units * leaving.share * _on_book(crowd.aside, match)
        book = book + crowd.scale * crowd.aside.sums(mine, book.shape[0])
    return book, (ladders.sign() * book).reshape(-1, 2).sum(1)


def sale_at(
    ladders: Ladders,
    venue: Venue,
    crowd: Crowd,
    leaving: Leaving,
    match: Match | None,
    book: Array,
    price: Array,
    z: Array,
    fundamental: Array,
) -> Sale:
    """Phase 8: what comes of ``book`` [L] units at average prices [A] before the spread, which leave ``z`` [A]."""
    fill = jnp.repeat(price, 2) * (1.0 - ladders.sign() * venue.liquidity.half_spread)

    def closed(ladder: Index) -> Closed:
        runs = [replace(run, fill=fill[ladder]) for run in _runs(crowd, leaving, match, ladder)]
        parts = [close(ladders, crowd, venue.fees, run) for run in runs]
        return sum(parts[1:], parts[0])

    def some(ladder: Index) -> Closed:
        return jax.lax.cond(leaving.ends[ladder] > crowd.next[ladder], lambda: closed(ladder), nothing_closed)

    total, kept = each(some, ladders.key.shape[0]).total(), None
    if crowd.aside is not None and leaving.share is not None:
        mark = jnp.repeat(fundamental * (1.0 + venue.liquidity.impact.displacement(z)), 2)
        closing = Parting(crowd.aside, leaving.share, _on_book(crowd.aside, match), fill, mark)
        more, kept = close_aside(crowd, venue.fees, closing)
        total = total + more
    return Sale(closed=total, z=z, fill=fill, book=book, kept=kept)


def _on_book(aside: Aside, match: Match | None) -> Array:
    """Share [S] of what of each account aside is closed that goes to the book."""
    if match is None or match.aside is None:
        return jnp.ones_like(aside.units)
    return jnp.where(match.aside, 1.0 - aside.of(match.share), 1.0)


def _runs(crowd: Crowd, leaving: Leaving, match: Match | None, ladder: Index) -> list[Run]:
    """Losers, of whom ADL takes a share, and the others; fill prices are not known yet."""
    start, end, unknown = crowd.next[ladder], leaving.ends[ladder], jnp.zeros(())
    if match is None:
        return [Run(ladder, start, end, 1.0, unknown)]
    losers = match.losers[ladder]
    return [Run(ladder, start, losers, 1.0 - match.share[ladder], unknown), Run(ladder, losers, end, 1.0, unknown)]
