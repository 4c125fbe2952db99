"""Normal log-jumps, Merton (1976), eq. 14: own to a market, and common to all.

Given ``n`` jumps their sum is normal with ``n`` times mean and variance, so a step needs no list of jumps.
Common jumps hit every market at the same instants; their sizes share one factor with correlation ``rho``.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.price.base import Draw, Draws, Noise
from stress.price.jumps.base import Growth, parts
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class MertonJumps:
    """Axes: ``R`` regimes, ``A`` markets."""

    mean: Array  # [R, A]
    std: Array  # [R, A]
    common_mean: Array  # [R, A]
    common_std: Array  # [R, A]
    common_correlation: Array  # [R] rho

    def draws(self) -> Draws:
        """A size for every regime, market and kind of jump."""
        regimes, markets = self.mean.shape
        return {
            "jump_size": Draw("normal", (regimes, markets)),
            "common_jump_size": Draw("normal", (regimes, markets)),
            "common_jump_factor": Draw("normal", (regimes,)),
        }

    def total(self, own: Array, common: Array, noise: Noise) -> Array:
        """Normal given the numbers of jumps."""
        common, rho = common[:, None], self.common_correlation[:, None]
        factor = jnp.sqrt(rho) * noise["common_jump_factor"][:, None] + jnp.sqrt(1 - rho) * noise["common_jump_size"]
        total = own * self.mean + jnp.sqrt(own) * self.std * noise["jump_size"]
        total = total + common * self.common_mean + jnp.sqrt(common) * self.common_std * factor
        return total.sum(0)

    def growth(self, ticks: int) -> Growth:
        """phi(f) = exp(f m + f^2 s^2 / 2) - 1."""
        own, common = (_growth(*pair, ticks) for pair in ((self.mean, self.std), (self.common_mean, self.common_std)))
        return Growth(own, common)


def _growth(mean: Array, std: Array, ticks: int) -> Array:
    f = parts(ticks)
    return jnp.expm1(f * mean[:, None] + 0.5 * f**2 * std[:, None] ** 2)
