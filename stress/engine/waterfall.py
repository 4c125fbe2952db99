"""Phase 9 of ``engine.step``, but for ADL: what the fund pays, and what winners are levied for."""

from __future__ import annotations

import jax.numpy as jnp

from stress.engine.insurance import requirement_shares
from stress.engine.record import inflow
from stress.engine.state import Accounts, Row
from stress.engine.tick import Check, Round, Settlement
from stress.protocol.adl.trigger import fell_from_peak
from stress.protocol.margin.health import unrealised_pnl
from stress.protocol.venue import Venue
from stress.protocol.waterfall.insurance_fund import payment, shortfall_share
from stress.protocol.waterfall.socialised_loss import levy, levy_by_contracts, levy_by_equity
from stress.types import Array


def available(venue: Venue, row: Row, settled: Settlement) -> Array:
    """The fund [] in USD after the round's inflow; zero where the waterfall has none."""
    if not venue.insured:
        return jnp.zeros_like(row.ledger.fund_flow)
    return venue.fund + row.ledger.fund_flow + inflow(venue, settled)


def shortfall(venue: Venue, row: Row, settled: Settlement) -> Array:
    """Phase 9: share [] of the deficits that ADL has to carry: what the fund cannot pay, all after a fall of the fund.

    Zero without ADL.
    """
    if venue.adl is None:
        return jnp.zeros_like(row.ledger.fund_flow)
    funds, deficits = available(venue, row, settled), settled.deficits()
    share = shortfall_share(funds, deficits)
    if venue.drawdown is None or row.peak is None:
        return share
    return jnp.where((deficits > 0) & fell_from_peak(funds, row.peak, venue.drawdown), 1.0, share)


def peak_after(venue: Venue, row: Row, settled: Settlement) -> Array | None:
    """The most that the fund held so far [] in USD: a round's inflow counts, before it pays."""
    return None if row.peak is None else jnp.maximum(row.peak, available(venue, row, settled))


def insure(venue: Venue, row: Row, settled: Settlement) -> Array:
    """Phase 9: what the fund pays [] in USD at the final prices."""
    return payment(available(venue, row, settled), settled.deficits())


def socialise(venue: Venue, accounts: Accounts, seen: Check, done: Round, rest: Array) -> Array:
    """Phase 9: levy [N] in USD for what the fund left [] in USD."""
    settled = done.settled
    equity = settled.quote + (settled.size * settled.mark[:, None]).sum(0)
    if accounts.coins is not None:
        equity = equity + accounts.coins.value(settled.mark)
    match venue.levied_by:
        case "contracts":
            return levy_by_contracts(rest_by_market(venue, seen, done, rest), settled.size)
        case "equity":
            notional = (jnp.abs(settled.size) * settled.mark[:, None]).sum(0)
            return levy_by_equity(rest, notional, equity, accounts.residual)
        case _:
            profit = unrealised_pnl(settled.size, settled.mark[:, None], accounts.entry).sum(0)
            return levy(rest, profit, equity, accounts.residual)


def rest_by_market(venue: Venue, seen: Check, done: Round, rest: Array) -> Array:
    """What the fund left [] in USD, by the market [A] that it comes from."""
    deficit, payout = done.settled.deficit, done.payout
    if payout is not None and payout.owed.shape[0] > 1:
        left = (payout.owed - payout.paid).sum(1)
    else:
        paid = paid_to_accounts(done)
        left = (requirement_shares(venue, seen, done.closing) * (deficit - paid)).sum(1)
    total = left.sum()
    return left * (rest / jnp.where(total > 0, total, 1.0))


def paid_to_accounts(done: Round) -> Array:
    """What the fund pays for each account [N] in USD: pro rata to deficits, unless funds have rules of their own."""
    if done.payout is not None:
        return done.payout.paid.sum(0)
    deficits = done.settled.deficits()
    return done.settled.deficit * (done.paid / jnp.where(deficits > 0, deficits, 1.0))


def covered(done: Round) -> Array:
    """What accounts [N] are given in USD: what the fund pays for each, and of levies in proportion to the rest."""
    paid = paid_to_accounts(done)
    left = done.settled.deficit - paid
    total = left.sum()
    return paid + left * (done.levied.sum() / jnp.where(total > 0, total, 1.0))
