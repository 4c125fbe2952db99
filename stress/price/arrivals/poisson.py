"""Jumps that come at a rate which is constant in a regime: counts are Poisson given the occupation times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp

from stress.price.arrivals.base import Counts, poisson_count
from stress.price.base import Draw, Draws, Noise
from stress.price.jumps.base import Growth
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PoissonArrivals:
    """Axes: ``R`` regimes, ``A`` markets."""

    intensity: Array  # [R, A] per year
    common_intensity: Array  # [R] per year

    @property
    def reactive(self) -> Literal[False]:
        """Nothing excites it."""
        return False

    def initial_draws(self) -> Draws:
        """Nothing."""
        return {}

    def draws(self) -> Draws:
        """A count for every regime, market and kind of jump."""
        regimes, markets = self.intensity.shape
        return {"jump_count": Draw("uniform", (regimes, markets)), "common_jump_count": Draw("uniform", (regimes,))}

    def init(self, noise: Noise) -> tuple[()]:
        """No state."""
        return ()

    def step(
        self, state: tuple[()], noise: Noise, occupied: Array, regime: Array, flow: Array | None
    ) -> tuple[tuple[()], Counts, Array]:
        """Counts of the step; the years in every regime say what was to be expected."""
        own = poisson_count(noise["jump_count"], self.intensity * occupied[:, None])
        common = poisson_count(noise["common_jump_count"], self.common_intensity * occupied)
        return state, Counts(own, common), occupied

    def compensator(self, expected: Array, growth: Growth) -> Array:
        """Years in a regime times what a year costs there."""
        yearly = self.intensity[:, None] * growth.own + self.common_intensity[:, None, None] * growth.common
        return jnp.einsum("r,rna->na", expected, jnp.diff(yearly, axis=1))
