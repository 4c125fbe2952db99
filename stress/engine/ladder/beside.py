"""The ladders' part of a round that they share with accounts of the dense engine.

Both see the same price, sell into the same book, and have one fund; in pro-rata ADL each side of a ladder is one more
account, since all its accounts give the same fraction. Axes: ``L`` ladders, ``A`` markets, 2 sides (long, short).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from stress.engine.ladder.book import SIGN, Index, Ladders, each, entry
from stress.engine.ladder.crowd import Crowd, worth
from stress.engine.ladder.deleverage import WHOLE, Match, closed_at, nobody, sold_units
from stress.engine.ladder.settle import Closed, Run, keyed, units
from stress.protocol.adl.base import AdlCase, AdlMatch
from stress.protocol.venue import Venue
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CrowdClosing:
    """Who of the ladders is closed in a round."""

    ends: Array  # [L] int32, place up to which accounts are closed
    match: Match
    won: Array  # [] USD of winners' positions that ADL closes


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CrowdSale:
    """What comes of it."""

    closed: Closed  # sums over all ladders
    fill: Array  # [L] USD per unit
    book: Array  # [L] units sold on the book

    def bought(self) -> Array:
        """Units [L] that the market buys, less than zero where shorts are closed."""
        return jnp.tile(jnp.asarray(SIGN), self.book.shape[0] // 2) * self.book


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Sides:
    """Each side of a ladder as one account in ADL."""

    losers: Array  # [L] int32, place behind the last loser
    need: Array  # [L] units of losers that ADL has to match
    price: Array  # [L] USD per unit, their volume-weighted bankruptcy price
    room: Array  # [L] units of all who stay open


def book_crowd(ladders: Ladders, crowd: Crowd, ends: Array) -> CrowdClosing:
    """Everything that is closed goes to the book."""
    return CrowdClosing(ends, nobody(ladders, crowd), jnp.zeros((), jnp.float64))


def crowd_units(ladders: Ladders, crowd: Crowd, closing: CrowdClosing) -> tuple[Array, Array]:
    """Units [L] that go to the book, and what that is net [A]."""
    book = sold_units(ladders, crowd, closing.ends, closing.match)
    return book, (ladders.sign() * book).reshape(-1, 2).sum(1)


def sell_crowd(
    ladders: Ladders, venue: Venue, crowd: Crowd, closing: CrowdClosing, book: Array, price: Array
) -> CrowdSale:
    """Phase 8 at average prices [A] before the spread."""
    fill = jnp.repeat(price, 2) * (1.0 - ladders.sign() * venue.liquidity.half_spread)
    return CrowdSale(closed_at(ladders, venue, crowd, closing.ends, closing.match, fill), fill, book)


def sides(ladders: Ladders, crowd: Crowd, ends: Array, fill: Array, unpaid: Array) -> Sides:
    """``unpaid`` [] is the share of the losers' quantity to be matched; losers are below zero at ``fill`` [L]."""

    def one(ladder: Index) -> tuple[Array, ...]:
        sign = ladders.sign()[ladder]
        mine = worth(crowd, ladder, sign, fill[ladder])
        losers = jnp.minimum(ladders.first_not_above(ladder, crowd.next[ladder], mine), ends[ladder])
        run = Run(ladder, crowd.next[ladder], losers, 1.0, fill[ladder])
        lost = crowd.scale[ladder] * units(ladders, run)
        value = crowd.shift[ladder] * units(ladders, run) + sign * keyed(ladders, run)
        held = ladders.size[ladder, -1] - entry(ladders.size, ladder, ends[ladder])
        return losers, unpaid * lost, value / jnp.where(lost > 0, lost, 1.0), crowd.scale[ladder] * held

    return Sides(*each(one, ladders.key.shape[0]))


def with_sides(case: AdlCase, crowd: Sides) -> AdlCase:
    """The case with two more accounts: the longs and the shorts of the ladders."""
    need, room = crowd.need.reshape(-1, 2), crowd.room.reshape(-1, 2)
    none = jnp.zeros_like(need[:, 0])

    def joined(old: Array, *columns: Array) -> Array:
        return jnp.concatenate([old, jnp.stack(columns, axis=-1)], axis=-1)

    return replace(
        case,
        need=jnp.stack([joined(case.need[0], need[:, 0], none), joined(case.need[1], none, need[:, 1])]),
        price=joined(case.price, *crowd.price.reshape(-1, 2).T),
        room=jnp.stack([joined(case.room[0], none, room[:, 1]), joined(case.room[1], room[:, 0], none)]),
        score=joined(case.score, none, none),
    )


def without_sides(match: AdlMatch) -> AdlMatch:
    """What is matched of the other accounts."""
    return replace(match, taken=match.taken[..., :-2], paid=match.paid[..., :-2])


def crowd_match(
    ladders: Ladders, crowd: Crowd, ends: Array, found: Sides, match: AdlMatch, unpaid: Array
) -> CrowdClosing:
    """What ADL does to the ladders."""

    def of_winners(values: Array) -> Array:  # [2, A, N + 2] to [L]: winners on side d are against losers on the other
        return jnp.stack([values[1, :, -2], values[0, :, -1]], axis=-1).reshape(-1)

    matched, taken, paid = match.matched.T.reshape(-1), of_winners(match.taken), of_winners(match.paid)
    safe = jnp.where(found.room > 0, found.room, 1.0)
    fraction = taken / safe
    shift = crowd.shift - crowd.scale * paid / safe
    first = jnp.stack([entry(ladders.key, ladder, ends[ladder]) for ladder in range(ladders.key.shape[0])])
    closing = Match(
        losers=found.losers,
        share=unpaid * matched,
        paid=matched * found.need * found.price,
        scale=crowd.scale * (1.0 - fraction),
        shift=shift,
        accounts=jnp.where(taken > 0, ladders.accounts - ends, 0),
        residual=jnp.zeros_like(shift),
        beyond=((taken > 0) & (fraction >= WHOLE) & (first > ladders.sign() * shift)).any(),
    )
    return CrowdClosing(ends, closing, paid.sum())


def after_round(crowd: Crowd, closing: CrowdClosing, sale: CrowdSale, cover: Array) -> Crowd:
    """The crowd after a round in which a share ``cover`` [] of the deficits was paid for."""
    closed = sale.closed
    return Crowd(
        next=closing.ends,
        scale=closing.match.scale,
        shift=closing.match.shift,
        closed_quote=crowd.closed_quote + closed.left - closed.deficit * (1.0 - cover),
    )


def pay_crowd(crowd: Crowd, price: Array) -> Crowd:
    """Phase 3, with ``price`` [A] in USD a unit."""
    return replace(crowd, shift=crowd.shift + crowd.scale * jnp.repeat(price, 2))
