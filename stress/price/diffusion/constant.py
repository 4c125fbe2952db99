"""Volatility that is constant in a regime: geometric Brownian motion, exact at any step given the occupation times."""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from stress.price.base import Draw, Draws, Noise
from stress.price.diffusion.base import mixed
from stress.price.tables import sum_of
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ConstantVolatility:
    """A normal, of mean sum_r tau_r (drift_r - sigma_r^2 / 2) and covariance sum_r tau_r (sigma_r L_r) (sigma_r L_r)'.

    Axes: ``R`` regimes, ``A`` markets.
    """

    drift: Array  # [R, A] per year
    volatility: Array  # [R, A] per sqrt(year)
    factor: Array  # [R, A, A] lower Cholesky factor of the correlation

    def initial_draws(self) -> Draws:
        """Nothing."""
        return {}

    def draws(self) -> Draws:
        """A normal for every market."""
        return {"diffusion": Draw("normal", self.volatility.shape[1:])}

    def init(self, noise: Noise) -> tuple[()]:
        """No state."""
        return ()

    def step(self, state: tuple[()], noise: Noise, occupied: Array, tick: Array) -> tuple[tuple[()], Array]:
        """Normal given the occupation times."""
        yearly = self.drift - 0.5 * self.volatility**2
        shocks = mixed(occupied, self.volatility, self.factor, noise["diffusion"])
        means = [sum_of(occupied[r] * yearly[r, a] for r in range(len(yearly))) for a in range(len(shocks))]
        return state, jnp.stack([mean + shock for mean, shock in zip(means, shocks, strict=True)])

    def scaled(self, factor: Array) -> ConstantVolatility:
        """The same with another factor on what the price sees."""
        return replace(self, volatility=self.volatility * factor)
