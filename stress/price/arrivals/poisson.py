"""Jumps that come at a rate which is constant in a regime: a Poisson process given the occupation times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from stress.price.arrivals.base import Arrival, Clock, first_clock, first_due, renewed
from stress.price.base import Draw, Draws, Noise
from stress.price.jumps.base import Growth
from stress.price.tables import row, sum_of
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Passing:
    """A step."""

    clock: Clock  # budgets below zero belong to jumps that have not been taken
    occupied: Array  # [R] years


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PoissonArrivals:
    """Axes: ``R`` regimes, ``A`` markets, ``A + 1`` streams of jumps, the common one last."""

    intensity: Array  # [R, A + 1] per year

    @property
    def reactive(self) -> Literal[False]:
        """Nothing excites it."""
        return False

    def initial_draws(self) -> Draws:
        """A uniform for all jumps."""
        return {"jumps": Draw("uniform", ())}

    def init(self, noise: Noise) -> Clock:
        """Nothing has come yet."""
        return first_clock(noise["jumps"], self.intensity.shape[1])

    def passed(self, state: Clock, occupied: Array, regime: Array, flow: Array | None) -> Passing:
        """Budgets less years times rates."""
        spent = sum_of(occupied[r] * rates for r, rates in enumerate(self.intensity))
        return Passing(replace(state, budget=state.budget - spent), occupied)

    def due(self, passing: Passing) -> Array:
        """Whether a budget is exhausted []."""
        return (passing.clock.budget < 0.0).any()

    def arrived(self, passing: Passing) -> tuple[Passing, Arrival]:
        """The first stream whose budget is exhausted; of the jumps in a step, those in the first regimes come last."""
        stream = first_due(passing.clock.budget)
        owed = -row(passing.clock.budget, stream)
        regime = _place(owed, row(self.intensity.T, stream) * passing.occupied)
        clock, number = renewed(passing.clock, stream)
        return replace(passing, clock=clock), Arrival(stream, regime, number, self.intensity.shape[1], clock.key)

    def state(self, passing: Passing) -> Clock:
        """The clock."""
        return passing.clock

    def compensator(self, passing: Passing, growth: Growth) -> Array:
        """Years in a regime times what a year costs there."""
        own, common = self.intensity[:, None, :-1], self.intensity[:, None, -1:]
        yearly = jnp.diff(own * growth.own + common * growth.common, axis=1)
        return sum_of(passing.occupied[r] * yearly[r] for r in range(len(yearly)))


def _place(owed: Array, spent: Array) -> Array:
    """The first part [] int32 of ``spent`` [R] up to which it adds up to more than ``owed``."""
    parts = np.arange(spent.shape[0])
    total = jnp.where(parts[:, None] >= parts, spent, 0.0).sum(1)
    return jnp.minimum((owed >= total).sum(dtype=jnp.int32), spent.shape[0] - 1)
