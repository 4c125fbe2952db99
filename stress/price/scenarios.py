"""Hypothetical instants: every path has a shock of its own in the first tick, and nothing happens after it.

One simulation so answers what hundreds of shocks do. A path knows itself by its noise alone: the number that it draws
at time zero has a rank among those of all paths (``stress.mc.scenarios`` makes the table).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.price.base import Draw, Draws, Noise, Shock
from stress.types import Array

STREAM = "scenario"


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Scenario:
    """What one path is given."""

    log_return: Array  # [A] in the first tick
    depth: Array  # [] factor on the depth of all order books, from the first tick on


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Scenarios:
    """The model. Axes: ``S`` scenarios in the order of their paths' draws, ``A`` markets."""

    draw: Array  # [S] what the paths draw, ascending
    log_return: Array  # [S, A]
    depth: Array  # [S]

    @property
    def reactive(self) -> bool:
        """Nothing happens after the shock."""
        return False

    def initial_draws(self) -> Draws:
        """Whose path it is."""
        return {STREAM: Draw("uniform", ())}

    def step_draws(self) -> Draws:
        """Nothing."""
        return {}

    def init(self, noise: Noise) -> Scenario:
        """The scenario of the path."""
        place = jnp.minimum((self.draw < noise[STREAM]).sum(), len(self.draw) - 1)
        return Scenario(self.log_return[place], self.depth[place])

    def step(
        self, state: Scenario, noise: Noise, tick: Array, flow: Array | None = None
    ) -> tuple[Scenario, Shock]:
        """The shock, then quiet."""
        del noise, flow
        moved = jnp.where(tick == 1, state.log_return, 0.0)
        return state, Shock(log_return=moved, depth_multiplier=state.depth)
