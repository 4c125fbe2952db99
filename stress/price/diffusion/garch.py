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
    root: Array  # [A] sqrt(h W / steps), standard deviation of a step
    shock: Array  # [A] e of the bar so far
    key: Array  # [] uniform, of all W


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

    def initial_draws(self) -> Draws:
        """A uniform for the mixing variables of all bars."""
        return {} if self.nu is None else {"mixing": Draw("uniform", ())}

    def draws(self) -> Draws:
        """A normal for every bar of a step and every market."""
        return {"diffusion": Draw("normal", (self.bars, self.multiplier.shape[1]))}

    def init(self, noise: Noise) -> GarchState:
        """The first bar is about to begin."""
        none, key = jnp.zeros_like(self.first), jnp.zeros((), jnp.float64) if self.nu is None else noise["mixing"]
        return GarchState(variance=none, root=none, shock=none, key=key)

    def step(self, state: GarchState, noise: Noise, occupied: Array, tick: Array) -> tuple[GarchState, Array]:
        """A part of a bar, or several bars."""
        growth, normal = occupied @ self.drift, noise["diffusion"]
        if self.ticks > 1:
            bar, begins = (tick - 1) // self.ticks, (tick - 1) % self.ticks == 0
            state = jax.lax.cond(begins, lambda now: self._begun(now, bar), lambda now: now, state)
            state, log_return = self._moved(state, normal[0], occupied)
            return state, growth + log_return

        def bar_of(number: Array, carry: tuple[GarchState, Array]) -> tuple[GarchState, Array]:
            state, total = carry
            state = self._begun(state, (tick - 1) * self.bars + number)
            mine = jax.lax.dynamic_index_in_dim(normal, number, keepdims=False)
            state, log_return = self._moved(state, mine, occupied)
            return state, total + log_return

        return jax.lax.fori_loop(0, self.bars, bar_of, (state, growth))

    def scaled(self, factor: Array) -> GarchVariance:
        """The same with another factor on what the price sees."""
        return replace(self, multiplier=self.multiplier * factor)

    def _begun(self, state: GarchState, bar: Array) -> GarchState:
        """The first step of bar ``bar`` [] is about to come."""
        lever = self.alpha + jnp.where(state.shock < 0, self.gamma, 0.0)
        variance = jnp.where(bar == 0, self.first, self.omega + lever * state.shock**2 + self.beta * state.variance)
        mixing = jnp.ones_like(variance)
        if self.nu is not None:
            mixing = (self.nu - 2.0) / (2.0 * gamma(state.key, bar, 0.5 * self.nu))
        return replace(
            state, variance=variance, root=jnp.sqrt(variance * mixing / self.ticks), shock=jnp.zeros_like(variance)
        )

    def _moved(self, state: GarchState, normal: Array, occupied: Array) -> tuple[GarchState, Array]:
        """One step of a bar, and its log-return [A] without drift."""
        share, square = occupied / self.step_years, state.root**2
        unscaled = state.root * jnp.stack(mixed(share, jnp.ones_like(self.multiplier), self.factor, normal))
        if len(self.multiplier) == 1:
            seen, square = self.multiplier[0] * unscaled, self.multiplier[0] ** 2 * square
        else:
            seen = state.root * jnp.stack(mixed(share, self.multiplier, self.factor, normal))
            square = square * (share[:, None] * self.multiplier**2).sum(0)
        return replace(state, shock=state.shock + unscaled), seen - 0.5 * square
