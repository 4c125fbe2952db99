"""The optimiser's coordinates: one flat vector, mapped smoothly onto a law that is valid whatever the vector."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from stress.price.calibrate.coordinates import Blocks, bounds, correlation, join, names, split
from stress.price.calibrate.mixture.law import BarLaw
from stress.types import Array

SMALLEST_JUMP = 1.0
"""A jump's standard deviation is at least this many of the bar's diffusion: a smaller one cannot be told from it."""

LARGEST_JUMP = 50.0
"""And at most this many: beyond, the size is not estimated but escapes."""

LARGEST_SKEW = 1.0
"""The mean of a log-jump is at most this many of its standard deviations: a jump is no fixed step."""

LOCATION = 0.01
"""Unit of the location, in standard deviations of a bar: about what a long sample resolves, which helps the climb."""

RAREST_PER_YEAR = 0.05
"""Fewest jumps and switches a year; less is none."""

MOST_A_BAR = 1.0
"""Most jumps of one kind, and switches, a bar: several within one could not be told apart."""


@dataclass(frozen=True)
class Layout:
    """What the flat vector holds. Axes as in BarLaw."""

    regimes: int
    scale: np.ndarray  # [A] standard deviation of the bar returns: the unit of location and volatility
    separation: float  # the last regime's volatility over that of the regime before is at least this
    max_jumps_per_year: float  # jumps of one kind are at most this many
    bar_years: float

    @property
    def markets(self) -> int:
        """Number of markets."""
        return len(self.scale)

    @property
    def most_jumps(self) -> float:
        """Most jumps of one kind a bar."""
        return min(self.max_jumps_per_year * self.bar_years, MOST_A_BAR)

    def blocks(self) -> Blocks:
        """Name -> shape, lowest and highest value, in the order of the vector."""
        r, a, free = self.regimes, self.markets, np.inf
        rarest = float(np.log(RAREST_PER_YEAR * self.bar_years))
        size = (0.0, float(np.log(LARGEST_JUMP / SMALLEST_JUMP)))
        rate, jumps = (rarest, float(np.log(MOST_A_BAR))), (rarest, float(np.log(self.most_jumps)))
        own = {
            "location": ((r, a), -free, free), "volatility": ((r, a), -free, free),
            "correlation": ((r, a * (a - 1) // 2), -free, free),
            "intensity": ((r, a), *jumps), "mean": ((r, a), -LARGEST_SKEW, LARGEST_SKEW), "std": ((r, a), *size),
        }
        common = {
            "common_intensity": ((r,), *jumps), "common_mean": ((r, a), -LARGEST_SKEW, LARGEST_SKEW),
            "common_std": ((r, a), *size), "common_correlation": ((r,), -5.0, 5.0),
        } if a > 1 else {}
        return {**own, **common, "rates": ((r * (r - 1),), *rate)}

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest values of the vector."""
        low, high = bounds(self.blocks())
        if self.regimes > 1:  # volatilities after the first are ratios to the regime before
            at = self.regimes * self.markets  # behind the locations
            low[at + self.markets : at + self.regimes * self.markets] = 0.0
            low[at + (self.regimes - 1) * self.markets : at + self.regimes * self.markets] = np.log(self.separation)
        return low, high

    def names(self) -> list[str]:
        """A name for every entry of the vector."""
        return names(self.blocks())

    def join(self, parts: dict[str, np.ndarray]) -> np.ndarray:
        """Named arrays as the vector, moved into its bounds."""
        return np.clip(join(self.blocks(), parts), *self.bounds())

    def law(self, vector: Array) -> BarLaw:
        """The law at a vector."""
        part = split(self.blocks(), vector)
        r, a = self.regimes, self.markets
        volatility = jnp.exp(jnp.cumsum(part["volatility"], axis=0)) * self.scale
        std = SMALLEST_JUMP * jnp.exp(part["std"]) * volatility
        zero, common = jnp.zeros((r, a)), {"common_intensity": jnp.zeros(r), "common_correlation": jnp.zeros(r)}
        common |= {"common_mean": zero, "common_std": zero}
        if a > 1:
            spread = SMALLEST_JUMP * jnp.exp(part["common_std"]) * volatility
            common = {
                "common_intensity": jnp.exp(part["common_intensity"]), "common_mean": part["common_mean"] * spread,
                "common_std": spread, "common_correlation": jax.nn.sigmoid(part["common_correlation"]),
            }
        return BarLaw(
            location=part["location"] * LOCATION * self.scale, volatility=volatility,
            correlation=correlation(part["correlation"], a), intensity=jnp.exp(part["intensity"]),
            mean=part["mean"] * std, std=std, rates=_generator(part["rates"], r), **common)


def _generator(log_rates: Array, size: int) -> Array:
    """A generator [R, R] from its logarithmic off-diagonal, row by row: valid by construction."""
    rates = jnp.zeros((size, size)).at[~np.eye(size, dtype=bool)].set(jnp.exp(log_rates))
    return rates - jnp.diag(rates.sum(1))
