"""Phases 5 and 6 of ``engine.step``: who is liquidatable, and what the venue's rule closes of them."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp

from stress.engine.auction import with_liquidators
from stress.engine.ladder.crowd import look
from stress.engine.state import CLOSED, FLAGGED, FREED, Accounts, Row
from stress.engine.tick import Check, Tick
from stress.protocol.keepers import risk_order, within_capacity
from stress.protocol.liquidation.base import RiskCase
from stress.protocol.liquidation.in_order import share_in_order, within_budget
from stress.protocol.liquidation.order.base import ClosingOrder, OrderCase, places
from stress.protocol.margin.health import falls_short, unrealised_pnl
from stress.protocol.margin.weights import held_back
from stress.protocol.oracle import OracleState
from stress.protocol.venue import Venue
from stress.types import NEVER, Array


def oracle_price(venue: Venue, row: Row, tick: Tick) -> Array:
    """The price [A] of the risk check at the current mark."""
    return price_seen(venue, row.oracle, tick.fundamental, row.displacement)


def price_seen(venue: Venue, oracle: OracleState, fundamental: Array, displacement: Array) -> Array:
    """The same [A], given where the mark is."""
    return venue.mirrored(venue.oracle.price(oracle, venue.mirrored(fundamental), venue.turned(displacement)))


def check(venue: Venue, accounts: Accounts, row: Row, tick: Tick) -> Check:
    """Phase 5 at the current mark."""
    seen = check_at(venue, accounts, row.ledger.quote, row.ledger.size, oracle_price(venue, row, tick))
    if venue.order is not None:
        seen = replace(seen, place=queued(venue, venue.order, accounts, row, seen, tick))
    if accounts.ladders is None or row.crowd is None:
        return seen
    found = look(accounts.ladders, venue, row.crowd, seen.price, tick.number)
    halted = jnp.repeat(tick.halted, 2)
    return replace(seen, due=replace(found, ends=jnp.where(halted, row.crowd.next, found.ends)))


def check_at(venue: Venue, accounts: Accounts, quote: Array, size: Array, price: Array) -> Check:
    """Phase 5 at oracle prices [A] of accounts with quote [N] and sizes [A, N].

    An account is liquidatable when it holds a position and equity < requirement, strictly.
    """
    value = size * price[:, None]
    notional = jnp.abs(value)
    margin = venue.maintenance.requirement(venue.size_units(jnp.abs(size), notional), notional)
    equity, requirement = quote + value.sum(0), margin.sum(0)
    if accounts.coins is not None:
        equity = equity + accounts.coins.margin(price)
    back = None
    if venue.gain_weight is not None:
        back = held_back(unrealised_pnl(size, price[:, None], accounts.entry), venue.gain_weight[:, None])
        equity = equity - back.sum(0)
    liquidatable = falls_short(equity, requirement) & ~accounts.residual
    return Check(
        price=price,
        notional=notional,
        margin=margin,
        equity=equity,
        requirement=requirement,
        liquidatable=liquidatable,
        coins=accounts.coins,
        held_back=back,
    )


def queued(venue: Venue, order: ClosingOrder, accounts: Accounts, row: Row, seen: Check, tick: Tick) -> Array:
    """Place [A, N] of positions in the order in which their account is closed; full windows are passed over."""
    size = row.ledger.size
    priority = order.priority(OrderCase(size, seen.price, seen.notional, seen.margin, tick.number, accounts.entered))
    if venue.window is not None and row.window is not None:
        full = venue.window.full(row.window, seen.price)[:, None]
        priority = jnp.where(full, jnp.finfo(priority.dtype).min, priority)
    return places(priority, size != 0)


def wanted(venue: Venue, row: Row, tick: Tick, seen: Check, acted: Array) -> tuple[Array, dict[str, Array]]:
    """Phase 6: share of every position to be closed [1 or A, N] before capacity, and the marks.

    ``acted`` [N]: accounts that were liquidated earlier in this tick; nobody is twice.
    """
    marks, ready = row.marks, seen.liquidatable
    if venue.keepers.delayed:
        marks = covered_anew(marks) | {FLAGGED: venue.keepers.flag(marks[FLAGGED], seen.liquidatable, tick.number)}
        ready = venue.keepers.ready(marks[FLAGGED], seen.liquidatable, tick.number)
        row = replace(row, marks=marks)
    halted = ((row.ledger.size != 0) & tick.halted[:, None]).any(0)
    worth = row.ledger.quote + (row.ledger.size * row.mark[:, None]).sum(0)
    if seen.coins is not None:
        halted = halted | ((seen.coins.units > 0) & tick.halted[:, None]).any(0)
        worth = worth + seen.coins.value(row.mark)
    may = ready & ~acted & ~halted
    case, fee = risk_case(venue, row, tick, seen), venue.fees.rate
    share = venue.rule.share(case) if seen.place is None else share_in_order(venue.rule, case, seen.place, fee)
    share = jnp.where(may, jnp.where((worth <= 0) & venue.rule.bankrupt_whole, 1.0, share), 0.0)
    if venue.auction is not None:
        share = with_liquidators(venue, row, tick, seen, share)
    elif venue.keepers.cost is not None:
        reward, _ = venue.fees.split(venue.fees.charged((share * seen.notional).sum(0), seen.worth()))
        share = jnp.where(venue.keepers.comes(reward, tick.move), share, 0.0)
    return share, marks


def covered_anew(marks: dict[str, Array]) -> dict[str, Array]:
    """Marks before a check: of who was healthy at the last one nothing of a shortage was covered."""
    if FREED not in marks:
        return marks
    return marks | {FREED: jnp.where(marks[FLAGGED] == NEVER, 0.0, marks[FREED])}


def risk_case(venue: Venue, row: Row, tick: Tick, seen: Check) -> RiskCase:
    """What the rule sees."""
    marks = row.marks
    since = tick.number - marks[CLOSED] if venue.rule.waits else None
    age = jnp.where(seen.liquidatable, tick.number - marks[FLAGGED], 0) if venue.remembers() else None
    return RiskCase(
        equity=seen.equity,
        requirement=seen.requirement,
        units=venue.size_units(jnp.abs(row.ledger.size), seen.notional),
        notional=seen.notional,
        curve=venue.maintenance,
        since=since,
        discount=None if venue.auction is None or age is None else venue.auction.discount(age),
        age=age,
        freed=marks[FREED] if venue.covers_shortage() else None,
        held_back=seen.held_back,
    )


def limit_to_capacity(seen: Check, share: Array, capacity: Array) -> Array:
    """Phase 6: keepers take the riskiest first, as far as their capacity [] in USD goes."""
    order = risk_order(seen.equity, seen.requirement, (share > 0).any(0))
    fits = within_capacity(share, (share * seen.notional).sum(0), order, capacity)
    if seen.place is None:
        return fits
    return within_budget(share, seen.notional, seen.place, (fits * seen.notional).sum(0))
