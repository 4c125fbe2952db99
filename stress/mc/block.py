"""One block of paths from time zero to the horizon: the program that is compiled once and mapped over blocks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp

from stress.engine.batches import pack
from stress.engine.dense import advance, awakened
from stress.engine.horizon import left_under_water
from stress.engine.ladder.book import Ladders
from stress.engine.ladder.crowd import everybody
from stress.engine.loops import by_rows
from stress.engine.losses import nothing_lost
from stress.engine.record import conserve
from stress.engine.rows import Rows, pack_rows
from stress.engine.state import (
    CLOSED,
    FLAGGED,
    FREED,
    GIVEN_UP,
    NOT_FINITE,
    STAKE,
    WALLET,
    Accounts,
    Ledger,
    Outcome,
    Row,
    Screen,
    empty_outcome,
)
from stress.mc.cascade import CascadeRule, CascadeWindow, open_window, slide
from stress.mc.ladder_block import simulate_tiles
from stress.mc.market import Market, answered, move_market, open_market
from stress.mc.noise import TILE
from stress.mc.premium import first_premium_noise, premium_noise
from stress.price.base import MarketModel
from stress.protocol.adl.fairness import UNTOUCHED, Fairness, nobody_hit
from stress.protocol.adl.pool import PoolBook
from stress.protocol.backstop import Vault
from stress.protocol.coins import SoldCoins, nothing_sold
from stress.protocol.funding.base import SkewRule
from stress.protocol.insurance.fund import Funds
from stress.protocol.liquidation.cover_shortage import CoverShortage
from stress.protocol.venue import Venue
from stress.protocol.withdrawals import Withdrawn
from stress.types import NEVER, Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Rest:
    """Accounts that are in no ladder, of a book that both engines share. Axes: ``N`` of them."""

    accounts: Accounts
    size: Array  # [A, N] at time zero
    quote: Array  # [N] at time zero


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Job:
    """Everything a block needs but its number: leaves are numbers, the rest is static."""

    model: MarketModel
    venues: Venue  # leaves [V, ...]
    accounts: Accounts
    size: Array  # [A, N] at time zero
    quote: Array  # [N] at time zero
    prices: Array  # [A] at time zero
    interest: Array  # [A] USD, open interest of one side at time zero
    ladders: Ladders | None  # the book for the ladder engine, which then runs it; None: the dense engine does
    rest: Rest | None  # those in no ladder, which the dense engine runs and ladders with them; None: there are none
    cascade: CascadeRule
    seed: Array  # [] uint32
    steps: int = field(metadata={"static": True})
    variants: int = field(metadata={"static": True})
    unlimited: bool = field(metadata={"static": True})  # the last variant is the main one with an unlimited fund
    block_paths: int = field(metadata={"static": True})
    front: int = field(metadata={"static": True})  # accounts that most looks of the dense engine touch
    batch: int = field(metadata={"static": True})  # rows that a look of the dense engine takes together
    fused: bool = field(metadata={"static": True})  # as one kernel for all ticks (``mc.lanes``)
    fan_points: int = field(metadata={"static": True})
    dtype: str = field(metadata={"static": True})  # of normals

    @property
    def all_on_ladders(self) -> bool:
        """Whether the ladder engine runs it alone."""
        return self.ladders is not None and self.rest is None

    @property
    def state_bytes(self) -> int:
        """Sizes and quotes of all accounts of a block that the dense engine follows."""
        if self.all_on_ladders:
            return 0
        size = self.size if self.rest is None else self.rest.size
        return self.variants * self.block_paths * (size.shape[0] + 1) * size.shape[1] * 8


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
    lost = {} if job.accounts.opened is None else nothing_lost(*job.size.shape)
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
