"""Rows of any settings on any paths of a market that is drawn already, simulated side by side by the dense engine.

Axes: ``R`` rows of a batch, ``K`` rows that are recorded, ``T`` ticks, ``A`` markets, ``G`` fan points.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from stress.engine.batches import pack
from stress.engine.dense import advance
from stress.engine.rows import Rows, pack_rows
from stress.engine.state import Outcome
from stress.mc.block import at_horizon, left_by, of_the_rest, trace_path
from stress.mc.grid.market import Seen
from stress.mc.job import Job
from stress.mc.start import first_row
from stress.protocol.adl.fairness import Fairness
from stress.protocol.backstop import Vault
from stress.protocol.coins import SoldCoins
from stress.protocol.insurance.fund import Funds
from stress.protocol.venue import Venue
from stress.protocol.withdrawals import Withdrawn
from stress.types import Array

RECORDED = 32
"""Rows of a batch, the first, that are recorded tick by tick."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class RowResult:
    """What a row leaves: as ``mc.block.BlockResult``, and what it liquidated when. Every array leads with ``R``."""

    outcome: Outcome
    fund_flow: Array  # [R] USD
    vault: Vault | None
    funds: Funds | None
    fairness: Fairness | None
    sold_coins: SoldCoins | None
    blocked: Array | None
    factor: Array | None
    withdrawn: Withdrawn | None
    fan: Array  # [R, G, A] float32 mark
    sold: Array  # [R, T] USD liquidated in each tick
    trace: dict[str, Array]  # [T, K, ...] of ``mc.block.trace_path``


def simulate_rows(job: Job, seen: Seen) -> RowResult:
    """Rows from time zero to the horizon: of the venues of ``job``, leaves [R, ...], each on its path of ``seen``."""
    job = of_the_rest(job)
    venue, count = job.venues, seen.multiplier.shape[1]
    rows = jax.vmap(lambda venue, normal: first_row(venue, job, normal))(venue, seen.first_normal)
    rows, packed = pack_rows(rows, job.front), pack(venue)

    def tick(state: tuple[Rows, Array], now: tuple[Array, Seen]) -> tuple[tuple[Rows, Array], Any]:
        (before, fan), (number, market) = state, now
        given = market.fundamental, market.multiplier, number
        rows = advance(packed, job.accounts, before, *given, 0, job.batch, market.normal)
        row = rows.row(job.batch > 1)
        sold = (row.outcome.liquidated - before.row(job.batch > 1).outcome.liquidated).sum(2)
        mark = jax.vmap(Venue.mirrored)(venue, row.mark)  # as the market sees it
        slot = (number * job.fan_points + job.steps - 1) // job.steps - 1
        trace = trace_path(replace(row, mark=mark), market.fundamental, slice(RECORDED))
        return (rows, fan.at[slot].set(mark.astype(jnp.float32))), (sold.sum(1), trace)

    fan = jnp.zeros((job.fan_points, count, job.prices.shape[0]), jnp.float32)
    numbers = jnp.arange(1, job.steps + 1, dtype=jnp.int32)
    ticks = replace(seen, first_normal=None)
    (end, fan), (sold, trace) = jax.lax.scan(tick, (rows, fan), (numbers, ticks))
    last = end.row(job.batch > 1)
    last = at_horizon(job.accounts, last)
    return RowResult(**left_by(venue, last), fan=jnp.moveaxis(fan, 0, 1), sold=sold.T, trace=trace)
