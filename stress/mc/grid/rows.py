"""Rows of any settings on any paths of a market that is drawn already, simulated side by side by the dense engine.

Axes: ``R`` rows of a batch, ``T`` ticks, ``B`` paths of the market, ``A`` markets, ``G`` fan points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp

from stress.engine.batches import pack
from stress.engine.dense import advance
from stress.engine.rows import Rows, pack_rows
from stress.engine.state import Outcome
from stress.mc.block import at_horizon, first_row, left_by, of_the_rest
from stress.mc.grid.market import Seen
from stress.protocol.adl.fairness import Fairness
from stress.protocol.backstop import Vault
from stress.protocol.coins import SoldCoins
from stress.protocol.insurance.fund import Funds
from stress.protocol.venue import Venue
from stress.protocol.withdrawals import Withdrawn
from stress.types import Array

if TYPE_CHECKING:
    from stress.mc.block import Job


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


def simulate_rows(job: Job, path: Array, seen: Seen) -> RowResult:
    """Rows from time zero to the horizon: of the venues of ``job``, leaves [R, ...], on the paths ``path`` [R]."""
    job = of_the_rest(job)
    venue, first = job.venues, None if seen.first_normal is None else seen.first_normal[path]
    rows = pack_rows(jax.vmap(lambda venue, normal: first_row(venue, job, normal))(venue, first), job.front)
    packed = pack(venue)

    def tick(state: tuple[Rows, Array], now: tuple[Array, Seen]) -> tuple[tuple[Rows, Array], Array]:
        (before, fan), (number, market) = state, now
        normal = None if market.normal is None else market.normal[path]
        fundamental, multiplier = market.fundamental[path], market.multiplier[path]
        rows = advance(packed, job.accounts, before, fundamental, multiplier, number, 0, job.batch, normal)
        row = rows.row(job.batch > 1)
        sold = (row.outcome.liquidated - before.row(job.batch > 1).outcome.liquidated).sum(2)
        mark = jax.vmap(Venue.mirrored)(venue, row.mark)  # as the market sees it
        slot = (number * job.fan_points + job.steps - 1) // job.steps - 1
        return (rows, fan.at[slot].set(mark.astype(jnp.float32))), sold.sum(1)

    fan = jnp.zeros((job.fan_points, *path.shape, job.prices.shape[0]), jnp.float32)
    numbers = jnp.arange(1, job.steps + 1, dtype=jnp.int32)
    ticks = Seen(seen.fundamental, seen.multiplier, None, seen.normal)
    (end, fan), sold = jax.lax.scan(tick, (rows, fan), (numbers, ticks))
    last = end.row(job.batch > 1)
    last = at_horizon(job.accounts, last)
    return RowResult(**left_by(venue, last), fan=jnp.moveaxis(fan, 0, 1), sold=sold.T)
