"""The row after a round of ``engine.step``: who owns what, the backstop's vault, marks, what was recorded."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp

from stress.engine.insurance import booked
from stress.engine.ladder.beside import after_round
from stress.engine.ladder.crowd import Crowd
from stress.engine.pool import pool_after
from stress.engine.record import inflow, record
from stress.engine.state import CLOSED, FLAGGED, Accounts, Ledger, Row
from stress.engine.tick import Closing, Round, Tick
from stress.engine.waterfall import covered, peak_after
from stress.engine.window import window_after
from stress.protocol.backstop import Vault
from stress.protocol.coins import CoinSale
from stress.protocol.venue import Venue
from stress.types import NEVER, Array


def book_round(venue: Venue, accounts: Accounts, row: Row, tick: Tick, done: Round) -> Row:
    """The row after a round."""
    outcome = record(venue, accounts, row, tick, done)
    marks, acted = row.marks, done.closing.acted
    if venue.keepers.delayed and not venue.remembers():
        marks = marks | {FLAGGED: jnp.where(acted, NEVER, marks[FLAGGED])}
    if venue.rule.waits:
        marks = marks | {CLOSED: jnp.where(acted & in_part(venue, row, done), tick.number, marks[CLOSED])}
    ledger, crowd = book_ledger(venue, row, done)
    vault, sale = row.vault, done.settled.coins
    if vault is not None:
        vault = stocked(vault, row.ledger, done.closing, sale)
    funds = row.funds
    if done.asked is not None and done.payout is not None:
        funds = booked(venue, row, tick, done.asked, done.payout)
    return replace(
        row,
        ledger=ledger,
        crowd=crowd,
        marks=marks,
        vault=vault,
        funds=funds,
        peak=peak_after(venue, row, done.settled),
        sold_coins=row.sold_coins if sale is None or row.sold_coins is None else row.sold_coins.after(sale),
        window=window_after(row, done.closing),
        pool=pool_after(row, accounts, done.settled.size, done.closing),
        z=done.settled.z,
        displacement=done.settled.displacement,
        mark=done.settled.mark,
        outcome=outcome,
    )


def in_part(venue: Venue, row: Row, done: Round) -> Array:
    """Accounts [N] of which a position was closed in part; with no order of closing all that are left have one."""
    before, after = row.ledger.size, done.settled.size
    if venue.order is None:
        return jnp.ones(before.shape[1], bool)
    return ((after != 0) & (after != before)).any(0)


def stocked(vault: Vault, ledger: Ledger, closing: Closing, sale: CoinSale | None) -> Vault:
    """The backstop's vault after a round; what coins of whom it takes over bring in a ``sale`` is the vault's."""
    if closing.taken is None or closing.kept is None:
        return vault
    taken, brought = closing.taken_over(), ledger.quote - closing.kept
    if sale is not None:
        brought = brought + sale.proceeds()
    return replace(
        vault,
        quote=vault.quote + jnp.where(taken, brought, 0.0).sum(),
        size=vault.size + jnp.where(taken, ledger.size, 0.0).sum(1),
        taken=vault.taken + closing.taken.sum(),
    )


def book_ledger(venue: Venue, row: Row, done: Round) -> tuple[Ledger, Crowd | None]:
    """Ledger and crowd after a round: fills, fees, what the fund paid and winners gave up."""
    ledger, settled, deficits = row.ledger, done.settled, done.settled.deficits()
    cover = (done.paid + done.levied.sum()) / jnp.where(deficits > 0, deficits, 1.0)
    value, units, crowd = (done.closing.book * settled.fill).sum(), done.closing.book.sum(1), row.crowd
    if crowd is not None and done.closing.crowd is not None and settled.crowd is not None:
        bought = settled.crowd.bought()
        value, units = value + (bought * settled.crowd.fill).sum(), units + bought.reshape(-1, 2).sum(1)
        crowd = after_round(crowd, done.closing.crowd, settled.crowd, cover)
    if settled.coins is not None:
        value = value + settled.coins.proceeds().sum()
    after = Ledger(
        quote=settled.quote + (settled.deficit * cover if done.payout is None else covered(done)) - done.levied,
        size=settled.size,
        outside_quote=ledger.outside_quote - value,
        outside_size=ledger.outside_size + units,
        fund_flow=ledger.fund_flow + inflow(venue, settled) - done.paid,
        keepers=ledger.keepers + venue.fees.split(settled.fees())[0],
    )
    if settled.gain is not None:
        after = replace(after, outside_quote=after.outside_quote - settled.gain, keepers=after.keepers + settled.gain)
    return after, crowd
