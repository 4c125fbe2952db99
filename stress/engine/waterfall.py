"""Phase 9 of ``engine.step``, but for ADL: what the fund pays, and what winners are levied for."""

from __future__ import annotations

import jax.numpy as jnp

from stress.engine.record import inflow
from stress.engine.state import Accounts, Row
from stress.engine.tick import Settlement
from stress.protocol.margin.health import unrealised_pnl
from stress.protocol.venue import Venue
from stress.protocol.waterfall.insurance_fund import payment, shortfall_share
from stress.protocol.waterfall.socialised_loss import levy
from stress.types import Array


def available(venue: Venue, row: Row, settled: Settlement) -> Array:
    """The fund [] in USD after the round's inflow; zero where the waterfall has none."""
    if not venue.insured:
        return jnp.zeros_like(row.ledger.fund_flow)
    return venue.fund + row.ledger.fund_flow + inflow(venue, settled)


def shortfall(venue: Venue, row: Row, settled: Settlement) -> Array:
    """Phase 9: share [] of the deficits that ADL has to carry; zero without ADL."""
    if venue.adl is None:
        return jnp.zeros_like(row.ledger.fund_flow)
    return shortfall_share(available(venue, row, settled), settled.deficits())


def insure(venue: Venue, row: Row, settled: Settlement) -> Array:
    """Phase 9: what the fund pays [] in USD at the final prices."""
    return payment(available(venue, row, settled), settled.deficits())


def socialise(accounts: Accounts, settled: Settlement, rest: Array) -> Array:
    """Phase 9: levy [N] in USD on winners for what the fund left [] in USD."""
    profit = unrealised_pnl(settled.size, settled.mark[:, None], accounts.entry).sum(0)
    equity = settled.quote + (settled.size * settled.mark[:, None]).sum(0)
    if accounts.coins is not None:
        equity = equity + accounts.coins.value(settled.mark)
    return levy(rest, profit, equity, accounts.residual)
