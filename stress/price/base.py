"""The contract of a market model: noise it wants, a state, and a step.

Everything is written for one path; ``stress.mc`` maps over paths. Noise is an argument: a model declares what
it draws at time zero and in every step, and receives arrays addressed by (seed, tile, step, stream).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import jax

from stress.types import Array


@dataclass(frozen=True)
class Draw:
    """One named stream of noise: ``normal`` in the run's precision, ``uniform`` always float64.

    Uniforms drive counts and waiting times: a jump that comes once in 100,000 steps needs more than the 23 bits
    of a float32.
    """

    kind: str  # "normal" or "uniform"
    shape: tuple[int, ...]


Draws = Mapping[str, Draw]
Noise = Mapping[str, Array]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Shock:
    """What the market does in one step."""

    log_return: Array  # [A] log-return of the fundamental price
    depth_multiplier: Array  # [] order-book depth relative to liquidity.depth_usd


class MarketModel(Protocol):
    """A market model: a frozen PyTree whose numbers are leaves and whose sizes are static."""

    @property
    def reactive(self) -> bool:
        """Whether prices answer the venue's liquidations: then every variant has prices of its own."""
        ...

    def initial_draws(self) -> Draws:
        """Noise wanted once, at time zero."""
        ...

    def step_draws(self) -> Draws:
        """Noise wanted in every step."""
        ...

    def init(self, noise: Noise) -> Any:
        """State at time zero."""
        ...

    def step(self, state: Any, noise: Noise, tick: Array, flow: Array | None = None) -> tuple[Any, Shock]:
        """State and shock of tick ``tick`` (1, 2, ...).

        ``flow`` [A] is what was liquidated in the tick before over the open interest of one side at time zero; a
        reactive model is given it, all others nothing.
        """
        ...
