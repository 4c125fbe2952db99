"""One block of paths from time zero to the horizon: the program that is compiled once and mapped over blocks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from stress.engine.batches import pack
from stress.engine.dense import advance, awakened
from stress.engine.horizon import left_under_water
from stress.engine.loops import by_rows
from stress.engine.record import conserve
from stress.engine.rows import Rows, pack_rows
from stress.engine.state import (
    NOT_FINITE,
    Accounts,
    Outcome,
    Row,
)
from stress.mc.cascade import CascadeWindow, open_window, slide
from stress.mc.job import Job
from stress.mc.ladder_block import simulate_tiles
from stress.mc.market import Market, answered, move_market, open_market
from stress.mc.noise import TILE
from stress.mc.premium import first_premium_noise, premium_noise
from stress.mc.start import first_row
from stress.protocol.adl.fairness import Fairness
from stress.protocol.backstop import Vault
from stress.protocol.coins import SoldCoins
from stress.protocol.insurance.fund import Funds
from stress.protocol.venue import Venue
from stress.protocol.withdrawals import Withdrawn
from stress.types import NEVER, Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class BlockResult:
    """What a block leaves. Axes: ``V`` variants, ``B`` paths of the block, ``G`` fan points."""

    outcome: Outcome  # [V, B, ...]
    fund_flow: Array  # [V, B] USD
    cascade: Array  # [B] bool
    fan: Array  # [G, A, B] float32 mark of the main variant
    trace: dict[str, Array]  # [T, ...] of one path of the main variant
    anew: Array  # [B] bool, simulated by the dense engine after the ladder (``mc.fallback``)
    vault: Vault | None = None  # [V, B, ...] of the backstop, at the last marks
    funds: Funds | None = None  # [V, B, ...] where the insurance funds have rules
    fairness: Fairness | None = None  # [V, B] of ADL
    sold_coins: SoldCoins | None = None  # [V, B, ...]
    blocked: Array | None = None  # [V, B] int32 ticks in which some market's accounts waited for the oracle
    factor: Array | None = None  # [V, B] largest factor on margin requirements
    withdrawn: Withdrawn | None = None  # [V, B] by traders


def simulate_block(job: Job, block: Array, traced: Array) -> BlockResult:
    """Simulate block ``block`` []; ``traced`` [] is the path in it that is recorded tick by tick."""
    tiles = block * (job.block_paths // TILE) + jnp.arange(job.block_paths // TILE, dtype=jnp.uint32)
    simulate = _fused if job.fused else _ladder if job.all_on_ladders else _dense
    return simulate(job, tiles, traced)


def _fused(job: Job, tiles: Array, traced: Array) -> BlockResult:
    # what they need takes long to import, and is not on every machine
    from stress.mc.lanes import launch_accounts, launch_ladders

    simulate = launch_ladders.simulate_ladders if job.all_on_ladders else launch_accounts.simulate_accounts
    found = simulate(job, tiles[0], traced)
    return BlockResult(
        outcome=found.rows.outcome,
        fund_flow=found.rows.fund_flow,
        cascade=found.cascade,
        fan=found.fan,
        trace=found.trace,
        anew=jnp.zeros(job.block_paths, bool),
    )


def _ladder(job: Job, tiles: Array, traced: Array) -> BlockResult:
    results, trace = simulate_tiles(job, tiles, traced)

    def joined(leaf: Array) -> Array:  # [tiles, V, 128, ...] to [V, B, ...]
        return jnp.moveaxis(leaf, 0, 1).reshape(job.variants, job.block_paths, *leaf.shape[3:])

    return BlockResult(
        outcome=jax.tree.map(joined, results.outcome),
        fund_flow=joined(results.fund_flow),
        cascade=results.cascade.reshape(-1),
        fan=jnp.transpose(results.fan, (1, 2, 0, 3)).reshape(*results.fan.shape[1:3], job.block_paths),
        trace=trace,
        anew=jnp.zeros(job.block_paths, bool),
    )


def _dense(job: Job, tiles: Array, traced: Array) -> BlockResult:
    paths, variants, job = job.block_paths, job.variants, of_the_rest(job)
    venue = jax.tree.map(lambda leaf: jnp.repeat(leaf, paths, axis=0), job.venues)
    normal = first_premium_noise(job, tiles)
    rows = pack_rows(jax.vmap(lambda venue, normal: first_row(venue, job, normal))(venue, normal), job.front)
    packed = pack(venue)
    # a sleeping companion has the prices of its main row, and what that does before it is depleted
    sleeps = job.unlimited and not job.model.reactive and job.venues.drawdown is None
    companion = (variants - 1) * paths if sleeps else 0

    def tick(state: State, number: Array) -> tuple[State, dict[str, Array]]:
        market, fundamental, multiplier = move_market(job, state.market, tiles, number)
        normal = premium_noise(job, tiles, number)
        rows = advance(packed, job.accounts, state.rows, fundamental, multiplier, number, companion, job.batch, normal)
        row = rows.row(job.batch > 1)
        sold = (row.outcome.liquidated - state.rows.row(job.batch > 1).outcome.liquidated).sum(2)
        market = answered(job, market, sold)
        window = slide(job.cascade, state.window, sold.sum(1).reshape(variants, paths), number, job.prices[0] > 0)
        row = replace(row, mark=jax.vmap(Venue.mirrored)(venue, row.mark))  # as the market sees it
        slot = (number * job.fan_points + job.steps - 1) // job.steps - 1
        fan = state.fan.at[slot].set(row.mark[:paths].astype(jnp.float32))
        return State(market, rows, window, fan), trace_path(row, fundamental, traced)

    fan = jnp.zeros((job.fan_points, paths, job.prices.shape[0]), jnp.float32)
    start = State(open_market(job, tiles), rows, open_window(job.cascade, paths), fan)
    end, trace = jax.lax.scan(tick, start, jnp.arange(1, job.steps + 1, dtype=jnp.int32))
    last = end.rows.row(job.batch > 1)
    last = at_horizon(job.accounts, last)
    if companion:
        last = _with_sleepers(last, companion)
    split = jax.tree.map(lambda leaf: leaf.reshape(variants, paths, *leaf.shape[1:]), left_by(venue, last))
    return BlockResult(
        **split,
        cascade=end.window.cascade,
        fan=jnp.moveaxis(end.fan, 1, 2),
        trace=trace,
        anew=jnp.zeros(paths, bool),
    )


def at_horizon(accounts: Accounts, last: Row) -> Row:
    """Rows [rows, ...] with what is recorded after their last tick."""
    last = replace(last, outcome=jax.vmap(conserve, in_axes=(None, 0))(accounts, last))
    return replace(last, outcome=jax.vmap(left_under_water, in_axes=(None, 0))(accounts, last))


def of_the_rest(job: Job) -> Job:
    """The job with the accounts that the dense engine follows, and their ladders with them."""
    if job.rest is None:
        return job
    rest = job.rest
    return replace(job, accounts=replace(rest.accounts, ladders=job.ladders), size=rest.size, quote=rest.quote)


def left_by(venue: Venue, last: Row) -> dict[str, Any]:
    """What rows leave at the horizon, each [rows, ...]: the fields of :class:`BlockResult` that are by variant."""
    return {
        "outcome": _judge(last),
        "fund_flow": last.fund_flow(),
        "vault": _at_last(venue, last),
        "funds": last.funds,
        "fairness": last.fairness,
        "sold_coins": last.sold_coins,
        "blocked": None if last.oracle.guard is None else last.oracle.guard.ticks,
        "factor": None if last.adaptive is None else last.adaptive.most,
        "withdrawn": None if last.withdrawals is None else last.withdrawals.done,
    }


def _at_last(venue: Venue, rows: Row) -> Vault | None:
    """Vaults [rows] with the low of the horizon, sizes as traded."""
    if rows.vault is None:
        return None
    vault = jax.vmap(Vault.marked)(rows.vault, rows.mark)
    return replace(vault, size=venue.turned(vault.size), sold_size=venue.turned(vault.sold_size))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class State:
    """What a block carries from tick to tick."""

    market: Market
    rows: Rows  # [V * B, ...]
    window: CascadeWindow
    fan: Array  # [G, B, A]


def trace_path(rows: Row, fundamental: Array, path: Array | slice) -> dict[str, Array]:
    """What is recorded of one path (a row of the main variant), or several rows, after a tick."""
    out = rows.outcome
    return {
        "mark": rows.mark[path],
        "fundamental": fundamental[path],
        "fund_flow": rows.fund_flow()[path],
        "liquidated": out.liquidated[path],
        "adl": out.adl_notional[path],
        "bad_debt": out.bad_debt[path],
        "socialised": out.socialised[path],
    }


def _with_sleepers(rows: Row, companion: int) -> Row:
    """Rows in which companions that never woke are what their main rows are."""
    awake = awakened(rows.outcome.depletion_tick < NEVER, companion)
    main = jnp.maximum(jnp.arange(awake.shape[0]) - companion, 0)

    def pick(leaf: Array) -> Array:
        return by_rows(awake, leaf, leaf[main])

    return replace(
        rows,
        mark=pick(rows.mark),
        outcome=jax.tree.map(pick, rows.outcome),
        ledger=replace(rows.ledger, fund_flow=pick(rows.ledger.fund_flow)),
        vault=jax.tree.map(pick, rows.vault),
        funds=jax.tree.map(pick, rows.funds),
        fairness=jax.tree.map(pick, rows.fairness),
        sold_coins=jax.tree.map(pick, rows.sold_coins),
        withdrawals=jax.tree.map(pick, rows.withdrawals),
    )


def _judge(rows: Row) -> Outcome:
    """The final outcome, with the status of rows whose numbers are not finite."""
    out = rows.outcome
    finite = jnp.isfinite(rows.mark).all(1) & jnp.isfinite(rows.fund_flow()) & jnp.isfinite(out.cash_residual)
    return replace(out, status=jnp.where(finite, out.status, NOT_FINITE))
