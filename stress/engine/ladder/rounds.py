"""The rounds of one tick of one path: phases 5 to 11 of ``engine.step`` for a whole ladder at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from stress.engine.ladder.book import Ladders
from stress.engine.ladder.crowd import reached
from stress.engine.ladder.deleverage import Match, deleverage, nobody, sale_at, sold_units
from stress.engine.ladder.record import conserve, record
from stress.engine.ladder.settle import Sale, available, inflow
from stress.engine.ladder.state import LadderRow
from stress.engine.record import owed
from stress.engine.state import BEYOND_LADDER
from stress.protocol.venue import Venue
from stress.protocol.waterfall.insurance_fund import payment, shortfall_share
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LadderTick:
    """What is fixed within a tick."""

    number: Array  # [] int32
    fundamental: Array  # [A] USD per unit
    depth: Array  # [A] USD that moves the price by 1 %


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Moving:
    """What the rounds of a tick change."""

    row: LadderRow
    z: Array  # [A] absorbed flow over depth
    count: Array  # [] int32 rounds done
    sold: Array  # [] USD liquidated


def run_rounds(
    ladders: Ladders, venue: Venue, row: LadderRow, z: Array, tick: LadderTick
) -> tuple[LadderRow, Array, Array]:
    """Phase 10: rounds until nobody is liquidatable or they are used up.

    Returns the row and z [A] after them, and what was liquidated [] in USD.
    """

    def going(state: tuple[Moving, Array]) -> Array:
        now, ends = state
        return (ends > now.row.next).any() & (now.count < venue.max_rounds)

    def one(state: tuple[Moving, Array]) -> tuple[Moving, Array]:
        after = one_round(ladders, venue, state[0], tick, state[1])
        return after, reached_now(ladders, venue, after, tick)

    start = Moving(row, z, jnp.zeros((), jnp.int32), jnp.zeros(()))
    end, ends = jax.lax.while_loop(going, one, (start, reached_now(ladders, venue, start, tick)))
    left = (ends > end.row.next).any()
    return conserve(ladders, venue, end.row, end.z, end.count, left, tick.fundamental), end.z, end.sold


def reached_now(ladders: Ladders, venue: Venue, now: Moving, tick: LadderTick) -> Array:
    """Phase 5: the place [L] up to which accounts are liquidatable after the rounds so far."""
    seen = tick.fundamental * (1.0 + venue.oracle.impact_share * venue.liquidity.impact.displacement(now.z))
    return reached(ladders, venue, now.row, seen)


def one_round(ladders: Ladders, venue: Venue, now: Moving, tick: LadderTick, ends: Array) -> Moving:
    """Phases 7 to 9 and 11."""
    full, match = sell(ladders, venue, now, tick, ends, None), nobody(ladders, now.row)
    if venue.adl is None:
        return _after(venue, now, tick, ends, full, full, match)
    unpaid = shortfall_share(available(venue, now.row, full), full.closed.deficit)

    def matched() -> tuple[Match, Sale]:
        match = deleverage(ladders, now.row, ends, full.fill, unpaid)
        return match, sell(ladders, venue, now, tick, ends, match)

    match, sale = jax.lax.cond(unpaid > 0, matched, lambda: (match, full))
    return _after(venue, now, tick, ends, full, sale, match)


def sell(ladders: Ladders, venue: Venue, now: Moving, tick: LadderTick, ends: Array, match: Match | None) -> Sale:
    """Phases 7 and 8: the net flow walks the book; fees, deficits and remainders at the resulting prices."""
    book, flow = sold_units(ladders, now.row, ends, match)
    price, z = venue.liquidity.walk(now.z, flow, tick.fundamental, tick.depth)
    return sale_at(ladders, venue, now.row, ends, match, book, price, z)


def _after(
    venue: Venue, now: Moving, tick: LadderTick, ends: Array, full: Sale, sale: Sale, match: Match
) -> Moving:
    """The state after a round in which ``sale`` was settled and ``match`` deleveraged."""
    row = now.row
    paid = payment(available(venue, row, sale), sale.closed.deficit)
    bought = sale.bought()
    outcome = record(venue, row, tick.number, ends, paid, full, sale, match)
    beyond = match.beyond
    if venue.socialised:  # a levy goes by profit
        beyond = beyond | (owed(full.closed.deficit, sale.closed.deficit - paid) > 0)
    status = jnp.where(beyond, jnp.maximum(outcome.status, BEYOND_LADDER), outcome.status)
    after = replace(
        row,
        next=ends,
        scale=match.scale,
        shift=match.shift,
        closed_quote=row.closed_quote + sale.closed.left - sale.closed.deficit + paid,
        outside_quote=row.outside_quote - (bought * sale.fill).sum(),
        outside_size=row.outside_size + bought.reshape(-1, 2).sum(1),
        fund_flow=row.fund_flow + inflow(venue, sale) - paid,
        keepers=row.keepers + sale.closed.fee * venue.fees.keeper_share,
        outcome=replace(outcome, status=status),
    )
    liquidated = (sale.book * sale.fill + match.paid).sum()
    return Moving(row=after, z=sale.z, count=now.count + 1, sold=now.sold + liquidated)
