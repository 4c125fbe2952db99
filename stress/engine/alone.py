"""One account at a time, for a kernel that lays accounts side by side: phases 5 to 8 under full liquidation.

The account is untouched or closed; what it owns is what it owned at time zero less the funding of its sizes. Sums over
accounts are the kernel's, and what a round does with them is the ladder engine's (``engine.ladder.rounds``): a side of
a market is a ladder, whose place counts accounts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from stress.engine.check import check_at, oracle_price, wanted
from stress.engine.ladder.deleverage import nobody
from stress.engine.ladder.pending import Leaving
from stress.engine.ladder.rounds import LadderTick, Moving, booked
from stress.engine.ladder.settle import Closed, Sale, available
from stress.engine.ladder.state import LadderRow
from stress.engine.screen import screen
from stress.engine.state import BEYOND_LADDER, Accounts, Ledger, Row, Screen
from stress.engine.tick import Tick
from stress.protocol.insurance.penalty import remainder
from stress.protocol.venue import Fees, Venue
from stress.protocol.waterfall.insurance_fund import shortfall_share
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Alone:
    """An account that is open. Axis: ``A`` markets."""

    size: Array  # [A] base units
    quote: Array  # [] USD at time zero
    residual: Array  # [] bool


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Glance:
    """What a look at an account finds."""

    acts: Array  # [] bool, it is closed in this round
    units: Array  # [2 A] of it, by market and side, if it is
    first: Array  # [2 A] 1 on the first side it is on, if it is closed: it counts once
    box: Screen  # prices between which it is safe, once it acted


def owned(account: Alone, owed: Array) -> Array:
    """Quote balance [] in USD of an account of which every unit long ``owed`` [A] in USD so far."""
    return account.quote - (owed * account.size).sum()


def sides(size: Array) -> Array:
    """Units [2 A] by market and side of sizes [A]."""
    return jnp.stack([jnp.maximum(size, 0.0), jnp.maximum(-size, 0.0)], axis=1).reshape(-1)


def _net(units: Array) -> Array:
    """Longs less shorts [A] of units [2 A]."""
    pairs = units.reshape(-1, 2)
    return pairs[:, 0] - pairs[:, 1]


def glance(venue: Venue, account: Alone, owed: Array, row: Row, tick: Tick) -> Glance:
    """Phases 5 and 6: ``row`` is a path's without its ledger."""
    size, quote, none = account.size[:, None], owned(account, owed)[None], jnp.zeros(())
    accounts = Accounts(entry=jnp.zeros_like(size), residual=account.residual[None], quote_total=none)
    ledger = Ledger(quote, size, none, account.size, none, none)
    seen = check_at(venue, accounts, quote, size, oracle_price(venue, row, tick))
    share, _ = wanted(venue, replace(row, ledger=ledger), tick, seen, jnp.zeros(1, bool))
    box = screen(venue, accounts, size, seen, share)
    units = sides(account.size * share[0, 0])
    return Glance(share[0, 0] > 0, units, _first(units > 0), box)


def _first(held: Array) -> Array:
    """1 [n] at the first that is held."""
    before, marks = jnp.zeros((), bool), []
    for k in range(held.shape[0]):
        marks.append(held[k] & ~before)
        before = before | held[k]
    return jnp.stack(marks).astype(jnp.int32)


def fills(venue: Venue, now: Moving, tick: LadderTick, units: Array) -> tuple[Array, Array]:
    """Phase 7: prices [2 A] in USD per unit by market and side, and z [A], of ``units`` [2 A] that are closed."""
    price, z = venue.liquidity.walk(now.z, _net(units), tick.fundamental, tick.depth)
    spread = venue.liquidity.half_spread
    return jnp.stack([price * (1.0 - spread), price * (1.0 + spread)], axis=1).reshape(-1), z


def settled(venue: Venue, now: Moving, tick: LadderTick, seen: Glance, sale: Sale) -> Moving:
    """Phases 9 and 11 of a round; a path whose winners have to pay goes beyond what this can follow."""
    row = now.row
    leaving = Leaving(row.next + seen.first, row.next + seen.first)
    after = booked(venue, now, tick, leaving, None, sale, sale, nobody(row))
    if venue.adl is None:
        return after
    beyond = shortfall_share(available(venue, row, sale), sale.closed.deficit) > 0
    status = jnp.where(beyond, jnp.maximum(after.row.outcome.status, BEYOND_LADDER), after.row.outcome.status)
    return replace(after, row=replace(after.row, outcome=replace(after.row.outcome, status=status)))


def lacking(account: Alone, owed: Array, mark: Array) -> tuple[Array, Array]:
    """1 [] if an open account is under water at the marks [A], and the USD [] that it lacks."""
    lacks = jnp.maximum(-owned(account, owed) - (account.size * mark).sum(), 0.0)
    lacks = jnp.where((account.size != 0).any() & ~account.residual, lacks, 0.0)
    return (lacks > 0).astype(jnp.int32), lacks


def conserved(
    row: LadderRow, quote: Array, units: Array, lacks: tuple[Array, Array], quote_total: Array, mark: Array
) -> LadderRow:
    """The row with the residuals of both conservation laws, and with accounts left under water: ``lacks``.

    ``quote`` [] in USD and ``units`` [2 A] are what open accounts own at the horizon, summed up anew.
    """
    cash = quote + row.closed_quote + row.outside_quote + row.fund_flow + row.keepers - quote_total
    contracts = jnp.abs((_net(units) + row.outside_size) * mark).sum()
    out = replace(row.outcome, cash_residual=jnp.abs(cash), contracts_residual=contracts)
    return replace(row, outcome=replace(out, under_water=lacks[0], unrealised=lacks[1]))


def close(fees: Fees, account: Alone, owed: Array, fill: Array) -> Closed:
    """Phase 8 of an account that is closed whole at fills [2 A] in USD per unit, by market and side."""
    sold = sides(account.size) * fill
    equity = owned(account, owed) + (jnp.tile(jnp.array([1.0, -1.0]), account.size.shape[0]) * sold).sum()
    fee = fees.charged(sold.sum(), equity)
    left, deficit = remainder(equity, fee)
    to_fund = left * fees.remainder_to_fund
    insolvent = jnp.where(deficit > 0, sold.sum(), 0.0)
    return Closed(fee=fee, deficit=deficit, remainder=to_fund, left=left - to_fund, insolvent=insolvent)
