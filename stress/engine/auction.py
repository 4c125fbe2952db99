"""Phases 6 and 7 of ``engine.step`` where liquidators take positions over: to whom they come, and what they pay."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from stress.engine.state import FLAGGED, Row
from stress.engine.tick import Check, Tick
from stress.protocol.keepers import risk_order
from stress.protocol.liquidation.prices import takeover_price
from stress.protocol.venue import Venue
from stress.types import Array

ROUNDING = 1e-12
"""Share of notional by which a liquidator may miss what he wants."""


def discount(venue: Venue, flagged: Array, seen: Check, tick: Tick) -> Array:
    """Discount [N] of accounts that breached first at ticks ``flagged`` [N]; the first one for the healthy."""
    assert venue.auction is not None  # the caller's branch
    return venue.auction.discount(jnp.where(seen.liquidatable, tick.number - flagged, 0))


def paid_price(venue: Venue, row: Row, tick: Tick, seen: Check) -> Array:
    """USD per unit [A, N] that liquidators pay for long positions, and get for short ones."""
    rate = discount(venue, row.marks[FLAGGED], seen, tick)
    return takeover_price(seen.price[:, None], jnp.sign(row.ledger.size), rate)


def with_liquidators(venue: Venue, row: Row, tick: Tick, seen: Check, share: Array) -> Array:
    """Phase 6: ``share`` [1 or A, N] of the accounts to whom a liquidator comes, zero of those that wait.

    The riskiest first. A liquidator comes if it pays at the mean price of those who came before and himself: what the
    book gives him for the positions less what he pays for them, and his share of the fee, less his cost.
    """
    among, price = (share > 0).any(0), paid_price(venue, row, tick, seen)
    units, notional = row.ledger.size * share, (share * seen.notional).sum(0)
    fee, _ = venue.fees.split(venue.fees.charged(notional, seen.worth()))
    order, count = risk_order(seen.equity, seen.requirement, among), among.sum()

    def one(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        place, flow, comes = state
        n = order[place]
        after = flow + units[:, n]
        mean, _ = venue.liquidity.walk(row.z, after, tick.fundamental, tick.depth)
        fill = mean * (1.0 - jnp.sign(units[:, n]) * venue.liquidity.half_spread)
        reward = (units[:, n] * (fill - price[:, n])).sum() + fee[n] + ROUNDING * notional[n]
        pays = (reward >= 0) & venue.keepers.comes(reward, tick.move)
        return place + 1, jnp.where(pays, after, flow), comes.at[n].set(pays)

    start = (jnp.zeros_like(count), jnp.zeros_like(row.z), jnp.zeros_like(among))
    comes = jax.lax.while_loop(lambda state: state[0] < count, one, start)[2]
    return jnp.where(comes, share, 0.0)
