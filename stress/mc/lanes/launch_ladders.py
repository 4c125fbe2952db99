"""A block of paths of the ladder engine as a kernel: 32 paths a program."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

from stress.engine.horizon import rows_under_water
from stress.engine.ladder.state import LadderRow, first_row
from stress.engine.loops import by_rows
from stress.mc.job import Job
from stress.mc.lanes.kernel import WIDTH, Kernel
from stress.mc.lanes.launch import Found, call, found_in, judged, memory, results_of
from stress.mc.lanes.memory import Given, Lines, given, layout_of, lines, packed, packed_rows, unlined
from stress.mc.noise import TILE, fold
from stress.types import NEVER, Array


def simulate_ladders(job: Job, tile: Array, traced: Array) -> Found:
    """A block of paths from its first ``tile`` [] on; ``traced`` [] is the path in it that is recorded."""
    ladders = job.ladders
    assert ladders is not None  # the caller's branch
    values = {"model": job.model, "ladders": ladders, "prices": job.prices}
    values = values | {"threshold": job.cascade.threshold, "seed": job.seed}
    venue = jax.tree.map(lambda leaf: leaf[0], job.venues)
    layouts = layout_of(values, tables=True), layout_of(venue, tables=False)
    numbers, tables = packed(values, layouts[0])
    where = jnp.stack([tile.astype(jnp.int32), traced.astype(jnp.int32)])
    inputs = [where, *numbers, *packed_rows(job.venues, layouts[1], job.variants), *tables]
    row = layout_of(jax.eval_shape(lambda: first_row(ladders.markets, venue.keepers)), tables=False)
    slots = 2 * job.cascade.ticks * job.block_paths if job.cascade.paired else 1
    results = results_of(job, row) | {"slots": memory(slots, jnp.float64), "flags": memory(job.block_paths, jnp.int32)}
    results = results | {"marks": memory(job.variants * ladders.markets * job.block_paths, jnp.float64)}
    written = {
        "rows": lines(first_row(ladders.markets, venue.keepers), row, job.variants * job.block_paths),
        "slots": jnp.zeros(slots, jnp.float64),
    }
    program = partial(_program, job, (*layouts, row), list(results), len(written))
    found = call(job, program, job.block_paths // WIDTH, inputs, written, results)
    rows: LadderRow = unlined(found["rows"], row, (job.variants, job.block_paths))
    marks = jnp.moveaxis(found["marks"].reshape(job.variants, ladders.markets, -1), 1, 2)
    rows = replace(rows, outcome=rows_under_water(ladders, rows, rows.outcome, marks))
    if job.unlimited:  # companions that never woke are what their main paths are
        slept = rows.outcome.depletion_tick[0] == NEVER
        rows = jax.tree.map(lambda leaf: leaf.at[-1].set(by_rows(slept, leaf[0], leaf[-1])), rows)
    finite = jnp.stack([found["flags"] & 2 << v > 0 for v in range(job.variants)])
    return found_in(job, found, judged(rows, finite), found["flags"] & 1 > 0)


def _program(job: Job, layouts: Any, names: list[str], written: int, where: Any, *references: Any) -> None:
    """One program of the kernel, from references to inputs, to ``written`` many that are aliased, and to results."""
    inputs, results = references[: -len(names) - written], dict(zip(names, references[-len(names) :], strict=True))
    place, programs = pl.program_id(0).astype(jnp.int32), np.int32(TILE // WIDTH)
    values = given(layouts[0], inputs[:2], list(inputs[4:]), np.int32(0))
    seed = values["seed"].numbers[()]
    tile = (triton.load(where.at[np.int32(0)]) + jax.lax.div(place, programs)).astype(jnp.uint32)
    venue = partial(given, layouts[1], inputs[2:4], [])
    kernel = Kernel(
        job=job,
        given=Given(values, tuple(venue(np.int32(v)) for v in range(job.variants)), venue),
        rows=Lines(layouts[2], results["rows"], job.block_paths),
        out=results,
        lanes=jax.lax.broadcasted_iota(jnp.int32, (WIDTH,), 0),
        first=place * np.int32(WIDTH),
        in_tile=jax.lax.rem(place, programs) * np.int32(WIDTH),
        key=fold((jnp.zeros_like(seed), seed), tile),
        traced=triton.load(where.at[np.int32(1)]),
    )
    kernel.run()
