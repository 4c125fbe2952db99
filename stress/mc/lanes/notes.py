"""What kernels note besides outcomes: the points of the fan, and the trace of one path."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from stress.engine.ladder.state import LadderRow
from stress.mc.job import Job
from stress.types import Array


def fan_point(job: Job, number: Any) -> tuple[Any, Any]:
    """The fan point [] that a tick belongs to, and whether it is the last of it."""
    points, steps, single = np.int32(job.fan_points), np.int32(job.steps), np.int32(1)
    slot, after = (jax.lax.div(n * points + steps - single, steps) - single for n in (number, number + single))
    return slot, after > slot


def trace_line(mark: Array, fundamental: Array, row: LadderRow) -> Array:
    """The numbers of one tick of a path, at its mark and fundamental [A] in USD per unit."""
    out = row.outcome
    single = jnp.stack([out.adl_notional, out.bad_debt, out.socialised])
    return jnp.concatenate([mark, fundamental, row.fund_flow[None], out.liquidated.reshape(-1), single])


def trace_shapes(markets: int) -> dict[str, tuple[int, ...]]:
    """What is recorded of a tick, in the order of :func:`trace_line`."""
    first = {"mark": (markets,), "fundamental": (markets,), "fund_flow": (), "liquidated": (markets, 2)}
    return first | {"adl": (), "bad_debt": (), "socialised": ()}


def unlined_trace(job: Job, numbers: Array) -> dict[str, Array]:
    """The trace [T, ...] by name, from its numbers one tick after another."""
    rows, shapes = numbers.reshape(job.steps, -1), trace_shapes(job.prices.shape[0])
    ends = np.cumsum([math.prod(shape) for shape in shapes.values()])
    parts = jnp.split(rows, ends[:-1], axis=1)
    return {name: part.reshape(job.steps, *shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
