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
from stress.price.regimes import RegimeChain
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

    regime: Array  # [] int32
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
        return {**self.chain.initial_draws(), **(self.jumps.arrivals.initial_draws() if self.jumps else {})}

    def step_draws(self) -> Draws:
        """Noise of a step."""
        jumps = {**self.jumps.arrivals.draws(), **self.jumps.sizes.draws()} if self.jumps else {}
        return {**self.diffusion.draws(), **self.chain.step_draws(), **jumps}

    def init(self, noise: Noise) -> CompositionState:
        """No jump is on its way at time zero."""
        return CompositionState(
            regime=self.chain.init(noise),
            diffusion=self.diffusion.init(),
            arrivals=self.jumps.arrivals.init(noise) if self.jumps else (),
            pending=jnp.zeros((self.jumps.ticks if self.jumps else 0, self.markets), jnp.float64),
        )

    def step(
        self, state: CompositionState, noise: Noise, tick: Array, flow: Array | None = None
    ) -> tuple[CompositionState, Shock]:
        """One step; the depth is that of the regime at its end."""
        regime, occupied = self.chain.step(state.regime, noise, self.step_years)
        diffusion, moved = self.diffusion.step(state.diffusion, noise, occupied, tick)
        depth = self.depth_multiplier[regime]
        if self.jumps is None:
            after = CompositionState(regime, diffusion, (), state.pending)
            return after, Shock(log_return=moved, depth_multiplier=depth)
        arrivals, sizes, ticks = self.jumps.arrivals, self.jumps.sizes, self.jumps.ticks
        excited, counts, expected = arrivals.step(state.arrivals, noise, occupied, regime, flow)
        schedule = -arrivals.compensator(expected, sizes.growth(ticks))
        pending = state.pending + schedule + sizes.total(counts.own, counts.common, noise) / ticks
        ahead = jnp.concatenate([pending[1:], jnp.zeros_like(pending[:1])])
        shock = Shock(log_return=moved + pending[0], depth_multiplier=depth)
        return CompositionState(regime, diffusion, excited, ahead), shock

    def scaled(self, factor: Array) -> Composition:
        """The model with all volatilities of the diffusion times ``factor`` [A]."""
        return replace(self, diffusion=self.diffusion.scaled(factor))
