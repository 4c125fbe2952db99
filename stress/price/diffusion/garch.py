"""GARCH(1,1) with Student-t shocks and GJR asymmetry on bars of its own, whatever the step.

    h' = omega + (alpha + gamma 1[e < 0]) e^2 + beta h,   e = sqrt(h) t,   omega = volatility^2 bar (1 - persistence)

Bollerslev (1987), Rev. Econ. Stat. 69(3), eq. 1-3; Glosten, Jagannathan, Runkle (1993), J. Finance 48(5), eq. 7. The
recursion lives on bars of ``period_seconds``: steps that are parts of a bar share its variance, so a bar's shock
has the same law whether it is taken in one step or in sixty; a step of several bars takes them one after another.
A t of a bar is a normal of random variance h W, W = (nu - 2) / chi^2_nu drawn once a bar, and its steps are normal
given W. Markets share the draw behind W: with one nu their shocks are a multivariate t, with lower-tail dependence.

A log-return of t has no finite E[exp]. So the compensator is taken given W: log-return = e - h W / 2, and the price is
a martingale whatever nu. The shock ``e`` that drives the recursion is the exact t.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp

from stress.price.base import Draw, Draws, Noise
from stress.price.diffusion.base import mixed
from stress.price.keyed import gamma
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class GarchState:
    """State of one path."""

    variance: Array  # [A] h of the bar
    mixing: Array  # [A] W of the bar
    shock: Array  # [A] e of the bar so far


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class GarchVariance:
    """Axes: ``R`` regimes, ``A`` markets."""

    drift: Array  # [R, A] per year
    multiplier: Array  # [R, A] of the volatility in a regime
    factor: Array  # [R, A, A] lower Cholesky factor of the correlation
    omega: Array  # [A] a bar
    alpha: Array  # [A]
    gamma: Array  # [A]
    beta: Array  # [A]
    nu: Array | None  # [A] degrees of freedom; None: normal
    first: Array  # [A] variance of the first bar
    step_years: Array  # []
    ticks: int = field(metadata={"static": True})  # steps in a bar, 1 where a step is bars
    bars: int = field(metadata={"static": True})  # bars in a step, 1 where a bar is steps

    def draws(self) -> Draws:
        """For every bar of a step a normal for every regime and market, and a uniform for the mixing variables."""
        normal = {"diffusion": Draw("normal", (self.bars, *self.multiplier.shape))}
        return normal if self.nu is None else {**normal, "mixing": Draw("uniform", (self.bars,))}

    def init(self) -> GarchState:
        """The first bar is about to begin."""
        return GarchState(variance=self.first, mixing=jnp.ones_like(self.first), shock=jnp.zeros_like(self.first))

    def step(self, state: GarchState, noise: Noise, occupied: Array, tick: Array) -> tuple[GarchState, Array]:
        """A part of a bar, or several bars."""
        growth = occupied @ self.drift
        if self.bars == 1:
            state, log_return = self._part(state, noise["diffusion"][0], self._uniform(noise, 0), occupied, tick)
            return state, growth + log_return

        def bar(number: Array, carry: tuple[GarchState, Array]) -> tuple[GarchState, Array]:
            state, total = carry
            normal = jax.lax.dynamic_index_in_dim(noise["diffusion"], number, keepdims=False)
            state, log_return = self._part(state, normal, self._uniform(noise, number), occupied, tick)
            return state, total + log_return

        return jax.lax.fori_loop(0, self.bars, bar, (state, growth))

    def scaled(self, factor: Array) -> GarchVariance:
        """The same with another factor on what the price sees."""
        return replace(self, multiplier=self.multiplier * factor)

    def _uniform(self, noise: Noise, number: Array | int) -> Array | None:
        return None if self.nu is None else jax.lax.dynamic_index_in_dim(noise["mixing"], number, keepdims=False)

    def _part(
        self, state: GarchState, normal: Array, uniform: Array | None, occupied: Array, tick: Array
    ) -> tuple[GarchState, Array]:
        """One of ``ticks`` parts of a bar: the state, and the log-return [A] without drift."""
        begins, ends = (tick - 1) % self.ticks == 0, tick % self.ticks == 0
        if uniform is not None:
            state = replace(state, mixing=self._mixing(begins, state.mixing, uniform))
        share = occupied / self.step_years
        variance = state.variance * state.mixing / self.ticks
        unscaled = jnp.sqrt(variance) * mixed(share, jnp.ones_like(self.multiplier), self.factor, normal)
        seen = jnp.sqrt(variance) * mixed(share, self.multiplier, self.factor, normal)
        square = (share[:, None] * self.multiplier**2).sum(0)
        shock = state.shock + unscaled
        after = self.omega + (self.alpha + jnp.where(shock < 0, self.gamma, 0.0)) * shock**2
        moved = GarchState(
            variance=jnp.where(ends, after + self.beta * state.variance, state.variance),
            mixing=state.mixing,
            shock=jnp.where(ends, 0.0, shock),
        )
        return moved, seen - 0.5 * variance * square

    def _mixing(self, begins: Array, before: Array, uniform: Array) -> Array:
        """W [A] of the bar: drawn where it begins."""
        assert self.nu is not None  # the caller's branch
        nu = self.nu

        def drawn() -> Array:
            return (nu - 2.0) / (2.0 * gamma(jnp.full(nu.shape, uniform), 0.5 * nu))

        return drawn() if self.ticks == 1 else jax.lax.cond(begins, drawn, lambda: before)
