"""Hypothetical shocks on top of a market model: the same on every path, at a stated time.

Each is a part: it may change the model before a tick and what the model returned after it. Numbers are leaves, times
too, so a sweep over them compiles once; which shocks there are is structure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import jax

from stress.price.base import Draws, MarketModel, Noise, Shock
from stress.types import Array


class MarketShock(Protocol):
    """The contract of a shock to the market. Outside of its window it changes nothing."""

    def before(self, model: MarketModel, tick: Array) -> MarketModel:
        """The model as it is in tick ``tick`` []."""
        ...

    def after(self, moved: Shock, tick: Array) -> Shock:
        """What the market does in tick ``tick`` []."""
        ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ShockedModel:
    """A market model with shocks, which act in their order. It draws what the model draws: the same noise."""

    model: MarketModel
    shocks: tuple[MarketShock, ...]

    @property
    def reactive(self) -> bool:
        """Whether the model's prices answer liquidations."""
        return self.model.reactive

    def initial_draws(self) -> Draws:
        """Noise at time zero."""
        return self.model.initial_draws()

    def step_draws(self) -> Draws:
        """Noise of a step."""
        return self.model.step_draws()

    def init(self, noise: Noise) -> Any:
        """State at time zero, the model's."""
        return self.model.init(noise)

    def step(self, state: Any, noise: Noise, tick: Array, flow: Array | None = None) -> tuple[Any, Shock]:
        """One step of the shocked model."""
        model = self.model
        for shock in self.shocks:
            model = shock.before(model, tick)
        state, moved = model.step(state, noise, tick, flow)
        for shock in self.shocks:
            moved = shock.after(moved, tick)
        return state, moved
