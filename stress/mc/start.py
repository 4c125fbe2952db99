"""The state of a path at time zero."""

from __future__ import annotations

import jax.numpy as jnp

from stress.engine.ladder.crowd import everybody
from stress.engine.losses import nothing_lost
from stress.engine.state import (
    CLOSED,
    FLAGGED,
    FREED,
    GIVEN_UP,
    STAKE,
    WALLET,
    Ledger,
    Row,
    Screen,
    empty_outcome,
)
from stress.mc.job import Job
from stress.protocol.adl.fairness import UNTOUCHED, nobody_hit
from stress.protocol.adl.pool import PoolBook
from stress.protocol.coins import nothing_sold
from stress.protocol.funding.base import SkewRule
from stress.protocol.liquidation.cover_shortage import CoverShortage
from stress.protocol.venue import Venue
from stress.types import NEVER, Array


def first_row(venue: Venue, job: Job, normal: Array | None = None) -> Row:
    """The row of one path at time zero; its screen is empty, so the first tick looks at everybody.

    ``normal`` [A] is the noise of the funding premium, where that is a process.
    """
    zero, none = jnp.zeros((), jnp.float64), jnp.zeros(job.prices.shape, jnp.float64)
    fair = job.accounts.cash is not None and venue.adl is not None
    liquidity, z = venue.liquidity, venue.liquidity.first_flow(job.size, job.accounts.residual)
    displacement = liquidity.displacement(z)
    given_up = {GIVEN_UP: jnp.full(job.quote.shape, UNTOUCHED, jnp.float64)} if fair else {}
    if venue.withdrawals is not None and fair and job.accounts.cash is not None:
        given_up |= {STAKE: job.accounts.cash}
    if venue.withdrawals is not None and job.accounts.collateral is not None:
        given_up |= {WALLET: job.accounts.collateral}
    funds = 1 if venue.insurance is None else venue.insurance.shares.shape[0]
    lost = {} if job.accounts.opened is None else nothing_lost(*job.size.shape, funds=funds)
    return Row(
        ledger=Ledger(
            quote=job.quote, size=job.size, outside_quote=zero, outside_size=none, fund_flow=zero, keepers=zero
        ),
        marks=first_marks(venue, job.quote.shape) | given_up | lost,
        z=z,
        displacement=displacement,
        mark=liquidity.displaced(venue.mirrored(job.prices), displacement),
        oracle=venue.oracle.init(job.prices),
        breaker=venue.breaker.init(job.prices),
        screen=Screen(low=jnp.full_like(none, jnp.inf), high=jnp.full_like(none, -jnp.inf), always=jnp.array(True)),
        outcome=empty_outcome(job.prices.shape[0]),
        crowd=None if job.accounts.ladders is None else everybody(job.prices.shape[0], venue.keepers),
        adaptive=None if venue.adaptive is None else venue.adaptive.init(job.prices),
        vault=None if venue.backstop is None else venue.backstop.open(job.prices.shape[0]),
        funds=None if venue.insurance is None else venue.insurance.open(venue.fund, venue.drawdown is not None),
        peak=None if venue.drawdown is None or venue.insurance is not None else venue.fund,
        fairness=nobody_hit() if fair else None,
        pool=first_pool(venue, job),
        window=None if venue.window is None else venue.window.open(),
        funding_level=funding_level(venue),
        premium=None if venue.funding.process is None or normal is None else venue.funding.process.first(normal),
        sold_coins=None if job.accounts.coins is None else nothing_sold(job.prices.shape[0]),
        withdrawals=None if venue.withdrawals is None else venue.withdrawals.init(venue.fund, job.prices),
    )


def first_pool(venue: Venue, job: Job) -> PoolBook | None:
    """What a pool that ADL looks at has with its traders at time zero."""
    accounts = job.accounts
    return None if venue.pool is None else venue.pool.open(job.size, accounts.entry, ~accounts.residual, job.prices)


def first_marks(venue: Venue, accounts: tuple[int, ...]) -> dict[str, Array]:
    """Marks at time zero, of those that the venue looks back at."""
    kept = ((FLAGGED, venue.keepers.delayed), (CLOSED, venue.rule.waits))
    marks = {name: jnp.full(accounts, NEVER, jnp.int32) for name, wanted in kept if wanted}
    return marks | {FREED: jnp.zeros(accounts, jnp.float64)} if isinstance(venue.rule, CoverShortage) else marks


def funding_level(venue: Venue) -> Array | None:
    """Level [A] of the funding rate at time zero; None where rates follow from the premium of the moment."""
    return venue.funding.rule.initial if isinstance(venue.funding.rule, SkewRule) else None
