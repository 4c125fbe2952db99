"""Normal log-jumps, Merton (1976), eq. 14: own to a market, and common to all.

Common jumps hit every market at the same instants; their sizes share one factor with correlation ``rho``.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.price.jumps.base import Growth, Source, parts
from stress.price.keyed import normal
from stress.price.tables import row
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

    def own(self, words: Source, regime: Array) -> Array:
        """One normal."""
        return row(self.mean, regime) + row(self.std, regime) * normal(words(0))

    def common(self, words: Source, regime: Array) -> Array:
        """A normal for the factor, and one for every market."""
        rho, markets = row(self.common_correlation, regime), self.mean.shape[1]
        apart = jnp.stack([normal(words(1 + a)) for a in range(markets)])
        shared = jnp.sqrt(rho) * normal(words(0)) + jnp.sqrt(1.0 - rho) * apart
        return row(self.common_mean, regime) + row(self.common_std, regime) * shared

    def growth(self, ticks: int) -> Growth:
        """phi(f) = exp(f m + f^2 s^2 / 2) - 1."""
        own, common = (_growth(*pair, ticks) for pair in ((self.mean, self.std), (self.common_mean, self.common_std)))
        return Growth(own, common)


def _growth(mean: Array, std: Array, ticks: int) -> Array:
    f = parts(ticks)
    return jnp.expm1(f * mean[:, None] + 0.5 * f**2 * std[:, None] ** 2)
