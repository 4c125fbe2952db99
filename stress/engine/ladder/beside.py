"""The ladders' part of a round that they share with accounts of the dense engine.

Both see the same price, sell into the same book, and have one fund; in pro-rata ADL each side of a ladder is one more
account, since all its accounts give the same fraction. Axes: ``L`` ladders, ``A`` markets, 2 sides (long, short).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from stress.engine.ladder.book import Ladders
from stress.engine.ladder.crowd import Crowd
from stress.engine.ladder.deleverage import Match, Sides, matched_sides, nobody
from stress.engine.ladder.pending import Due, Leaving
from stress.engine.ladder.settle import Sale
from stress.protocol.adl.base import AdlCase, AdlMatch
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CrowdClosing:
    """Who of the ladders is closed in a round."""

    leaving: Leaving
    waits: Array | None  # [L] bool (``Due.waits``)
    match: Match


def book_crowd(crowd: Crowd, due: Due) -> CrowdClosing:
    """Everything that is closed goes to the book."""
    return CrowdClosing(Leaving(due.ends, due.ends), due.waits(), nobody(crowd))


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
    )


def without_sides(match: AdlMatch) -> AdlMatch:
    """What is matched of the other accounts."""
    return replace(match, taken=match.taken[..., :-2], paid=match.paid[..., :-2])


def crowd_match(
    ladders: Ladders, crowd: Crowd, closing: CrowdClosing, found: Sides, everyone: AdlMatch, unpaid: Array
) -> CrowdClosing:
    """What ADL among ``everyone`` does to the ladders."""

    def of_winners(values: Array) -> Array:  # [2, A, N + 2] to [L]: winners on side d are against losers on the other
        return jnp.stack([values[1, :, -2], values[0, :, -1]], axis=-1).reshape(-1)

    matched = everyone.matched.T.reshape(-1)
    paid, taken, won = matched * found.need * found.price, of_winners(everyone.taken), of_winners(everyone.paid)
    match = matched_sides(ladders, crowd, closing.leaving, found, unpaid * matched, paid, taken, won)
    return replace(closing, match=match)


def after_round(crowd: Crowd, closing: CrowdClosing, sale: Sale, cover: Array) -> Crowd:
    """The crowd after a round in which a share ``cover`` [] of the deficits was paid for."""
    closed = sale.closed
    return replace(
        crowd,
        next=closing.leaving.past,
        scale=closing.match.scale,
        shift=closing.match.shift,
        closed_quote=crowd.closed_quote + closed.left - closed.deficit * (1.0 - cover),
    )
