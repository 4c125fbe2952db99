"""The contract of an arrival part: how many jumps come in a step, and how many were to be expected.

Axes: ``R`` regimes, ``A`` markets. Own jumps hit one market, common ones all at the same instants.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from stress.price.base import Draws, Noise
from stress.price.jumps.base import Growth
from stress.types import Array

COUNT_LIMIT = 10_000
"""Jumps of one kind in one step; beyond it, counting stops."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Counts:
    """Numbers of jumps by the regime whose law of sizes they have."""

    own: Array  # [R, A]
    common: Array  # [R]


class ArrivalPart(Protocol):
    """A frozen PyTree."""

    @property
    def reactive(self) -> bool:
        """Whether the venue's liquidations excite the intensity."""
        ...

    def initial_draws(self) -> Draws:
        """Noise wanted at time zero."""
        ...

    def draws(self) -> Draws:
        """Noise wanted in every step."""
        ...

    def init(self, noise: Noise) -> Any:
        """State of one path at time zero."""
        ...

    def step(
        self, state: Any, noise: Noise, occupied: Array, regime: Array, flow: Array | None
    ) -> tuple[Any, Counts, Any]:
        """State, jumps, and what :meth:`compensator` needs; ``regime`` is the one at the end of the step."""
        ...

    def compensator(self, expected: Any, growth: Growth) -> Array:
        """What the log price gives up [n, A], by ticks ahead, for the jumps that were to be expected."""
        ...


def poisson_count(uniform: Array, mean: Array) -> Array:
    """Poisson counts (float64) by inversion of the distribution function, any common shape."""

    def climb(state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        k, probability, cdf, count = state
        count = count + (uniform > cdf)
        probability = probability * mean / (k + 1)
        return k + 1, probability, cdf + probability, count

    def unfinished(state: tuple[Array, Array, Array, Array]) -> Array:
        k, probability, cdf, _ = state
        more = (uniform > cdf) & ((probability > 0) | (k < mean))
        return jnp.any(more) & (k < COUNT_LIMIT)

    none = jnp.exp(-mean)
    start = (jnp.zeros((), jnp.float64), none, none, jnp.zeros(mean.shape, jnp.float64))
    return jax.lax.while_loop(unfinished, climb, start)[3]
