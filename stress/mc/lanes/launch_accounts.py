"""A block of paths of the dense engine as a kernel: a program for every path and variant, accounts side by side."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

from stress.engine.ladder.state import LadderRow, first_row
from stress.mc.cascade import CascadeWindow, open_window, slide
from stress.mc.job import Job
from stress.mc.lanes.accounts import WIDTH, AccountsKernel, Book
from stress.mc.lanes.evaluate import evaluate
from stress.mc.lanes.launch import Found, call, found_in, judged, memory, results_of
from stress.mc.lanes.memory import Lines, given, layout_of, packed, packed_rows, unlined
from stress.mc.noise import TILE, fold
from stress.types import Array


def simulate_accounts(job: Job, tile: Array, traced: Array) -> Found:
    """A block of paths from its first ``tile`` [] on; ``traced`` [] is the path in it that is recorded."""
    venue, markets = jax.tree.map(lambda leaf: leaf[0], job.venues), job.prices.shape[0]
    values = {"model": job.model, "prices": job.prices, "quote_total": job.accounts.quote_total, "seed": job.seed}
    layouts = layout_of(values, tables=True), layout_of(venue, tables=False)
    numbers, tables = packed(values, layouts[0])
    where = jnp.stack([tile.astype(jnp.int32), traced.astype(jnp.int32)])
    spare = -job.quote.shape[0] % WIDTH
    book = [jnp.pad(leaf, [*[(0, 0)] * (leaf.ndim - 1), (0, spare)]).reshape(-1) for leaf in (job.size, job.quote)]
    book.append(jnp.pad(job.accounts.residual, (0, spare)).astype(jnp.int32))
    inputs = [where, *numbers, *packed_rows(job.venues, layouts[1], job.variants), *book, *tables]
    row = layout_of(jax.eval_shape(lambda: first_row(markets, venue.keepers)), tables=False)
    programs, places = job.variants * job.block_paths, job.quote.shape[0] + spare
    sold = programs * job.steps if job.cascade.paired else 1
    closed = memory(programs * places, jnp.int32)
    results = results_of(job, row) | {"closed": closed, "sold": memory(sold, jnp.float64)}
    program = partial(_program, job, (*layouts, row), list(results), places)
    found = call(job, program, programs, inputs, {"closed": jnp.zeros(closed.shape, jnp.int32)}, results)
    rows: LadderRow = unlined(found["rows"], row, (job.variants, job.block_paths))
    finite = jnp.isfinite(rows.outcome.contracts_residual)  # it has the last mark in it
    return found_in(job, found, judged(rows, finite), _cascades(job, found["sold"]))


def _cascades(job: Job, sold: Array) -> Array:
    """The paths [P] with a cascade, of what was sold [V, T, P] in USD."""
    window = open_window(job.cascade, job.block_paths)
    if not job.cascade.paired:
        return window.cascade

    def tick(window: CascadeWindow, now: tuple[Array, Array]) -> tuple[CascadeWindow, None]:
        return slide(job.cascade, window, *now, job.prices[0] > 0), None

    by_tick = jnp.moveaxis(sold.reshape(job.variants, job.steps, -1), 1, 0)
    return jax.lax.scan(tick, window, (by_tick, jnp.arange(1, job.steps + 1, dtype=jnp.int32)))[0].cascade


def _program(job: Job, layouts: Any, names: list[str], places: int, where: Any, *references: Any) -> None:
    """One program of the dense kernel."""
    inputs, results = references[: -len(names) - 1], dict(zip(names, references[-len(names) :], strict=True))
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
