"""The one market model: diffusion, jumps and regimes composed.

    log-return = sum_r tau_r (drift_r - sigma_r^2 / 2) + sum_r sqrt(tau_r) sigma_r L_r Z_r + jumps - compensation

with tau_r the years of the step spent in regime r and L_r L_r' the regime's correlation. GBM is one regime
without jumps; Merton adds jumps. Increments are exact in law at any step size; with one drift for all regimes
E[S_T] = S_0 exp(drift T) whatever the jumps and however they are spread.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp

from stress.price.base import Draw, Draws, Noise, Shock
from stress.price.jumps import JumpPart
from stress.price.regimes import RegimeChain
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CompositionState:
    """State of one path."""

    regime: Array  # [] int32
    pending: Array  # [n, A] log price still to come from spread jumps, net of compensation, by ticks ahead


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Composition:
    """The composed model. Axes: ``R`` regimes, ``A`` markets."""

    drift: Array  # [R, A] per year
    volatility: Array  # [R, A] per sqrt(year)
    factor: Array  # [R, A, A] lower Cholesky factor of the correlation
    depth_multiplier: Array  # [R]
    chain: RegimeChain
    jumps: JumpPart
    step_years: Array  # []
    jump_ticks: int = field(metadata={"static": True})  # 0 without jumps

    def initial_draws(self) -> Draws:
        """Noise at time zero."""
        return self.chain.initial_draws()

    def step_draws(self) -> Draws:
        """Noise of a step."""
        diffusion = {"diffusion": Draw("normal", self.volatility.shape)}
        return {**diffusion, **self.chain.step_draws(), **self.jumps.draws()}

    def init(self, noise: Noise) -> CompositionState:
        """No jump is on its way at time zero."""
        pending = jnp.zeros((self.jump_ticks, self.drift.shape[1]), jnp.float64)
        return CompositionState(regime=self.chain.init(noise), pending=pending)

    def step(self, state: CompositionState, noise: Noise, tick: Array) -> tuple[CompositionState, Shock]:
        """One step; the depth is that of the regime at its end."""
        del tick
        regime, occupied = self.chain.step(state.regime, noise, self.step_years)
        diffusion, depth = self._diffusion(occupied, noise["diffusion"]), self.depth_multiplier[regime]
        if not self.jump_ticks:
            return replace(state, regime=regime), Shock(log_return=diffusion, depth_multiplier=depth)
        schedule = -jnp.einsum("r,rna->na", occupied, self.jumps.compensation(self.jump_ticks))
        pending = state.pending + schedule + self.jumps.jump(occupied, noise) / self.jump_ticks
        ahead = jnp.concatenate([pending[1:], jnp.zeros_like(pending[:1])])
        shock = Shock(log_return=diffusion + pending[0], depth_multiplier=depth)
        return CompositionState(regime=regime, pending=ahead), shock

    def scaled(self, factor: Array) -> Composition:
        """The model with all volatilities of the diffusion times ``factor`` [A]."""
        return replace(self, volatility=self.volatility * factor)

    def _diffusion(self, occupied: Array, normal: Array) -> Array:
        """Diffusion of the step [A]: exact given the occupation times [R]."""
        mean = occupied @ (self.drift - 0.5 * self.volatility**2)
        correlated = (self.factor.astype(normal.dtype) * normal[:, None, :]).sum(-1)
        return mean + (jnp.sqrt(occupied)[:, None] * self.volatility * correlated).sum(0)
