"""What is noted of the ticks of a span besides outcomes: marks for the fan, and the trace of one path.

A note is written as if nobody acted in the rest of the span, and once more after every tick in which somebody did.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from stress.engine.ladder.state import LadderRow
from stress.mc.float32 import exponential
from stress.mc.job import Job
from stress.mc.ladder_chunk import Chunk, Decay, Span
from stress.mc.ladder_tile import put, taken
from stress.types import Array


def note_fan(
    job: Job, chunk: Chunk, span: Span, shown: Callable[[Array], Array], fan: Array, lane: Array | None = None
) -> Array:
    """The fan [G, A, B] with the marks of the main variant at the last tick of every fan point: in float32.

    ``shown`` is the displacement [A, B] at a place in the chunk, of path ``lane`` [] alone [A].
    """
    scale = job.prices.astype(jnp.float32)
    scale, where = (scale[:, None], ()) if lane is None else (scale, (None, lane))

    def note(point: Array, fan: Array) -> Array:
        k = (point + 1) * job.steps // job.fan_points - chunk.number
        price = scale * exponential(taken(chunk.log_price, k, *where).astype(jnp.float32))
        return put(fan, price * (1 + shown(k)), point, *where)

    first, end = ((chunk.number + k - 1) * job.fan_points // job.steps for k in (span.first, span.end))
    return jax.lax.fori_loop(first, end, note, fan)


def empty_trace(job: Job) -> dict[str, Array]:
    """Zeros [T, ...]."""
    markets = job.prices.shape[0]
    shapes = {"mark": (markets,), "fundamental": (markets,), "liquidated": (markets, 2)}
    names = ("mark", "fundamental", "fund_flow", "liquidated", "adl", "bad_debt", "socialised")
    return {name: jnp.zeros((job.steps, *shapes.get(name, ())), jnp.float64) for name in names}


def note_trace(
    job: Job,
    decay: Decay,
    chunk: Chunk,
    span: Span,
    free: Array,
    row: LadderRow,
    lane: Array,
    trace: dict[str, Array],
) -> dict[str, Array]:
    """The trace with the ticks of a span of path ``lane`` [] of the main variant, ``row``; ``free`` [A] as above."""
    cap, out = job.venues.liquidity.impact.cap[0], row.outcome

    def note(k: Array, trace: dict[str, Array]) -> dict[str, Array]:
        fundamental = job.prices * jnp.exp(taken(chunk.log_price, k, None, lane))
        now = {
            "mark": fundamental * (1.0 + jnp.clip(free * decay.power[0, k - span.first], -cap, cap)),
            "fundamental": fundamental,
            "fund_flow": row.fund_flow,
            "liquidated": out.liquidated,
            "adl": out.adl_notional,
            "bad_debt": out.bad_debt,
            "socialised": out.socialised,
        }
        return {name: put(values, now[name], chunk.number + k - 1) for name, values in trace.items()}

    return jax.lax.fori_loop(span.first, span.end, note, trace)
