"""The one market model: a diffusion part, jumps, their arrivals, and regimes, composed.

    log-return = diffusion + jumps - compensation

GBM is constant volatility without jumps; Merton adds jumps. Whatever the parts, with one drift for all regimes
E[S_T] = S_0 exp(drift T). The laws of constant volatility, Poisson jumps and regimes are exact at any step size.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp

from stress.price.arrivals.base import ArrivalPart
from stress.price.base import Draws, Noise, Shock
from stress.price.diffusion.base import DiffusionPart
from stress.price.jumps.base import JumpSizes
from stress.price.regimes import RegimeChain, RegimeState
from stress.price.tables import at, row
from stress.rare import while_due
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Jumps:
    """When jumps come, and how large they are."""

    arrivals: ArrivalPart
    sizes: JumpSizes
    ticks: int = field(metadata={"static": True})  # over which a jump is spread


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CompositionState:
    """State of one path."""

    chain: RegimeState
    diffusion: Any
    arrivals: Any
    pending: Array  # [n, A] log price still to come from spread jumps, net of compensation, by ticks ahead


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Composition:
    """The composed model. Axes: ``R`` regimes, ``A`` markets."""

    diffusion: DiffusionPart
    jumps: Jumps | None
    chain: RegimeChain
    depth_multiplier: Array  # [R]
    step_years: Array  # []
    markets: int = field(metadata={"static": True})

    @property
    def reactive(self) -> bool:
        """Whether the venue's liquidations excite jumps."""
        return self.jumps is not None and self.jumps.arrivals.reactive

    def initial_draws(self) -> Draws:
        """Noise at time zero."""
        jumps = self.jumps.arrivals.initial_draws() if self.jumps else {}
        return {**self.chain.initial_draws(), **self.diffusion.initial_draws(), **jumps}

    def step_draws(self) -> Draws:
        """Noise of a step: that of the diffusion. What comes seldom has its own (``price.keyed``)."""
        return self.diffusion.draws()

    def init(self, noise: Noise) -> CompositionState:
        """No jump is on its way at time zero."""
        return CompositionState(
            chain=self.chain.init(noise),
            diffusion=self.diffusion.init(noise),
            arrivals=self.jumps.arrivals.init(noise) if self.jumps else (),
            pending=jnp.zeros((self.jumps.ticks if self.jumps else 0, self.markets), jnp.float64),
        )

    def step(
        self, state: CompositionState, noise: Noise, tick: Array, flow: Array | None = None
    ) -> tuple[CompositionState, Shock]:
        """One step; the depth is that of the regime at its end."""
        chain, occupied = self.chain.step(state.chain, self.step_years)
        diffusion, moved = self.diffusion.step(state.diffusion, noise, occupied, tick)
        depth = row(self.depth_multiplier, chain.regime)
        if self.jumps is None:
            after = CompositionState(chain, diffusion, (), state.pending)
            return after, Shock(log_return=moved, depth_multiplier=depth)
        arrivals, sizes, ticks = self.jumps.arrivals, self.jumps.sizes, self.jumps.ticks
        passing = arrivals.passed(state.arrivals, occupied, chain.regime, flow)
        passing, total = while_due(_due, _taken, self.jumps, (passing, jnp.zeros(self.markets, jnp.float64)))
        schedule = -arrivals.compensator(passing, sizes.growth(ticks))
        pending = state.pending + schedule + total / ticks
        ahead = jnp.concatenate([pending[1:], jnp.zeros_like(pending[:1])])
        shock = Shock(log_return=moved + pending[0], depth_multiplier=depth)
        return CompositionState(chain, diffusion, arrivals.state(passing), ahead), shock

    def scaled(self, factor: Array) -> Composition:
        """The model with all volatilities of the diffusion times ``factor`` [A]."""
        return replace(self, diffusion=self.diffusion.scaled(factor))


def _due(jumps: Jumps, now: tuple[Any, Array]) -> Array:
    return jumps.arrivals.due(now[0])


def _taken(jumps: Jumps, now: tuple[Any, Array]) -> tuple[Any, Array]:
    """One more jump of the step, and the sum [A] of log-jumps with it."""
    passing, total = now
    passing, jump = jumps.arrivals.arrived(passing)
    markets = total.shape[0]

    def own() -> Array:
        return jnp.where(at(jump.stream, markets), jumps.sizes.own(jump.words, jump.regime), 0.0)

    size = jax.lax.cond(jump.stream == markets, lambda: jumps.sizes.common(jump.words, jump.regime), own)
    return passing, total + size
