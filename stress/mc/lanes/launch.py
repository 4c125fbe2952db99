"""What is common to launching kernels: memory for their results, and these as every engine leaves them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

from stress.engine.ladder.state import LadderRow
from stress.engine.state import NOT_FINITE
from stress.errors import bad_value
from stress.mc.job import Job
from stress.mc.lanes.memory import Layout, line_width
from stress.mc.lanes.notes import trace_shapes, unlined_trace
from stress.types import Array

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


def results_of(job: Job, row: Layout) -> dict[str, jax.ShapeDtypeStruct]:
    """Memory [n] of the results that every kernel has, by name; ``row`` is the layout of what a path owns."""
    paths, markets = job.block_paths, job.prices.shape[0]
    return {
        "rows": memory(job.variants * paths * line_width(row), jnp.float64),
        "fan": memory(job.fan_points * markets * paths, jnp.float32),
        "trace": memory(job.steps * sum(map(math.prod, trace_shapes(markets).values())), jnp.float64),
    }


def memory(size: int, dtype: Any) -> jax.ShapeDtypeStruct:
    """Room for as many numbers."""
    return jax.ShapeDtypeStruct((size,), dtype)


def found_in(job: Job, results: dict[str, Array], rows: LadderRow, cascade: Array) -> Found:
    """What a block leaves, of the results of a kernel."""
    fan = results["fan"].reshape(job.fan_points, job.prices.shape[0], -1)
    return Found(rows, cascade, fan, unlined_trace(job, results["trace"]))


def call(
    job: Job, program: Any, programs: int, inputs: list[Array], written: dict[str, Array], results: dict[str, Any]
) -> dict[str, Array]:
    """The results by name of all programs; those in ``written`` start as given."""
    if max(result.size for result in results.values()) > LARGEST:
        raise bad_value(
            "run.block_paths", job.block_paths, "fewer paths: results of a block must stay below 2^31 numbers"
        )
    made = pl.pallas_call(
        program,
        out_shape=list(results.values()),
        grid=(programs,),
        in_specs=[ANYWHERE] * (len(inputs) + len(written)),
        out_specs=[ANYWHERE] * len(results),
        input_output_aliases={len(inputs) + k: list(results).index(name) for k, name in enumerate(written)},
        interpret=jax.default_backend() != "gpu",
        compiler_params=triton.CompilerParams(num_warps=1, num_stages=1),
    )
    return dict(zip(results, made(*inputs, *written.values()), strict=True))


def judged(rows: LadderRow, finite: Array) -> LadderRow:
    """Rows with their final status, ``finite`` [V, P] being whether prices and displacements are."""
    out = rows.outcome
    finite = finite & jnp.isfinite(rows.fund_flow) & jnp.isfinite(out.cash_residual)
    return replace(rows, outcome=replace(out, status=jnp.where(finite, out.status, NOT_FINITE)))
