"""The ticks of a span in which single paths are at a threshold: their rounds, path by path and tick by tick.

Axes: ``V`` variants, ``A`` markets, ``B`` paths of a tile, ``K`` ticks of a chunk.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp

from stress.engine.ladder.book import Ladders
from stress.engine.ladder.state import LadderRow
from stress.engine.loops import when
from stress.mc.job import Job
from stress.mc.ladder_chunk import Chunk, Decay, Span
from stress.mc.ladder_notes import note_fan, note_trace
from stress.mc.ladder_screen import Limits, drawn_in
from stress.mc.ladder_tile import Tile, loaded, put, stored, taken
from stress.mc.ladder_visit import visit as act
from stress.mc.noise import TILE
from stress.protocol.venue import Venue
from stress.types import Array

WORD = 32
"""Paths whose marks share a word of bits."""
WORDS = TILE // WORD


@dataclass(frozen=True)
class Stage:
    """What is fixed within a span."""

    job: Job
    ladders: Ladders
    decay: Decay
    chunk: Chunk
    span: Span
    traced: Array  # [] path whose main variant is traced, -1 for none


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Work:
    """What is left to do in a span, and the tile so far."""

    paths: Array  # [V * B / 32] uint32, a bit a path with ticks in ``words``
    words: Array  # [V, B] uint32, a bit a tick of the chunk to look at
    free: Array  # [V, A, B] displacement before the cap in tick ``since``
    since: Array  # [B] int32 of the companion that a path woke: the tick; else the span's first
    tile: Tile


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Visit:
    """One path of one variant between two ticks with rounds."""

    word: Array  # [] uint32, the ticks to look at
    tick: Array  # [] int32
    free: Array  # [A] displacement before the cap in that tick
    row: LadderRow
    limits: Limits  # [A]
    shown: Array  # [K, A] float32 displacement, as if nobody acted any more
    work: Work


def visit_paths(stage: Stage, words: Array, free: Array, tile: Tile) -> Tile:
    """The tile after the rounds of all paths with ticks in ``words`` [V, B]; ``free`` [V, A, B] in the first tick."""
    bits = (words != 0).reshape(-1, WORD).astype(jnp.uint32) << jnp.arange(WORD, dtype=jnp.uint32)
    since = jnp.broadcast_to(stage.span.first, TILE)
    work = Work(bits.sum(1, dtype=jnp.uint32), words, free, since, tile)

    def group(w: Array, work: Work) -> Work:
        v = w // WORDS
        venue: Venue = loaded(stage.job.venues, v)

        def path(work: Work) -> Work:
            bits = taken(work.paths, w)
            lane = (w % WORDS) * WORD + _lowest(bits)
            return _visit(stage, venue, v, lane, replace(work, paths=put(work.paths, bits & (bits - 1), w)))

        return jax.lax.while_loop(lambda work: taken(work.paths, w) != 0, path, work)

    return jax.lax.fori_loop(0, work.paths.shape[0], group, work).tile


def _lowest(word: Array) -> Array:
    """Place [] of the lowest bit that is set."""
    return jax.lax.population_count((word & (~word + 1)) - 1).astype(jnp.int32)


def _visit(stage: Stage, venue: Venue, v: Array, lane: Array, work: Work) -> Work:
    """All ticks of one path."""
    tile = work.tile
    since = taken(work.since, lane) if stage.job.unlimited else stage.span.first
    first = jnp.where(v == stage.job.variants - 1, since, stage.span.first)
    free = taken(work.free, v, None, lane)
    start = Visit(
        word=taken(work.words, v, lane),
        tick=first,
        free=free,
        row=loaded(tile.rows, v, lane),
        limits=loaded(tile.limits, v, None, lane),
        shown=_shown(stage, venue, v, first, free),
        work=work,
    )
    end = jax.lax.while_loop(lambda visit: visit.word != 0, lambda visit: _act(stage, venue, v, lane, visit), start)
    tile = end.work.tile
    rows = stored(tile.rows, end.row, v, lane)
    if venue.adl is None:  # writing what rounds cannot change would copy it
        rows = replace(rows, scale=tile.rows.scale, shift=tile.rows.shift)
    free = end.free * taken(stage.decay.power, v, stage.span.end - 1 - end.tick)
    limits = stored(tile.limits, end.limits, v, None, lane)
    mine = replace(stage.span, end=jnp.where(v == 0, stage.span.end, stage.span.first))
    fan = note_fan(stage.job, stage.chunk, mine, partial(taken, end.shown), tile.fan, lane)
    tile = replace(tile, rows=rows, limits=limits, free=put(tile.free, free, v, None, lane), fan=fan)
    return replace(end.work, tile=tile)


def _act(stage: Stage, venue: Venue, v: Array, lane: Array, visit: Visit) -> Visit:
    """The rounds of one tick of one path."""
    job, chunk, work, k = stage.job, stage.chunk, visit.work, _lowest(visit.word)
    free, number = visit.free * taken(stage.decay.power, v, k - visit.tick), chunk.number + k
    log_price, depth = taken(chunk.log_price, k, None, lane), taken(chunk.depth, k, lane)
    row, after, limits, sold = act(stage.ladders, venue, job.prices, visit.row, free, log_price, depth, number)
    if job.unlimited:
        wakes = (v == 0) & (row.outcome.depletion_tick == number)
        work = when(wakes, lambda work: _woken(stage, work, visit.row, free, k, lane), work)
    word = _rest(stage, venue, v, lane, k, limits, after)
    if job.cascade.paired:
        work = replace(work, tile=replace(work.tile, sold=put(work.tile.sold, sold, k, v, lane)))
    work = replace(work, tile=replace(work.tile, trace=_traced(stage, work.tile.trace, v, lane, k, after, row)))
    shown = jnp.where(_ticks(stage) >= k, _shown(stage, venue, v, k, after), visit.shown)
    return Visit(word=word, tick=k, free=after, row=row, limits=limits, shown=shown, work=work)


def _ticks(stage: Stage) -> Array:
    """Places [K, 1] of the ticks."""
    return jnp.arange(stage.decay.power.shape[1] - 1, dtype=jnp.int32)[:, None]


def _later(stage: Stage, v: Array, k: Array) -> Array:
    """What is left [K, 1] of a displacement of tick ``k`` [] in later ones, float32; in earlier ones 1."""
    size = stage.decay.power.shape[1] - 1
    return jax.lax.dynamic_slice_in_dim(taken(stage.decay.near, v), size - k, size)[:, None]


def _shown(stage: Stage, venue: Venue, v: Array, k: Array, free: Array) -> Array:
    """Displacement [K, A] in float32 if nobody acts any more, ``free`` [A] in tick ``k``."""
    cap = venue.liquidity.impact.cap.astype(jnp.float32)
    return jnp.clip(free.astype(jnp.float32) * _later(stage, v, k), -cap, cap)


def _rest(stage: Stage, venue: Venue, v: Array, lane: Array, k: Array, limits: Limits, free: Array) -> Array:
    """The ticks of the span after ``k`` [] to look at, as a word []; ``free`` [A] in ``k``."""
    decay, end, ticks = stage.decay, stage.span.end, _ticks(stage)
    left = taken(decay.power, v, jnp.maximum(end - 2 - k, 0))
    cap, share = venue.liquidity.impact.cap, venue.oracle.impact_share
    limits, seen = drawn_in(limits, free * taken(decay.power, v, jnp.int32(1)), cap, share, left)
    log_price = taken(stage.chunk.log_price, None, None, lane).astype(jnp.float32)
    hits = limits.passed(log_price, seen * _later(stage, v, k + 1)).any(1, keepdims=True)
    hits = hits & (ticks > k) & (ticks < end)
    return jnp.where(hits, jnp.uint32(1) << ticks.astype(jnp.uint32), 0).sum(dtype=jnp.uint32)


def _traced(
    stage: Stage, trace: dict[str, Array], v: Array, lane: Array, k: Array, free: Array, row: LadderRow
) -> dict[str, Array]:
    """The trace with the ticks from ``k`` [] on, if this is the path; ``free`` [A] in ``k``.

    A loop of no turns, not a branch: around branches the rounds come out in other last bits in blocks of other sizes.
    """
    wanted = (v == 0) & (lane == stage.traced)
    span = Span(k, jnp.where(wanted, stage.span.end, k))
    return note_trace(stage.job, stage.decay, stage.chunk, span, free, row, lane, trace)


def _woken(stage: Stage, work: Work, row: LadderRow, free: Array, k: Array, lane: Array) -> Work:
    """The companion, now a copy of its main path from before the rounds of tick ``k`` [], goes through them itself."""
    last = jnp.int32(stage.job.variants - 1)
    w = last * WORDS + lane // WORD
    bit = jnp.uint32(1) << (lane % WORD).astype(jnp.uint32)
    return replace(
        work,
        paths=put(work.paths, taken(work.paths, w) | bit, w),
        words=put(work.words, jnp.uint32(1) << k.astype(jnp.uint32), last, lane),
        free=put(work.free, free, last, None, lane),
        since=put(work.since, k, lane),
        tile=replace(work.tile, rows=stored(work.tile.rows, row, last, lane)),
    )
