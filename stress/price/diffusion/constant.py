"""Volatility that is constant in a regime: geometric Brownian motion, exact at any step given the occupation times."""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from stress.price.base import Draw, Draws, Noise
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ConstantVolatility:
    """sum_r tau_r (drift_r - sigma_r^2 / 2) + sum_r sqrt(tau_r) sigma_r L_r Z_r. Axes: ``R`` regimes, ``A`` markets."""

    drift: Array  # [R, A] per year
    volatility: Array  # [R, A] per sqrt(year)
    factor: Array  # [R, A, A] lower Cholesky factor of the correlation

    def draws(self) -> Draws:
        """A normal for every regime and market."""
        return {"diffusion": Draw("normal", self.volatility.shape)}

    def init(self) -> tuple[()]:
        """No state."""
        return ()

    def step(self, state: tuple[()], noise: Noise, occupied: Array, tick: Array) -> tuple[tuple[()], Array]:
        """Normal given the occupation times."""
        del tick
        normal = noise["diffusion"]
        mean = occupied @ (self.drift - 0.5 * self.volatility**2)
        correlated = (self.factor.astype(normal.dtype) * normal[:, None, :]).sum(-1)
        return state, mean + (jnp.sqrt(occupied)[:, None] * self.volatility * correlated).sum(0)

    def scaled(self, factor: Array) -> ConstantVolatility:
        """The same with another factor on what the price sees."""
        return replace(self, volatility=self.volatility * factor)
