"""Jump parts: what jumps add to the log price in a step, given the time spent in each regime.

A part returns the compound jump and the schedule of its compensator. A jump may be spread over ``n`` ticks; after
``i`` of them the fraction ``i/n`` of it is in the price, so E[exp] of the price stays right when the compensator
is spread as ``lambda (phi(i/n) - phi((i-1)/n))``, ``phi(f) = E[exp(f J)] - 1``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

from stress.price.base import Draw, Draws, Noise
from stress.types import Array

COUNT_LIMIT = 10_000
"""Jumps of one kind in one step; beyond it the Poisson inversion stops."""


class JumpPart(Protocol):
    """The contract: noise wanted, the jump of a step, and the compensator's schedule."""

    def draws(self) -> Draws:
        """Noise wanted in every step."""
        ...

    def jump(self, occupied: Array, noise: Noise) -> Array:
        """Sum of log-jumps [A] that arrive in a step with ``occupied`` years [R] in each regime."""
        ...

    def compensation(self, ticks: int) -> Array:
        """Log compensator per year [R, ticks, A] paid ``i`` ticks after a year's worth of arrivals."""
        ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class NoJumps:
    """No jumps."""

    regimes: int = field(metadata={"static": True})
    markets: int = field(metadata={"static": True})

    def draws(self) -> Draws:
        """Nothing."""
        return {}

    def jump(self, occupied: Array, noise: Noise) -> Array:
        """Zero."""
        return jnp.zeros(self.markets, jnp.float64)

    def compensation(self, ticks: int) -> Array:
        """Zero."""
        return jnp.zeros((self.regimes, ticks, self.markets), jnp.float64)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class MertonJumps:
    """Merton (1976), eq. 14: compound Poisson with normal log-jumps, own to a market and common to all.

    Given ``n`` jumps their sum is normal with ``n`` times mean and variance, so a step needs no jump list.
    Common jumps hit every market at the same instants; their sizes share one factor with correlation ``rho``.
    """

    intensity: Array  # [R, A] per year
    mean: Array  # [R, A]
    std: Array  # [R, A]
    common_intensity: Array  # [R] per year
    common_mean: Array  # [R, A]
    common_std: Array  # [R, A]
    common_correlation: Array  # [R] rho

    def draws(self) -> Draws:
        """A count and a size for every regime, market and kind of jump."""
        regimes, markets = self.intensity.shape
        return {
            "jump_count": Draw("uniform", (regimes, markets)),
            "jump_size": Draw("normal", (regimes, markets)),
            "common_jump_count": Draw("uniform", (regimes,)),
            "common_jump_size": Draw("normal", (regimes, markets)),
            "common_jump_factor": Draw("normal", (regimes,)),
        }

    def jump(self, occupied: Array, noise: Noise) -> Array:
        """Sum of log-jumps [A]."""
        own = poisson_count(noise["jump_count"], self.intensity * occupied[:, None])
        common = poisson_count(noise["common_jump_count"], self.common_intensity * occupied)[:, None]
        rho = self.common_correlation[:, None]
        factor = jnp.sqrt(rho) * noise["common_jump_factor"][:, None] + jnp.sqrt(1 - rho) * noise["common_jump_size"]
        total = own * self.mean + jnp.sqrt(own) * self.std * noise["jump_size"]
        total = total + common * self.common_mean + jnp.sqrt(common) * self.common_std * factor
        return total.sum(0)

    def compensation(self, ticks: int) -> Array:
        """Increments of lambda phi(i/n), phi(f) = exp(f m + f^2 s^2 / 2) - 1."""
        part = jnp.arange(ticks + 1) / ticks
        own = self.intensity[:, None] * _normal_growth(self.mean, self.std, part)
        common = self.common_intensity[:, None, None] * _normal_growth(self.common_mean, self.common_std, part)
        return jnp.diff(own + common, axis=1)


def _normal_growth(mean: Array, std: Array, part: Array) -> Array:
    """E[exp(f J)] - 1 as [R, n + 1, A] for normal J with mean, std [R, A] and parts f [n + 1]."""
    f = part[None, :, None]
    return jnp.expm1(f * mean[:, None] + 0.5 * f**2 * std[:, None] ** 2)


def poisson_count(uniform: Array, mean: Array) -> Array:
    """Poisson counts (float64) by inversion of the distribution function, any common shape."""

    def climb(state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        k, probability, cdf, count = state
        count = count + (uniform > cdf)
        probability = probability * mean / (k + 1)
        return k + 1, probability, cdf + probability, count

    def unfinished(state: tuple[Array, Array, Array, Array]) -> Array:
        k, probability, cdf, _ = state
        more = (uniform > cdf) & ((probability > 0) | (k < mean))
        return jnp.any(more) & (k < COUNT_LIMIT)

    none = jnp.exp(-mean)
    start = (jnp.zeros((), jnp.float64), none, none, jnp.zeros(mean.shape, jnp.float64))
    return jax.lax.while_loop(unfinished, climb, start)[3]


def spread_ticks(duration_seconds: float, step_seconds: float) -> int:
    """Ticks over which a jump is spread evenly: the duration in whole ticks, at least one."""
    return max(1, int(np.ceil(duration_seconds / step_seconds - 1e-9)))
