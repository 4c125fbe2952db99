"""What a round adds to the outcome, and the conservation laws: phase 11 of ``engine.step``."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp

from stress.engine.insurance import needed
from stress.engine.ladder.crowd import Crowd, contracts, quotes
from stress.engine.state import BEYOND_LADDER, Accounts, Outcome, Row
from stress.engine.tick import Round, Settlement, Tick
from stress.protocol.venue import Venue
from stress.protocol.waterfall.socialised_loss import DUST, owed
from stress.types import Array

ROUNDING = 1e-12
"""An order for less than this share of a position is none."""


def inflow(venue: Venue, settled: Settlement) -> Array:
    """What a round's fees and remainders bring the fund [] in USD."""
    return venue.fees.split(settled.fees())[1] + settled.remainders()


def record(venue: Venue, accounts: Accounts, row: Row, tick: Tick, done: Round) -> Outcome:
    """Phase 11: what the round adds to the outcome."""
    full, settled, closing, held = done.full, done.settled, done.closing, row.ledger.size
    deficits, rest = full.deficits(), settled.deficits()
    loss = deficits - row.ledger.fund_flow - inflow(venue, full)
    if done.asked is not None:
        loss = needed(venue, row, done.asked).max()
    depleted = loss > venue.fund if venue.insured else deficits > 0
    adl_value = jnp.abs(closing.adl * closing.adl_price)  # a loser's price may be below zero
    sold = jnp.abs(closing.book) * settled.fill + jnp.where(closing.acted, adl_value, 0.0)
    if closing.taken is not None:
        sold = sold + closing.taken
    won = jnp.where(closing.acted, 0.0, adl_value)
    used, (longs, shorts) = (jnp.abs(closing.book) > ROUNDING * jnp.abs(held)).any(1), (held > 0, held < 0)
    if venue.contract is not None:  # mirrored
        longs, shorts = shorts, longs
    if settled.crowd is not None:
        used = used | (settled.crowd.book > 0).reshape(-1, 2).any(1)
    if settled.coins is not None:
        used = used | (settled.coins.units > 0).any(1)
    capped = venue.liquidity.capped(settled.z) & used
    out = row.outcome.add(
        bad_debt=deficits,
        insolvent=insolvent(held, done),
        insurance_paid=done.paid,
        adl_haircut=deficits - rest,
        socialised=done.levied.sum(),
        uncovered=owed(deficits, rest - done.paid - done.levied.sum()),
        fees_to_fund=inflow(venue, settled),
        adl_notional=won.sum(),
        liquidated=jnp.stack([jnp.where(longs, sold, 0.0).sum(1), jnp.where(shorts, sold, 0.0).sum(1)], axis=-1),
        liquidated_accounts=closing.acted.sum(dtype=jnp.int32),
        capped=capped.sum(dtype=jnp.int32),
        adl_residual=jnp.where(accounts.residual, won, 0.0).sum(),
        adl_accounts=((closing.adl != 0).any(0) & ~closing.acted).sum(dtype=jnp.int32),
    )
    if accounts.ladders is not None and row.crowd is not None:
        out = record_crowd(venue, row.crowd, out, done)
    return replace(
        out,
        depletion_tick=jnp.where(depleted, jnp.minimum(out.depletion_tick, tick.number), out.depletion_tick),
        drawdown=jnp.maximum(out.drawdown, loss),
        max_displacement=jnp.maximum(out.max_displacement, jnp.abs(settled.displacement).max()),
    )


def insolvent(held: Array, done: Round) -> Array:
    """USD [] closed in a round of accounts with a deficit, or that a backstop takes over with less than nothing.

    ``held`` [A, N] are sizes before it.
    """
    full, closing = done.full, done.closing
    units = closing.book + jnp.where(closing.acted, closing.adl, 0.0)
    notional = jnp.where(full.deficit > 0, (jnp.abs(units) * full.fill).sum(0), 0.0).sum()
    if closing.taken is None or closing.taken_price is None:
        return notional
    taken, paid = closing.taken.sum(0), jnp.where(closing.taken > 0, held * closing.taken_price, 0.0).sum(0)
    brought = (jnp.sign(held) * closing.taken).sum(0) - paid  # equity less what they keep
    return notional + jnp.where(brought < -DUST * taken, taken, 0.0).sum()


def record_crowd(venue: Venue, crowd: Crowd, out: Outcome, done: Round) -> Outcome:
    """Phase 11 for the ladders' accounts; the status of a path that they cannot follow."""
    closing, sale, full = done.closing.crowd, done.settled.crowd, done.full.crowd
    assert closing is not None and sale is not None and full is not None  # the caller's branch
    match, rest = closing.match, done.settled.deficits() - done.paid
    beyond = match.beyond_ladders(venue, closing.waits, done.full.deficits(), rest)
    out = out.add(
        insolvent=full.closed.insolvent,
        liquidated=(sale.book * sale.fill + match.paid).reshape(-1, 2),
        liquidated_accounts=(closing.leaving.ends - crowd.next).sum(dtype=jnp.int32),
        adl_notional=match.won.sum(),
        adl_accounts=match.accounts.sum(dtype=jnp.int32),
    )
    return replace(out, status=jnp.where(beyond, jnp.maximum(out.status, BEYOND_LADDER), out.status))


def conserve(accounts: Accounts, row: Row, rest_quote: Array | float = 0.0, rest_size: Array | float = 0.0) -> Outcome:
    """The two conservation laws: cash and contracts of all parties never change in sum.

    ``rest_quote`` [] in USD and ``rest_size`` [A] are those of accounts that are not in the row.
    """
    ledger = row.ledger
    owned, held = ledger.quote.sum() + rest_quote, ledger.size.sum(1) + rest_size
    if accounts.ladders is not None and row.crowd is not None:
        owned = owned + quotes(accounts.ladders, row.crowd)
        held = held + contracts(accounts.ladders, row.crowd)
    if row.vault is not None:
        owned = owned + row.vault.quote + row.vault.sold_quote
        held = held + row.vault.size + row.vault.sold_size
    if row.funds is not None:
        owned = owned + row.funds.outside
    if row.withdrawals is not None:
        owned = owned + row.withdrawals.done.taken
    cash = owned + ledger.outside_quote + row.fund_flow() + ledger.keepers - accounts.quote_total
    units = (held + ledger.outside_size) * row.mark
    out = row.outcome
    return replace(
        out,
        cash_residual=larger(out.cash_residual, jnp.abs(cash)),
        contracts_residual=larger(out.contracts_residual, jnp.abs(units).sum()),
    )


def larger(old: Array, new: Array) -> Array:
    """The larger of two numbers, or ``new`` if that is none: a maximum may lose it (``mc.program.DENSE``)."""
    return jnp.where(new <= old, old, new)
