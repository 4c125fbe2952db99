"""Phase 9 of ``engine.step`` where the venue has rules for its funds (``protocol.insurance``): who is paid by which.

Axes: ``G`` funds, one for all markets or one for each; ``A`` markets, ``N`` accounts.
"""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp

from stress.engine.state import Row
from stress.engine.tick import CRUMB, Check, Closing, Payout, Settlement, Tick
from stress.protocol.adl.trigger import fell_from_peak
from stress.protocol.insurance.fund import Funds, Insurance
from stress.protocol.venue import Venue
from stress.protocol.waterfall.insurance_fund import payment
from stress.types import Array


def rules(venue: Venue, row: Row) -> tuple[Insurance, Funds]:
    """Rules and state of the funds."""
    assert venue.insurance is not None and row.funds is not None  # the caller's branch
    return venue.insurance, row.funds


def payout(venue: Venue, row: Row, seen: Check, closing: Closing, settled: Settlement) -> Payout:
    """What the funds pay of a settlement's deficits, after its inflow."""
    insurance, funds = rules(venue, row)
    owed = settled.deficit[None]
    if insurance.shares.shape[0] > 1:
        owed = owed * requirement_shares(venue, seen, closing)
    asked = owed * insurance.insured(settled.deficit)
    income, total = inflow_by_fund(venue, closing, settled), asked.sum(1)
    pays = payment(jnp.minimum(insurance.balance(venue.fund, funds) + income, insurance.room(funds)), total)
    share = pays / jnp.where(total > 0, total, 1.0)
    return Payout(owed=owed, asked=asked, inflow=income, paid=asked * share[:, None])


def uninsured(venue: Venue, row: Row, full: Payout) -> Array:
    """Share [G, N] of what is owed that ADL has to carry: what no fund pays, of a fund that fell far all."""
    insurance, funds = rules(venue, row)
    share = full.uninsured()
    if venue.drawdown is None or funds.peak is None:
        return share
    fell = fell_from_peak(insurance.balance(venue.fund, funds) + full.inflow, funds.peak, venue.drawdown)
    return jnp.where(fell[:, None] & (full.owed > 0), 1.0, share)


def requirement_shares(venue: Venue, seen: Check, closing: Closing) -> Array:
    """Share [A, N] of each account's deficit by market: that of its maintenance requirement at the check.

    What ADL closed at the bankruptcy price owes nothing, so it has no part in what is left.
    """
    weight = seen.margin
    if venue.adl is not None and venue.adl_price == "bankruptcy":
        sold, matched = jnp.abs(closing.book), jnp.abs(closing.adl)
        part = jnp.where(matched > 0, sold / jnp.where(matched > 0, sold + matched, 1.0), 1.0)
        open_part = seen.margin * jnp.where(part > CRUMB, part, 0.0)
        weight = jnp.where(open_part.sum(0) > 0, open_part, seen.margin)
    total = weight.sum(0)
    return weight / jnp.where(total > 0, total, 1.0)


def inflow_by_fund(venue: Venue, closing: Closing, settled: Settlement) -> Array:
    """Fees and remainders [G] in USD, by market in proportion to what was executed of each account there."""
    insurance = venue.insurance
    assert insurance is not None  # the caller's branch
    fees = venue.fees.split(settled.fee)[1]
    if insurance.shares.shape[0] == 1:
        return (fees + settled.remainder).sum(keepdims=True)
    sold = jnp.abs(closing.book) * settled.fill
    closed = sold + jnp.abs(closing.adl * closing.adl_price)  # a price may be below zero
    return _spread(fees, sold) + _spread(settled.remainder, closed)


def _spread(amount: Array, weight: Array) -> Array:
    """Amounts [N] by market [A], in proportion to weights [A, N]."""
    total = weight.sum(0)
    return (weight * (amount / jnp.where(total > 0, total, 1.0))).sum(1)


def losses(venue: Venue, row: Row, full: Payout) -> Array:
    """What each fund [G] is asked for at the prices of the full flow beyond its net flow, in USD."""
    insurance, funds = rules(venue, row)
    return jnp.minimum(full.asked.sum(1), insurance.room(funds)) - funds.flow - full.inflow


def needed(venue: Venue, row: Row, full: Payout) -> Array:
    """USD [G] that all funds together must have for one of them, with its share, not to fall short in this round."""
    lost = losses(venue, row, full)
    return jnp.where(lost > 0, lost / rules(venue, row)[0].shares, lost)


def booked(venue: Venue, row: Row, tick: Tick, full: Payout, final: Payout) -> Funds:
    """The funds after a round."""
    insurance, funds = rules(venue, row)
    funds = insurance.seen(venue.fund, funds, final.inflow)  # before they pay
    short, paid = needed(venue, row, full) > venue.fund, final.paid.sum(1)
    return replace(
        funds,
        flow=funds.flow + final.inflow - paid,
        paid=funds.paid + paid,
        depleted=jnp.where(short, jnp.minimum(funds.depleted, tick.number), funds.depleted),
        drawdown=jnp.maximum(funds.drawdown, losses(venue, row, full)),
    )
