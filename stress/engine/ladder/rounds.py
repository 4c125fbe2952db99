"""The rounds of one tick of one path: phases 5 to 11 of ``engine.step`` for a whole ladder at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp

from stress.engine.ladder.aside import put_aside
from stress.engine.ladder.book import Ladders, entry
from stress.engine.ladder.capacity import limited
from stress.engine.ladder.crowd import look
from stress.engine.ladder.deleverage import Match, deleverage, nobody, sale_at, sold_units
from stress.engine.ladder.pending import Due, Leaving
from stress.engine.ladder.record import conserve, record
from stress.engine.ladder.settle import Sale, available, inflow
from stress.engine.ladder.state import LadderRow
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
    capacity: Array  # [] USD that keepers have left
    count: Array  # [] int32 rounds done
    sold: Array  # [] USD liquidated


def run_rounds(
    ladders: Ladders, venue: Venue, row: LadderRow, z: Array, tick: LadderTick
) -> tuple[LadderRow, Array, Array]:
    """Phase 10: rounds until nobody is liquidatable or they are used up.

    Returns the row and z [A] after them, and what was liquidated [] in USD.
    """

    def going(state: tuple[Moving, Due]) -> Array:
        now, found = state
        return found.anybody(now.row.next) & (now.count < venue.max_rounds)

    def one(state: tuple[Moving, Due]) -> tuple[Moving, Due]:
        after = one_round(ladders, venue, state[0], tick, state[1])
        return look_again(ladders, venue, after, tick)

    start = Moving(row, z, venue.keepers.capacity, jnp.zeros((), jnp.int32), jnp.zeros(()))
    end, found = jax.lax.while_loop(going, one, look_again(ladders, venue, start, tick))
    left = found.anybody(end.row.next)
    return conserve(ladders, venue, end.row, end.z, end.count, left, tick.fundamental), end.z, end.sold


def look_again(ladders: Ladders, venue: Venue, now: Moving, tick: LadderTick) -> tuple[Moving, Due]:
    """Phases 5 and 6 after the rounds so far; a look that finds them used up starts no delay."""
    seen = tick.fundamental * (1.0 + venue.oracle.impact_share * venue.liquidity.impact.displacement(now.z))
    row = now.row
    found = look(ladders, venue, row, seen, tick.number)
    if row.aside is not None:
        found = limited(ladders, venue, row, found, seen, tick.number, now.capacity)
    if not venue.keepers.delayed:
        return now, found
    counts = (now.count < venue.max_rounds) | ~found.anybody(row.next)
    flags = found.pending, None if found.taken is None else found.taken.aside
    pending, aside = jax.tree.map(partial(jnp.where, counts), flags, (row.pending, row.aside))
    return replace(now, row=replace(row, pending=pending, aside=aside)), found


def one_round(ladders: Ladders, venue: Venue, now: Moving, tick: LadderTick, found: Due) -> Moving:
    """Phases 7 to 9 and 11."""
    now, leaving = leave(ladders, now, found)
    full, match = sell(ladders, venue, now, tick, leaving, None), nobody(now.row)
    waits = found.waits()
    if venue.adl is None:
        return booked(venue, now, tick, leaving, waits, full, full, match)
    unpaid = shortfall_share(available(venue, now.row, full), full.closed.deficit)

    def matched() -> tuple[Match, Sale]:
        match = deleverage(ladders, now.row, leaving, full.fill, unpaid)
        return match, sell(ladders, venue, now, tick, leaving, match)

    match, sale = jax.lax.cond(unpaid > 0, matched, lambda: (match, full))
    return booked(venue, now, tick, leaving, waits, full, sale, match)


def leave(ladders: Ladders, now: Moving, found: Due) -> tuple[Moving, Leaving]:
    """Who is closed in a round; an account that is closed in part leaves its ladder first, as it is."""
    row, taken = now.row, found.taken
    if row.aside is None or taken is None:
        return now, Leaving(found.ends, found.ends)
    ladder = jnp.argmax(taken.moved)
    place = jnp.minimum(found.ends[ladder], ladders.accounts[ladder] - 1)
    units = entry(ladders.size, ladder, place + 1) - entry(ladders.size, ladder, place)
    aside, slot, full = put_aside(row.aside, ladder, units, entry(ladders.key, ladder, place), taken.moved.any())
    status = jnp.where(full, jnp.maximum(row.outcome.status, BEYOND_LADDER), row.outcome.status)
    row = replace(row, aside=aside, outcome=replace(row.outcome, status=status))
    leaving = Leaving(
        ends=found.ends,
        past=found.ends + jnp.where(full, 0, taken.moved),
        share=jnp.where(slot, taken.part, taken.share),
    )
    return replace(now, row=row, capacity=now.capacity - taken.used), leaving


def sell(ladders: Ladders, venue: Venue, now: Moving, tick: LadderTick, leaving: Leaving, match: Match | None) -> Sale:
    """Phases 7 and 8: the net flow walks the book; fees, deficits and remainders at the resulting prices."""
    book, flow = sold_units(ladders, now.row, leaving, match)
    price, z = venue.liquidity.walk(now.z, flow, tick.fundamental, tick.depth)
    return sale_at(ladders, venue, now.row, leaving, match, book, price, z, tick.fundamental)


def booked(
    venue: Venue,
    now: Moving,
    tick: LadderTick,
    leaving: Leaving,
    waits: Array | None,
    full: Sale,
    sale: Sale,
    match: Match,
) -> Moving:
    """The state after a round in which ``sale`` was settled and ``match`` deleveraged."""
    row = now.row
    paid = payment(available(venue, row, sale), sale.closed.deficit)
    bought = sale.bought()
    outcome = record(venue, row, tick.number, leaving, paid, full, sale, match)
    beyond = match.beyond_ladders(venue, waits, full.closed.deficit, sale.closed.deficit - paid)
    status = jnp.where(beyond, jnp.maximum(outcome.status, BEYOND_LADDER), outcome.status)
    after = replace(
        row,
        next=leaving.past,
        scale=match.scale,
        shift=match.shift,
        aside=sale.kept,
        closed_quote=row.closed_quote + sale.closed.left - sale.closed.deficit + paid,
        outside_quote=row.outside_quote - (bought * sale.fill).sum(),
        outside_size=row.outside_size + bought.reshape(-1, 2).sum(1),
        fund_flow=row.fund_flow + inflow(venue, sale) - paid,
        keepers=row.keepers + venue.fees.split(sale.closed.fee)[0],
        outcome=replace(outcome, status=status),
    )
    liquidated = (sale.book * sale.fill + match.paid).sum()
    return Moving(after, sale.z, now.capacity, now.count + 1, now.sold + liquidated)
