"""State of one path under one variant in the ladder engine. Axes: ``L`` ladders, ``A`` markets."""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from stress.engine.ladder.book import Ladders, entry
from stress.engine.state import BEYOND_LADDER, Outcome, empty_outcome
from stress.protocol.venue import Venue
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LadderRow:
    """Who owns what: the accounts from ``next`` on are open, those before it are closed."""

    next: Array  # [L] int32, place of the next account to be liquidated
    scale: Array  # [L] g, share of every original unit that is left
    shift: Array  # [L] c, USD an original unit owes
    closed_quote: Array  # [] USD, what closed accounts own (owe, if negative)
    outside_quote: Array  # [] USD, the market that absorbs liquidations
    outside_size: Array  # [A] base units
    fund_flow: Array  # [] USD, W: cumulative net flow of the insurance fund
    keepers: Array  # [] USD, fees paid to keepers
    outcome: Outcome


def first_row(ladders: Ladders) -> LadderRow:
    """Everybody open."""
    zero, none = jnp.zeros((), jnp.float64), jnp.zeros(ladders.key.shape[0], jnp.float64)
    return LadderRow(
        next=jnp.zeros(none.shape, jnp.int32),
        scale=none + 1.0,
        shift=none,
        closed_quote=zero,
        outside_quote=zero,
        outside_size=jnp.zeros(ladders.markets, jnp.float64),
        fund_flow=zero,
        keepers=zero,
        outcome=empty_outcome(ladders.markets),
    )


def quotes(ladders: Ladders, row: LadderRow) -> Array:
    """Quote balances [] in USD of all accounts together."""
    last = ladders.size.shape[1] - 1
    units = ladders.size[:, last] - at(ladders.size, row.next) + ladders.residual
    value = ladders.value[:, last] - at(ladders.value, row.next)
    return ladders.flat_quote + row.closed_quote - (ladders.sign() * row.shift * units + value).sum()


def contracts(ladders: Ladders, row: LadderRow) -> Array:
    """Sizes [A] of all accounts together."""
    units = ladders.size[:, -1] - at(ladders.size, row.next) + ladders.residual
    return (ladders.sign() * row.scale * units).reshape(-1, 2).sum(1)


def at(table: Array, place: Array) -> Array:
    """Entries [L] of a table [L, n + 1] at places [L]."""
    return jnp.stack([entry(table, ladder, place[ladder]) for ladder in range(table.shape[0])])


def pay_funding(
    ladders: Ladders, venue: Venue, row: LadderRow, mark: Array, displacement: Array, number: Array
) -> LadderRow:
    """Phase 3: everyone pays rate x mark [A] x size, the outside market included, so it sums to zero."""
    rate = jnp.where(venue.funding.due(number), venue.funding.rate(displacement), 0.0)
    price = rate * mark
    shift, status = row.shift + row.scale * jnp.repeat(price, 2), row.outcome.status
    beyond = jnp.where((shift > ladders.room).any(), jnp.maximum(status, BEYOND_LADDER), status)
    return replace(
        row,
        shift=shift,
        outside_quote=row.outside_quote - (price * row.outside_size).sum(),
        outcome=replace(row.outcome, status=beyond),
    )
