"""Phase 3 of ``engine.step`` where traders run: free collateral leaves accounts; and what their gate looks at."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp

from stress.engine.check import check_at, oracle_price
from stress.engine.state import STAKE, WALLET, Accounts, Row
from stress.engine.tick import Check, Tick
from stress.protocol.margin.base import spread
from stress.protocol.margin.health import unrealised_pnl
from stress.protocol.venue import Venue
from stress.protocol.withdrawals import Withdrawals
from stress.types import Array


def withdraw(venue: Venue, accounts: Accounts, row: Row, tick: Tick) -> Row:
    """The row after what leaves in this tick left, at the oracle price. The residual account stays."""
    rules, state, ledger = venue.withdrawals, row.withdrawals, row.ledger
    assert rules is not None and state is not None  # the caller's branch
    seen = check_at(venue, accounts, ledger.quote, ledger.size, oracle_price(venue, row, tick))
    cash, worth = (ledger.quote + (ledger.size * price).sum(0) for price in (accounts.entry, seen.price[:, None]))
    free = rules.free(initial_equity(rules, accounts, row, seen), initial_margin(venue, row, seen), cash, worth)
    leaves = state.share * jnp.where(accounts.residual, 0.0, free)
    done = replace(state.done, taken=state.done.taken + leaves.sum())
    marks = dict(row.marks)
    if STAKE in marks:
        marks[STAKE] = marks[STAKE] - leaves
    if WALLET in marks:
        marks[WALLET] = left_in_wallets(venue, marks[WALLET], leaves, tick)
    ledger = replace(ledger, quote=ledger.quote - leaves)
    return replace(row, ledger=ledger, marks=marks, withdrawals=replace(state, done=done))


def left_in_wallets(venue: Venue, wallet: Array, leaves: Array, tick: Tick) -> Array:
    """Collateral [N] at its peg after ``leaves`` [N] USD left: it leaves first, at today's price."""
    price = jnp.ones(())
    for depeg in venue.depegs:
        price = price + depeg.so_far(tick.number)
    units = jnp.where(price > 0, leaves / jnp.where(price > 0, price, 1.0), jnp.inf)
    return jnp.where(leaves > 0, jnp.minimum(wallet, jnp.maximum(wallet - units, 0.0)), wallet)


def initial_equity(rules: Withdrawals, accounts: Accounts, row: Row, seen: Check) -> Array:
    """USD [N] of accounts that count towards initial margin at the price of a check."""
    if rules.gains is None:
        return seen.equity
    gain = unrealised_pnl(row.ledger.size, seen.price[:, None], accounts.entry)
    whole = seen.equity if seen.held_back is None else seen.equity + seen.held_back.sum(0)
    return whole - rules.gains.uncounted(gain).sum(0)


def initial_margin(venue: Venue, row: Row, seen: Check) -> Array:
    """Initial requirement [N] in USD of positions at the price of a check."""
    assert venue.withdrawals is not None  # the caller's branch
    units = venue.size_units(jnp.abs(row.ledger.size), seen.notional)
    margin = venue.withdrawals.initial.requirement(units, seen.notional)
    if row.adaptive is not None:
        margin = spread(row.adaptive.factor, margin) * margin
    return margin.sum(0)


def note_under_water(venue: Venue, row: Row, tick: Tick, seen: Check) -> Row:
    """The row after a risk check: whether the gate has a reason to shut."""
    assert venue.withdrawals is not None and row.withdrawals is not None  # the caller's branch
    anybody = (seen.liquidatable & (seen.worth() < 0)).any()
    return replace(row, withdrawals=venue.withdrawals.seen_under_water(row.withdrawals, anybody, tick.number))
