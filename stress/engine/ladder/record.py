"""What a round adds to the outcome, and the conservation laws: phase 11 on ladders."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp

from stress.engine.ladder.book import Ladders
from stress.engine.ladder.crowd import contracts, quotes
from stress.engine.ladder.deleverage import Match
from stress.engine.ladder.pending import Leaving
from stress.engine.ladder.settle import Sale, inflow
from stress.engine.ladder.state import LadderRow
from stress.engine.state import ROUNDS_EXHAUSTED, Outcome
from stress.protocol.venue import Venue
from stress.types import Array


def record(
    venue: Venue,
    row: LadderRow,
    number: Array,
    leaving: Leaving,
    paid: Array,
    full: Sale,
    sale: Sale,
    match: Match,
) -> Outcome:
    """The outcome after a round: ``full`` at prices of the full flow, ``sale`` as settled, ``paid`` [] by the fund."""
    deficits, rest = full.closed.deficit, sale.closed.deficit
    loss = deficits - row.fund_flow - inflow(venue, full)
    depleted = loss > venue.fund if venue.insured else deficits > 0
    sold, market = sale.book * sale.fill + match.paid, sale.book.reshape(-1, 2).sum(1)
    impact, accounts = venue.liquidity.impact, (leaving.ends - row.next).sum(dtype=jnp.int32)
    if leaving.share is not None:
        accounts = accounts + (leaving.share > 0).sum(dtype=jnp.int32)
    out = row.outcome.add(
        bad_debt=deficits,
        insolvent=full.closed.insolvent,
        insurance_paid=paid,
        adl_haircut=deficits - rest,
        uncovered=rest - paid,
        fees_to_fund=inflow(venue, sale),
        liquidated=sold.reshape(-1, 2),
        liquidated_accounts=accounts,
        capped=(impact.capped(sale.z) & (market > 0)).sum(dtype=jnp.int32),
        adl_notional=match.paid.sum(),
        adl_residual=match.residual.sum(),
        adl_accounts=match.accounts.sum(dtype=jnp.int32) + (match.residual > 0).any(),
    )
    return replace(
        out,
        depletion_tick=jnp.where(depleted, jnp.minimum(out.depletion_tick, number), out.depletion_tick),
        drawdown=jnp.maximum(out.drawdown, loss),
        max_displacement=jnp.maximum(out.max_displacement, jnp.abs(impact.displacement(sale.z)).max()),
    )


def conserve(
    ladders: Ladders, venue: Venue, row: LadderRow, z: Array, rounds: Array, left: Array, fundamental: Array
) -> LadderRow:
    """The row with the residuals of the two conservation laws noted, the rounds of the tick, and if any were left."""
    mark = fundamental * (1.0 + venue.liquidity.impact.displacement(z))
    cash = quotes(ladders, row) + row.outside_quote + row.fund_flow + row.keepers - ladders.quote_total
    units = contracts(ladders, row) + row.outside_size
    out = row.outcome
    outcome = replace(
        out,
        rounds=jnp.maximum(out.rounds, rounds),
        status=jnp.where(left, jnp.maximum(out.status, ROUNDS_EXHAUSTED), out.status),
        cash_residual=jnp.maximum(out.cash_residual, jnp.abs(cash)),
        contracts_residual=jnp.maximum(out.contracts_residual, jnp.abs(units * mark).sum()),
    )
    return replace(row, outcome=outcome)
