"""A given path as market model: every simulated path is the same one."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.price.base import Draws, Noise, Shock
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class GivenPath:
    """A recorded or hand-written path."""

    prices: Array  # [T + 1, A] USD per unit

    @property
    def reactive(self) -> bool:
        """It is what it is."""
        return False

    def initial_draws(self) -> Draws:
        """Nothing."""
        return {}

    def step_draws(self) -> Draws:
        """Nothing."""
        return {}

    def init(self, noise: Noise) -> tuple[()]:
        """No state."""
        return ()

    def step(
        self, state: tuple[()], noise: Noise, tick: Array, flow: Array | None = None
    ) -> tuple[tuple[()], Shock]:
        """The recorded return of tick ``tick``."""
        log_return = jnp.log(self.prices[tick] / self.prices[tick - 1])
        return state, Shock(log_return=log_return, depth_multiplier=jnp.ones((), jnp.float64))
