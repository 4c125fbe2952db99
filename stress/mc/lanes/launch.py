"""A block of paths in lanes: memory for the kernel, and its results as every engine leaves them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

from stress.engine.ladder.state import LadderRow, first_row
from stress.engine.loops import by_rows
from stress.engine.state import NOT_FINITE
from stress.mc.lanes.kernel import WIDTH, Kernel
from stress.mc.lanes.memory import (
    Given,
    Layout,
    Lines,
    given,
    layout_of,
    line_width,
    lines,
    packed,
    packed_rows,
    unlined,
)
from stress.mc.noise import TILE, fold
from stress.types import NEVER, Array

if TYPE_CHECKING:
    from stress.mc.block import Job

ANYWHERE = pl.BlockSpec(memory_space=pl.ANY)


@dataclass(frozen=True)
class Found:
    """What a block of ``P`` paths leaves."""

    rows: LadderRow  # [V, P, ...] at the horizon
    cascade: Array  # [P] bool
    fan: Array  # [G, A, P] float32
    trace: dict[str, Array]  # [T, ...]


def simulate_lanes(job: Job, tile: Array, traced: Array) -> Found:
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
    row = layout_of(jax.eval_shape(lambda: first_row(ladders, venue.keepers)), tables=False)
    shapes = _results(job, row)
    written = {
        "rows": lines(first_row(ladders, venue.keepers), row, job.variants * job.block_paths),
        "slots": jnp.zeros(shapes["slots"].shape, jnp.float64),
    }
    call = pl.pallas_call(
        partial(_program, job, (*layouts, row), list(shapes), len(written)),
        out_shape=list(shapes.values()),
        grid=(job.block_paths // WIDTH,),
        in_specs=[ANYWHERE] * (len(inputs) + len(written)),
        out_specs=[ANYWHERE] * len(shapes),
        input_output_aliases={len(inputs) + k: list(shapes).index(name) for k, name in enumerate(written)},
        interpret=jax.default_backend() != "gpu",
        compiler_params=triton.CompilerParams(num_warps=1, num_stages=1),
    )
    found = dict(zip(shapes, call(*inputs, *written.values()), strict=True))
    rows = unlined(found["rows"], row, (job.variants, job.block_paths))
    fan = found["fan"].reshape(job.fan_points, job.prices.shape[0], -1)
    return Found(_judged(job, rows, found["flags"]), found["flags"] & 1 > 0, fan, _trace(job, found["trace"]))


def _results(job: Job, row: Layout) -> dict[str, jax.ShapeDtypeStruct]:
    """Memory of results [n], by name."""
    paths, markets, window = job.block_paths, job.prices.shape[0], job.cascade
    numbers = {
        "rows": (job.variants * paths * line_width(row), jnp.float64),
        "fan": (job.fan_points * markets * paths, jnp.float32),
        "slots": (2 * window.ticks * paths if window.paired else 1, jnp.float64),
        "flags": (paths, jnp.int32),
        "trace": (job.steps * sum(map(math.prod, _trace_shapes(markets).values())), jnp.float64),
    }
    return {name: jax.ShapeDtypeStruct((size,), dtype) for name, (size, dtype) in numbers.items()}


def _program(job: Job, layouts: Any, names: list[str], written: int, where: Any, *memory: Any) -> None:
    """One program of the kernel, from references to inputs, to ``written`` many that are aliased, and to results."""
    inputs, results = memory[: -len(names) - written], dict(zip(names, memory[-len(names) :], strict=True))
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


def _judged(job: Job, rows: LadderRow, flags: Array) -> LadderRow:
    """Rows in which companions that never woke are what their main paths are, with their final status."""
    if job.unlimited:
        slept = rows.outcome.depletion_tick[0] == NEVER
        rows = jax.tree.map(lambda leaf: leaf.at[-1].set(by_rows(slept, leaf[0], leaf[-1])), rows)
    out = rows.outcome
    finite = jnp.stack([flags & 2 << v > 0 for v in range(job.variants)])
    finite = finite & jnp.isfinite(rows.fund_flow) & jnp.isfinite(out.cash_residual)
    return replace(rows, outcome=replace(out, status=jnp.where(finite, out.status, NOT_FINITE)))


def _trace_shapes(markets: int) -> dict[str, tuple[int, ...]]:
    """What is recorded of a tick, in the order of ``kernel``."""
    first = {"mark": (markets,), "fundamental": (markets,), "fund_flow": (), "liquidated": (markets, 2)}
    return first | {"adl": (), "bad_debt": (), "socialised": ()}


def _trace(job: Job, numbers: Array) -> dict[str, Array]:
    """The trace [T, ...] by name, from its numbers one tick after another."""
    rows, shapes = numbers.reshape(job.steps, -1), _trace_shapes(job.prices.shape[0])
    ends = np.cumsum([math.prod(shape) for shape in shapes.values()])
    parts = jnp.split(rows, ends[:-1], axis=1)
    return {name: part.reshape(job.steps, *shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
