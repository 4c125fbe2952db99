"""A block of paths in the ladder engine, tile by tile.

All 128 paths of a tile take a tick together, in short vectors: noise, price, and a float32 comparison with the
prices at which their next accounts fall due. Only a path that is at such a price is worked on by itself. Everything
is loops over small arrays, which the compiler makes one function of (``cli.runtime`` asks it to): no operation is
scheduled on its own, and a tile stays in the first cache.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from stress.engine.ladder.book import Ladders
from stress.engine.ladder.rounds import LadderTick, run_rounds
from stress.engine.ladder.screen import REACH, thresholds
from stress.engine.ladder.state import LadderRow, first_row, pay_funding
from stress.engine.loops import branch, by_rows, held
from stress.engine.state import NOT_FINITE, Outcome
from stress.mc.cascade import CascadeWindow, open_window, slide
from stress.mc.cipher import Words, threefry
from stress.mc.float32 import exponential
from stress.mc.noise import TILE, draw_noise, fold, joined
from stress.price.base import Noise, Shock
from stress.protocol.venue import Venue
from stress.types import NEVER, Array

if TYPE_CHECKING:
    from stress.mc.block import Job

WORD = 32
"""Paths whose hits share a word of bits."""
WORDS = TILE // WORD
CHUNK_NUMBERS = 32
"""Random numbers of a path that are drawn at a time: what the first cache holds for a tile."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Tile:
    """What a tile carries from tick to tick. Axes: ``B`` paths (128), ``V`` variants, ``A`` markets."""

    market: Any  # state of the market model [B, ...]
    log_price: Array  # [A, B] log of fundamental over initial price
    free: Array  # [V, A, B] displacement before the cap, which stands for the absorbed flow too
    low: Array  # [V, A, B] float32 threshold (``engine.ladder.screen``)
    high: Array  # [V, A, B] float32
    rows: LadderRow  # [V, B, ...]
    sold: Array  # [V, B] USD liquidated in this tick
    window: CascadeWindow
    fan: Array  # [G, A, B] float32 mark of the main variant
    trace: dict[str, Array]  # [T, ...]


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

    def one(trace: dict[str, Array], place: Array) -> tuple[dict[str, Array], TileResult]:
        end = _run_tile(job, ladders, fold((jnp.zeros_like(job.seed), job.seed), tiles[place]), place, traced, trace)
        return end.trace, _result(job, end)

    trace, results = jax.lax.scan(one, _empty_trace(job), jnp.arange(tiles.shape[0]))
    return results, trace


def _run_tile(job: Job, ladders: Ladders, key: Words, place: Array, traced: Array, trace: dict[str, Array]) -> Tile:
    dtype, draws, true = jnp.dtype(job.dtype), job.model.step_draws(), job.prices[0] > 0
    length = _chunk_ticks(job)
    first = fold((key[0][None], key[1][None]), jnp.zeros(1, jnp.uint32))
    noise = draw_noise(first, job.model.initial_draws(), dtype, threefry)
    start = _open_tile(job, ladders, noise, trace)
    lane = jnp.where(traced // TILE == place, traced % TILE, -1)

    def chunk(number: Array, tile: Tile) -> Tile:
        steps = number * length + jnp.arange(1, length + 1, dtype=jnp.uint32)
        noise = draw_noise(held(true, fold(key, steps)), draws, dtype, threefry, joined(true))
        noise = {name: values.reshape(length, TILE, *values.shape[1:]) for name, values in noise.items()}
        ticks = jnp.minimum(length, job.steps - number * length)

        def tick(k: Array, tile: Tile) -> Tile:
            step = (number * length + k + 1).astype(jnp.int32)
            return _tick(job, ladders, tile, {name: values[k] for name, values in noise.items()}, step, lane)

        return jax.lax.fori_loop(0, ticks, tick, tile)

    return jax.lax.fori_loop(0, -(-job.steps // length), chunk, start)


def _chunk_ticks(job: Job) -> int:
    numbers = sum(math.prod(draw.shape) for draw in job.model.step_draws().values())
    return max(1, min(CHUNK_NUMBERS // max(numbers, 1), job.steps))


def _open_tile(job: Job, ladders: Ladders, noise: Noise, trace: dict[str, Array]) -> Tile:
    markets, none = job.prices.shape[0], jnp.zeros((job.variants, job.prices.shape[0], TILE), jnp.float64)
    row = first_row(ladders, job.venues.keepers)
    low, high = jax.vmap(lambda venue: thresholds(ladders, venue, row, job.prices))(job.venues)
    return Tile(
        market=jax.vmap(job.model.init, axis_size=TILE)(noise),
        log_price=none[0],
        free=none,
        low=jnp.broadcast_to(low[..., None], none.shape),
        high=jnp.broadcast_to(high[..., None], none.shape),
        rows=jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (job.variants, TILE, *leaf.shape)), row),
        sold=none[:, 0],
        window=open_window(job.cascade, TILE),
        fan=jnp.zeros((job.fan_points, markets, TILE), jnp.float32),
        trace=trace,
    )


def _tick(job: Job, ladders: Ladders, tile: Tile, noise: Noise, number: Array, lane: Array) -> Tile:
    """One tick of all paths of a tile; ``lane`` [] is traced, -1 for none."""
    market, shock = jax.vmap(job.model.step, in_axes=(0, 0, None), axis_size=TILE)(tile.market, noise, number)
    liquidity = job.venues.liquidity
    tile = replace(
        tile,
        market=market,
        log_price=tile.log_price + shock.log_return.T,
        free=tile.free * (liquidity.decay**liquidity.impact.exponent)[:, None, None],
    )
    tile = _funded(job, ladders, tile, number)
    hits = _hits(job, tile, number)
    if job.cascade.paired:
        tile = replace(tile, sold=jnp.zeros_like(tile.sold))
    tile = branch(hits.any(), lambda tile: _work(job, ladders, tile, shock, hits, number), tile)
    if job.cascade.paired:
        tile = replace(tile, window=slide(job.cascade, tile.window, tile.sold, number))
    tile = replace(tile, fan=_fan(job, tile, number))
    return replace(tile, trace=branch(lane >= 0, lambda trace: _traced(job, tile, trace, number, lane), tile.trace))


def _hits(job: Job, tile: Tile, number: Array) -> Array:
    """The paths [V, B] that are at a threshold."""
    log_price = tile.log_price.astype(jnp.float32)
    price = exponential(log_price)
    far = (jnp.abs(log_price) > REACH).any(0)
    share = job.venues.oracle.impact_share.astype(jnp.float32)
    hits = []
    for v in range(job.variants):
        seen = price * (1 + share[v] * _seen_displacement(job, tile, v))
        hit = ((seen < tile.low[v]) | (seen > tile.high[v])).any(0) | far
        if job.unlimited and v == job.variants - 1:  # it sleeps while it is what the main variant is
            hit = hit & (tile.rows.outcome.depletion_tick[0] < number)
        hits.append(hit)
    return jnp.stack(hits)


def _work(job: Job, ladders: Ladders, tile: Tile, shock: Shock, hits: Array, number: Array) -> Tile:
    """The rounds of every path with a hit [V, B], one by one."""
    bits = hits.reshape(-1, WORD).astype(jnp.uint32) << jnp.arange(WORD, dtype=jnp.uint32)
    words = bits.sum(1, dtype=jnp.uint32)

    def word(w: Array, state: tuple[Array, Tile]) -> tuple[Array, Tile]:
        v = w // WORDS

        def path(state: tuple[Array, Tile]) -> tuple[Array, Tile]:
            hits, tile = state
            bits = _taken(hits, w)
            lane = (w % WORDS) * WORD + jax.lax.population_count((bits & (~bits + 1)) - 1).astype(jnp.int32)
            hits = _put(hits, bits & (bits - 1), w)
            return _path(job, ladders, tile, shock, hits, number, v, lane)

        return jax.lax.while_loop(lambda state: _taken(state[0], w) != 0, path, state)

    return jax.lax.fori_loop(0, words.shape[0], word, (words, tile))[1]


def _path(
    job: Job, ladders: Ladders, tile: Tile, shock: Shock, hits: Array, number: Array, v: Array, lane: Array
) -> tuple[Array, Tile]:
    """The rounds of one path."""
    venue: Venue = jax.tree.map(lambda leaf: _taken(leaf, v), job.venues)
    row: LadderRow = jax.tree.map(lambda leaf: _taken(leaf, v, lane), tile.rows)
    free = _taken(tile.free, v, None, lane)
    liquidity = venue.liquidity
    z = liquidity.impact.absorbed(free)
    tick = LadderTick(
        number=number,
        fundamental=job.prices * jnp.exp(_taken(tile.log_price, None, lane)),
        depth=liquidity.depth_now(_taken(shock.depth_multiplier, lane), liquidity.impact.displacement(z)),
    )
    after, z_after, sold = run_rounds(ladders, venue, row, z, tick)
    if job.unlimited:
        wakes = (v == 0) & (after.outcome.depletion_tick == number)
        hits, tile = jax.lax.cond(wakes, lambda: _woken(job, hits, tile, row, free, lane), lambda: (hits, tile))
    low, high = thresholds(ladders, venue, after, job.prices)
    rows = _stored(tile.rows, after, v, lane)
    if venue.adl is None:  # writing what rounds cannot change would copy it
        rows = replace(rows, scale=tile.rows.scale, shift=tile.rows.shift)
    return hits, replace(
        tile,
        rows=rows,
        free=_put(tile.free, liquidity.impact.uncapped(z_after), v, None, lane),
        low=_put(tile.low, low, v, None, lane),
        high=_put(tile.high, high, v, None, lane),
        sold=_put(tile.sold, sold, v, lane),
    )


def _box(array: Array, where: tuple[Array | None, ...]) -> tuple[list[Array], tuple[int, ...]]:
    """Start and shape of the part at ``where``: a place, or None for a whole axis, as all axes that are left out."""
    full = (*where, *[None] * (array.ndim - len(where)))
    start = [jnp.uint32(0) if place is None else place.astype(jnp.uint32) for place in full]
    return start, tuple(size if place is None else 1 for size, place in zip(array.shape, full, strict=True))


def _taken(array: Array, *where: Array | None) -> Array:
    """The part at places that are in bounds: unsigned, they spare the tests for counting from the end."""
    start, shape = _box(array, where)
    kept = [size for size, place in zip(array.shape, (*where, *[None] * array.ndim), strict=False) if place is None]
    return jax.lax.dynamic_slice(array, start, shape).reshape(kept)


def _put(array: Array, part: Array, *where: Array | None) -> Array:
    """The array with this part at places that are in bounds, which ``at`` would check."""
    start, shape = _box(array, where)
    return jax.lax.dynamic_update_slice(array, part.reshape(shape), start)


def _stored(rows: LadderRow, row: LadderRow, v: Array, lane: Array) -> LadderRow:
    return jax.tree.map(lambda leaf, mine: _put(leaf, mine, v, lane), rows, row)


def _woken(job: Job, hits: Array, tile: Tile, row: LadderRow, free: Array, lane: Array) -> tuple[Array, Tile]:
    """The companion, now a copy of its main path from before the tick's rounds, goes through them itself."""
    last = jnp.int32(job.variants - 1)
    w = last * WORDS + lane // WORD
    hits = _put(hits, _taken(hits, w) | (jnp.uint32(1) << (lane % WORD).astype(jnp.uint32)), w)
    rows = _stored(tile.rows, row, last, lane)
    return hits, replace(tile, rows=rows, free=_put(tile.free, free, last, None, lane))


def _funded(job: Job, ladders: Ladders, tile: Tile, number: Array) -> Tile:
    """Phase 3, where it is due."""

    def pay(_: tuple[Array, ...]) -> tuple[Array, ...]:
        moved = jnp.moveaxis(_mark(job, tile), 2, 1), jnp.moveaxis(_displacement(job, tile), 2, 1)
        one = partial(pay_funding, ladders)
        variants = jax.vmap(jax.vmap(one, in_axes=(None, 0, 0, 0, None)), in_axes=(0, 0, 0, 0, None))
        rows = variants(job.venues, tile.rows, *moved, number)
        limits = jax.vmap(jax.vmap(thresholds, in_axes=(None, None, 0, None)), in_axes=(None, 0, 0, None))
        low, high = limits(ladders, job.venues, rows, job.prices)
        return rows.shift, rows.outside_quote, rows.outcome.status, jnp.moveaxis(low, 1, 2), jnp.moveaxis(high, 1, 2)

    rows = tile.rows
    state = (rows.shift, rows.outside_quote, rows.outcome.status, tile.low, tile.high)
    shift, quote, status, low, high = branch(job.venues.funding.due(number).any(), pay, state)
    rows = replace(rows, shift=shift, outside_quote=quote, outcome=replace(rows.outcome, status=status))
    return replace(tile, rows=rows, low=low, high=high)


def _displacement(job: Job, tile: Tile) -> Array:
    """X(z) [V, A, B]."""
    cap = job.venues.liquidity.impact.cap[:, None, None]
    return jnp.clip(tile.free, -cap, cap)


def _mark(job: Job, tile: Tile) -> Array:
    """Mark [V, A, B] in USD per unit."""
    return job.prices[:, None] * jnp.exp(tile.log_price) * (1.0 + _displacement(job, tile))


def _fan(job: Job, tile: Tile, number: Array) -> Array:
    """The mark of the main variant, at the last tick of every fan point: a picture's, so float32 will do."""
    slot, after = ((n * job.fan_points + job.steps - 1) // job.steps - 1 for n in (number, number + 1))

    def note(fan: Array) -> Array:
        price = job.prices.astype(jnp.float32)[:, None] * exponential(tile.log_price.astype(jnp.float32))
        return fan.at[slot].set(price * (1 + _seen_displacement(job, tile, 0)))

    return branch(after > slot, note, tile.fan)


def _seen_displacement(job: Job, tile: Tile, v: int) -> Array:
    """X [A, B] of a variant in float32."""
    cap = job.venues.liquidity.impact.cap[v].astype(jnp.float32)
    return jnp.clip(tile.free[v].astype(jnp.float32), -cap, cap)


def _empty_trace(job: Job) -> dict[str, Array]:
    markets = job.prices.shape[0]
    shapes = {"mark": (markets,), "fundamental": (markets,), "liquidated": (markets, 2)}
    names = ("mark", "fundamental", "fund_flow", "liquidated", "adl", "bad_debt", "socialised")
    return {name: jnp.zeros((job.steps, *shapes.get(name, ())), jnp.float64) for name in names}


def _traced(job: Job, tile: Tile, trace: dict[str, Array], number: Array, lane: Array) -> dict[str, Array]:
    """The trace with this tick of path ``lane`` of the main variant."""
    cap = job.venues.liquidity.impact.cap[0]
    fundamental = job.prices * jnp.exp(tile.log_price[:, lane])
    out = jax.tree.map(lambda leaf: leaf[0, lane], tile.rows.outcome)
    now = {
        "mark": fundamental * (1.0 + jnp.clip(tile.free[0, :, lane], -cap, cap)),
        "fundamental": fundamental,
        "fund_flow": tile.rows.fund_flow[0, lane],
        "liquidated": out.liquidated,
        "adl": out.adl_notional,
        "bad_debt": out.bad_debt,
        "socialised": out.socialised,
    }
    return {name: values.at[number - 1].set(now[name]) for name, values in trace.items()}


def _result(job: Job, end: Tile) -> TileResult:
    out, flow = end.rows.outcome, end.rows.fund_flow
    if job.unlimited:  # companions that never woke are what their main paths are
        slept = out.depletion_tick[0] == NEVER
        out = jax.tree.map(lambda leaf: leaf.at[-1].set(by_rows(slept, leaf[0], leaf[-1])), out)
        flow = flow.at[-1].set(jnp.where(slept, flow[0], flow[-1]))
    finite = jnp.isfinite(_mark(job, end)).all(1) & jnp.isfinite(flow) & jnp.isfinite(out.cash_residual)
    outcome = replace(out, status=jnp.where(finite, out.status, NOT_FINITE))
    return TileResult(outcome=outcome, fund_flow=flow, cascade=end.window.cascade, fan=end.fan)
