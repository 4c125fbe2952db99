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
from stress.errors import bad_value
from stress.mc.cascade import CascadeWindow, open_window, slide
from stress.mc.lanes.evaluate import evaluate
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

LARGEST = 2**31 - 1
"""Numbers of one kind that a block may leave: a kernel counts places with 32 bits."""
ANYWHERE = pl.BlockSpec(memory_space=pl.ANY)


@jax.tree_util.register_dataclass
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
    row = layout_of(jax.eval_shape(lambda: first_row(ladders.markets, venue.keepers)), tables=False)
    shapes = _results(job, row)
    written = {
        "rows": lines(first_row(ladders.markets, venue.keepers), row, job.variants * job.block_paths),
        "slots": jnp.zeros(shapes["slots"].shape, jnp.float64),
    }
    program = partial(_program, job, (*layouts, row), list(shapes), len(written))
    found = _call(program, job.block_paths // WIDTH, inputs, written, shapes)
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


def simulate_accounts(job: Job, tile: Array, traced: Array) -> Found:
    """As :func:`simulate_lanes`, for the dense engine: a program for every path and variant, accounts side by side."""
    from stress.mc.lanes.accounts import WIDTH as ACCOUNTS

    venue, markets = jax.tree.map(lambda leaf: leaf[0], job.venues), job.prices.shape[0]
    values = {"model": job.model, "prices": job.prices, "quote_total": job.accounts.quote_total, "seed": job.seed}
    layouts = layout_of(values, tables=True), layout_of(venue, tables=False)
    numbers, tables = packed(values, layouts[0])
    where = jnp.stack([tile.astype(jnp.int32), traced.astype(jnp.int32)])
    spare = -job.quote.shape[0] % ACCOUNTS
    book = [jnp.pad(leaf, [*[(0, 0)] * (leaf.ndim - 1), (0, spare)]).reshape(-1) for leaf in (job.size, job.quote)]
    book.append(jnp.pad(job.accounts.residual, (0, spare)).astype(jnp.int32))
    inputs = [where, *numbers, *packed_rows(job.venues, layouts[1], job.variants), *book, *tables]
    row = layout_of(jax.eval_shape(lambda: first_row(markets, venue.keepers)), tables=False)
    programs, places = job.variants * job.block_paths, job.quote.shape[0] + spare
    results = _results(job, row)
    results["closed"] = jax.ShapeDtypeStruct((programs * places,), jnp.int32)
    results["sold"] = jax.ShapeDtypeStruct((programs * job.steps if job.cascade.paired else 1,), jnp.float64)
    results = {name: results[name] for name in ("rows", "fan", "trace", "closed", "sold")}
    written = {"closed": jnp.zeros(results["closed"].shape, jnp.int32)}
    program = partial(_accounts_program, job, (*layouts, row), list(results), places)
    found = _call(program, programs, inputs, written, results)
    rows = unlined(found["rows"], row, (job.variants, job.block_paths))
    finite = jnp.isfinite(rows.fund_flow) & jnp.isfinite(rows.outcome.contracts_residual)
    rows = replace(rows, outcome=replace(rows.outcome, status=_status(rows, finite)))
    fan = found["fan"].reshape(job.fan_points, markets, -1)
    return Found(rows, _cascades(job, found["sold"]), fan, _trace(job, found["trace"]))


def _cascades(job: Job, sold: Array) -> Array:
    """The paths [P] with a cascade, of what was sold [V, T, P] in USD."""
    window = open_window(job.cascade, job.block_paths)
    if not job.cascade.paired:
        return window.cascade

    def tick(window: CascadeWindow, now: tuple[Array, Array]) -> tuple[CascadeWindow, None]:
        return slide(job.cascade, window, *now, job.prices[0] > 0), None

    by_tick = jnp.moveaxis(sold.reshape(job.variants, job.steps, -1), 1, 0)
    return jax.lax.scan(tick, window, (by_tick, jnp.arange(1, job.steps + 1, dtype=jnp.int32)))[0].cascade


def _accounts_program(job: Job, layouts: Any, names: list[str], places: int, where: Any, *memory: Any) -> None:
    """One program of the dense kernel."""
    from stress.mc.lanes.accounts import AccountsKernel, Book

    inputs, results = memory[: -len(names) - 1], dict(zip(names, memory[-len(names) :], strict=True))
    place, paths = pl.program_id(0).astype(jnp.int32), np.int32(job.block_paths)
    variant, path = jax.lax.div(place, paths), jax.lax.rem(place, paths)
    values = given(layouts[0], inputs[:2], list(inputs[7:]), np.int32(0))
    seed = values["seed"].numbers[()]
    tile = (triton.load(where.at[np.int32(0)]) + jax.lax.div(path, np.int32(TILE))).astype(jnp.uint32)
    kernel = AccountsKernel(
        job=job,
        values=values,
        venue=given(layouts[1], inputs[2:4], [], variant),
        book=Book(inputs[4], inputs[5], inputs[6], results["closed"], place * np.int32(places), places),
        rows=Lines(layouts[2], results["rows"], job.block_paths),
        out=results,
        variant=variant,
        path=path,
        lane=jax.lax.rem(path, np.int32(TILE)).astype(jnp.uint32),
        key=fold((jnp.zeros_like(seed), seed), tile),
        traced=path == triton.load(where.at[np.int32(1)]),
    )
    markets = len(job.prices)
    kernel.run(evaluate(lambda: first_row(markets, job.venues.keepers), (), ()))


def _call(
    program: Any, programs: int, inputs: list[Array], written: dict[str, Array], results: dict[str, Any]
) -> dict[str, Array]:
    """The results by name of all programs; those in ``written`` start as given."""
    if max(result.size for result in results.values()) > LARGEST:
        raise bad_value("run.block_paths", programs, "fewer paths: results of a block must stay below 2^31 numbers")
    call = pl.pallas_call(
        program,
        out_shape=list(results.values()),
        grid=(programs,),
        in_specs=[ANYWHERE] * (len(inputs) + len(written)),
        out_specs=[ANYWHERE] * len(results),
        input_output_aliases={len(inputs) + k: list(results).index(name) for k, name in enumerate(written)},
        interpret=jax.default_backend() != "gpu",
        compiler_params=triton.CompilerParams(num_warps=1, num_stages=1),
    )
    return dict(zip(results, call(*inputs, *written.values()), strict=True))


def _status(rows: LadderRow, finite: Array) -> Array:
    return jnp.where(finite, rows.outcome.status, NOT_FINITE)


def _judged(job: Job, rows: LadderRow, flags: Array) -> LadderRow:
    """Rows in which companions that never woke are what their main paths are, with their final status."""
    if job.unlimited:
        slept = rows.outcome.depletion_tick[0] == NEVER
        rows = jax.tree.map(lambda leaf: leaf.at[-1].set(by_rows(slept, leaf[0], leaf[-1])), rows)
    out = rows.outcome
    finite = jnp.stack([flags & 2 << v > 0 for v in range(job.variants)])
    finite = finite & jnp.isfinite(rows.fund_flow) & jnp.isfinite(out.cash_residual)
    return replace(rows, outcome=replace(out, status=_status(rows, finite)))


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
