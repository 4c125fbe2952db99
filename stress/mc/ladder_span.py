"""A span of ticks of a tile: funding, a look at all paths at once, and the rounds of those that are at a threshold."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp

from stress.engine.ladder.book import Ladders
from stress.engine.loops import branch, held
from stress.mc.cascade import CascadeWindow, slide
from stress.mc.job import Job
from stress.mc.ladder_chunk import Chunk, Decay, Span
from stress.mc.ladder_notes import note_fan, note_trace
from stress.mc.ladder_path import Stage, visit_paths
from stress.mc.ladder_screen import Limits, drawn_in
from stress.mc.ladder_tile import Tile, capped, loaded, put, taken
from stress.mc.ladder_visit import pay
from stress.mc.noise import TILE
from stress.types import Array


def run_span(
    job: Job, ladders: Ladders, decay: Decay, chunk: Chunk, first: Array, lane: Array, tile: Tile
) -> tuple[Array, Tile]:
    """The ticks from place ``first`` [] of a chunk on that make a span, and its end; ``lane`` [] is traced, -1: none.

    It ends before the next tick that pays funding.
    """
    number, interval = chunk.number + first, job.venues.funding.interval
    ahead = jnp.minimum(chunk.ticks - first, (interval - number % interval).min())
    span = Span(first, first + ahead)
    free = tile.free * decay.power[:, 1, None, None]  # in the first tick, if nobody acts
    tile = _funded(job, ladders, tile, taken(chunk.log_price, first), free, number)
    stage = Stage(job, ladders, decay, chunk, span, lane)
    words = _words(stage, tile, free)

    def shown(k: Array) -> Array:
        return capped(job, free * decay.power[:, k - first, None, None])[0].astype(jnp.float32)

    tile = replace(
        tile,
        free=free * jax.lax.dynamic_slice_in_dim(decay.power, ahead - 1, 1, 1)[..., None],
        fan=note_fan(job, chunk, span, shown, tile.fan),
    )
    traced = Span(span.first, jnp.where(lane >= 0, span.end, span.first))
    main, where = jnp.int32(0), jnp.maximum(lane, 0)
    row, own = loaded(tile.rows, main, where), taken(free, main, None, where)
    tile = replace(tile, trace=note_trace(job, decay, chunk, traced, own, row, where, tile.trace))
    tile = visit_paths(stage, words, free, tile)
    return span.end, _slid(job, chunk, span, tile)


def _words(stage: Stage, tile: Tile, free: Array) -> Array:
    """The ticks of the span [V, B], one bit each, in which a path may be at a threshold if it stays as it is."""
    job, decay, chunk, span = stage.job, stage.decay, stage.chunk, stage.span
    venues, ticks = job.venues, decay.power.shape[1] - 1
    cap, share = (x[:, None, None] for x in (venues.liquidity.impact.cap, venues.oracle.impact_share))
    left = jax.lax.dynamic_slice_in_dim(decay.power, span.end - span.first - 1, 1, 1)[..., None]
    limits, seen = drawn_in(tile.limits, free, cap, share, left)

    def one(limits: Limits, v: int) -> Limits:
        return Limits(limits.low[v], limits.high[v])

    def tick(k: Array, words: list[Array]) -> list[Array]:
        log_price, bit = taken(chunk.log_price, k).astype(jnp.float32), jnp.uint32(1) << k.astype(jnp.uint32)
        shrunk = jax.lax.dynamic_slice_in_dim(decay.near, ticks + k - span.first, 1, 1)
        return [
            word | jnp.where(one(limits, v).passed(log_price, seen[v] * shrunk[v]).any(0), bit, 0)
            for v, word in enumerate(words)
        ]

    words = jax.lax.fori_loop(span.first, span.end, tick, [jnp.zeros(TILE, jnp.uint32)] * job.variants)
    if job.unlimited:  # it sleeps while it is what the main variant is
        awake = tile.rows.outcome.depletion_tick[0] < chunk.number + span.first
        words[-1] = jnp.where(awake, words[-1], 0)
    return jnp.stack(words)


Paid = tuple[Array, Array, Array, Limits]
"""What funding changes of a tile."""


def _funded(job: Job, ladders: Ladders, tile: Tile, log_price: Array, free: Array, number: Array) -> Tile:
    """Phase 3, where it is due: at log prices [A, B] and displacements [V, A, B] before the cap."""

    def paid(_: Paid) -> Paid:
        paths = jax.vmap(partial(pay, ladders), in_axes=(None, None, 0, 0, 0, None))
        variants = jax.vmap(paths, in_axes=(0, None, 0, 0, None, None))
        rows, limits = variants(job.venues, job.prices, tile.rows, jnp.moveaxis(free, 2, 1), log_price.T, number)
        limits = jax.tree.map(lambda leaf: jnp.moveaxis(leaf, 1, 2), limits)
        return rows.shift, rows.outside_quote, rows.outcome.status, limits

    rows = tile.rows
    state = (rows.shift, rows.outside_quote, rows.outcome.status, tile.limits)
    shift, quote, status, limits = branch(job.venues.funding.due(number).any(), paid, state)
    rows = replace(rows, shift=shift, outside_quote=quote, outcome=replace(rows.outcome, status=status))
    return replace(tile, rows=rows, limits=limits)


def _slid(job: Job, chunk: Chunk, span: Span, tile: Tile) -> Tile:
    """The cascade windows after what was liquidated in a span, which is forgotten."""
    if not job.cascade.paired:
        return tile

    def tick(k: Array, state: tuple[CascadeWindow, Array]) -> tuple[CascadeWindow, Array]:
        window, sold = state
        true, none = job.prices[0] > 0, jnp.zeros((1, *sold.shape[1:]))
        now, none = held(true, (taken(sold, k), none))
        return slide(job.cascade, window, now, chunk.number + k, true), put(sold, none, k)

    window, sold = jax.lax.fori_loop(span.first, span.end, tick, (tile.window, tile.sold))
    return replace(tile, window=window, sold=sold)
