"""A block of paths in the ladder engine, tile by tile.

All 128 paths of a tile take a chunk of ticks together, in short vectors: noise, prices, and a float32 comparison with
the prices at which their next accounts fall due. Only a path that comes to such a price in the chunk is worked on by
itself (``mc.ladder_path``). Everything is loops over small arrays, which the compiler makes one function of
(``cli.runtime`` asks it to): no operation is scheduled on its own, and a tile stays in the first caches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from stress.cipher import Words, threefry
from stress.engine.horizon import rows_under_water
from stress.engine.ladder.book import Ladders
from stress.engine.ladder.state import first_row
from stress.engine.loops import by_rows, held
from stress.engine.state import NOT_FINITE, Outcome
from stress.mc.cascade import open_window
from stress.mc.job import Job
from stress.mc.ladder_chunk import Chunk, Decay, decay_tables, no_chunk
from stress.mc.ladder_notes import empty_trace
from stress.mc.ladder_screen import thresholds
from stress.mc.ladder_span import run_span
from stress.mc.ladder_tile import Tile, mark
from stress.mc.noise import TILE, draw_noise, fold, joined
from stress.price.base import Noise
from stress.types import NEVER, Array

CHUNK_NUMBERS = 32
"""Random numbers of a path that are drawn at a time: what the first cache holds for a tile."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TileResult:
    """What a tile leaves."""

    outcome: Outcome  # [V, B, ...]
    fund_flow: Array  # [V, B]
    cascade: Array  # [B]
    fan: Array  # [G, A, B]


def simulate_tiles(job: Job, tiles: Array, traced: Array) -> tuple[TileResult, dict[str, Array]]:
    """All tiles, their results with a leading axis; and the trace of path ``traced`` [] of them, counted on."""
    ladders = job.ladders
    assert ladders is not None  # the caller's branch
    decay = decay_tables(job.venues, chunk_ticks(job))

    def one(trace: dict[str, Array], place: Array) -> tuple[dict[str, Array], TileResult]:
        key = fold((jnp.zeros_like(job.seed), job.seed), tiles[place])
        lane = jnp.where(traced // TILE == place, traced % TILE, -1)
        end = _run_tile(job, ladders, decay, key, lane, trace)
        return end.trace, _result(job, end)

    trace, results = jax.lax.scan(one, empty_trace(job), jnp.arange(tiles.shape[0]))
    return results, trace


def chunk_ticks(job: Job) -> int:
    """Ticks that are simulated together: prices first, then what the venue does at them.

    A market model that answered the venue's own flow would need one tick at a time.
    """
    numbers = sum(math.prod(draw.shape) for draw in job.model.step_draws().values())
    return max(1, min(CHUNK_NUMBERS // max(numbers, 1), job.steps))


def _run_tile(job: Job, ladders: Ladders, decay: Decay, key: Words, lane: Array, trace: dict[str, Array]) -> Tile:
    dtype, draws, true = jnp.dtype(job.dtype), job.model.step_draws(), job.prices[0] > 0
    length = chunk_ticks(job)
    first = fold((key[0][None], key[1][None]), jnp.zeros(1, jnp.uint32))
    noise = draw_noise(first, job.model.initial_draws(), dtype, threefry)

    def chunk(number: Array, state: tuple[Tile, Chunk]) -> tuple[Tile, Chunk]:
        steps = number * length + jnp.arange(1, length + 1, dtype=jnp.uint32)
        noise = draw_noise(held(true, fold(key, steps)), draws, dtype, threefry, joined(true))
        noise = {name: values.reshape(length, TILE, *values.shape[1:]) for name, values in noise.items()}
        tile, chunk = _prices(job, *state, noise, (number * length + 1).astype(jnp.int32))

        def span(state: tuple[Array, Tile]) -> tuple[Array, Tile]:
            return run_span(job, ladders, decay, chunk, state[0], lane, state[1])

        return jax.lax.while_loop(lambda state: state[0] < chunk.ticks, span, (jnp.int32(0), tile))[1], chunk

    start = _open_tile(job, ladders, noise, trace), no_chunk(length, job.prices.shape[0], TILE)
    return jax.lax.fori_loop(0, -(-job.steps // length), chunk, start)[0]


def _prices(job: Job, tile: Tile, chunk: Chunk, noise: Noise, number: Array) -> tuple[Tile, Chunk]:
    """The market in the ticks from ``number`` [] on, written over the last chunk."""
    step = jax.vmap(job.model.step, in_axes=(0, 0, None), axis_size=TILE)
    ticks = jnp.minimum(chunk.log_price.shape[0], job.steps + 1 - number)

    def tick(k: Array, state: tuple[object, Array, Chunk]) -> tuple[object, Array, Chunk]:
        market, log_price, chunk = state
        market, shock = step(market, {name: values[k] for name, values in noise.items()}, number + k)
        log_price = log_price + shock.log_return.T
        return market, log_price, chunk.with_tick(k, log_price, shock.depth_multiplier)

    start = (tile.market, tile.log_price, replace(chunk, number=number, ticks=ticks))
    market, log_price, chunk = jax.lax.fori_loop(0, ticks, tick, start)
    return replace(tile, market=market, log_price=log_price), chunk


def _open_tile(job: Job, ladders: Ladders, noise: Noise, trace: dict[str, Array]) -> Tile:
    markets, none = job.prices.shape[0], jnp.zeros((job.variants, job.prices.shape[0], TILE), jnp.float64)
    row = first_row(ladders.markets, job.venues.keepers)
    limits = jax.vmap(lambda venue: thresholds(ladders, venue, row, job.prices, none[0, :, 0]))(job.venues)
    sold = (chunk_ticks(job), job.variants, TILE) if job.cascade.paired else (0, job.variants, TILE)
    return Tile(
        market=jax.vmap(job.model.init, axis_size=TILE)(noise),
        log_price=none[0],
        free=none,
        limits=jax.tree.map(lambda leaf: jnp.broadcast_to(leaf[..., None], none.shape), limits),
        rows=jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (job.variants, TILE, *leaf.shape)), row),
        sold=jnp.zeros(sold, jnp.float64),
        window=open_window(job.cascade, TILE),
        fan=jnp.zeros((job.fan_points, markets, TILE), jnp.float32),
        trace=trace,
    )


def _result(job: Job, end: Tile) -> TileResult:
    assert job.ladders is not None  # the caller's branch
    marks, flow = mark(job, end.log_price, end.free), end.rows.fund_flow
    out = rows_under_water(job.ladders, end.rows, end.rows.outcome, jnp.moveaxis(marks, 1, 2))
    if job.unlimited:  # companions that never woke are what their main paths are
        slept = out.depletion_tick[0] == NEVER
        out = jax.tree.map(lambda leaf: leaf.at[-1].set(by_rows(slept, leaf[0], leaf[-1])), out)
        flow = flow.at[-1].set(jnp.where(slept, flow[0], flow[-1]))
    finite = jnp.isfinite(marks).all(1) & jnp.isfinite(flow) & jnp.isfinite(out.cash_residual)
    outcome = replace(out, status=jnp.where(finite, out.status, NOT_FINITE))
    return TileResult(outcome=outcome, fund_flow=flow, cascade=end.window.cascade, fan=end.fan)
