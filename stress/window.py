"""A stretch of ticks in which something is in force."""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.types import NEVER, Array
from stress.units import SECONDS_PER_HOUR


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Window:
    """Ticks from ``first`` on, before ``end``."""

    first: Array  # [] int32
    end: Array  # [] int32, NEVER for no end

    def holds(self, tick: Array) -> Array:
        """Whether it is in force in this tick."""
        return (self.first <= tick) & (tick < self.end)


def tick_at(hours: float, step_seconds: float) -> int:
    """The first tick not before ``hours``; ticks are numbered from 1, and there is none at time zero."""
    return ticks_in(hours, step_seconds)


def ticks_in(hours: float, step_seconds: float) -> int:
    """Ticks in ``hours``, rounded up, at least one."""
    return max(1, math.ceil(hours * SECONDS_PER_HOUR / step_seconds - 1e-9))


def window(at_hours: float, duration_hours: float | None, step_seconds: float) -> Window:
    """As many ticks as ``duration_hours`` take, from the first one not before ``at_hours`` on; without it all."""
    first = tick_at(at_hours, step_seconds)
    end = NEVER if duration_hours is None else first + ticks_in(duration_hours, step_seconds)
    return Window(jnp.asarray(first, jnp.int32), jnp.asarray(end, jnp.int32))
