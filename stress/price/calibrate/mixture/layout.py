"""The optimiser's coordinates: one flat vector, mapped smoothly onto a law that is valid whatever the vector."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

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

    def blocks(self) -> dict[str, tuple[tuple[int, ...], float, float]]:
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
        blocks = self.blocks().items()
        parts = {name: (np.full(shape, low), np.full(shape, high)) for name, (shape, low, high) in blocks}
        if self.regimes > 1:  # volatilities after the first are ratios to the regime before
            parts["volatility"][0][1:] = 0.0
            parts["volatility"][0][-1] = np.log(self.separation)
        return (np.concatenate([low.ravel() for low, _ in parts.values()]),
                np.concatenate([high.ravel() for _, high in parts.values()]))

    def names(self) -> list[str]:
        """A name for every entry of the vector."""
        return [f"{name}{list(index)}" for name, (shape, _, _) in self.blocks().items() for index in np.ndindex(shape)]

    def split(self, vector: Array) -> dict[str, Array]:
        """The vector as named arrays."""
        parts, at = {}, 0
        for name, (shape, _, _) in self.blocks().items():
            size = int(np.prod(shape))
            parts[name] = vector[at : at + size].reshape(shape)
            at += size
        return parts

    def join(self, parts: dict[str, np.ndarray]) -> np.ndarray:
        """Named arrays as the vector, moved into its bounds."""
        vector = np.concatenate([np.ravel(parts[name]) for name in self.blocks()])
        return np.clip(vector, *self.bounds())

    def law(self, vector: Array) -> BarLaw:
        """The law at a vector."""
        part = self.split(vector)
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
            correlation=_correlation(part["correlation"], a), intensity=jnp.exp(part["intensity"]),
            mean=part["mean"] * std, std=std, rates=_generator(part["rates"], r), **common)


def _correlation(low: Array, size: int) -> Array:
    """Correlation matrices [R, A, A] from free numbers [R, A (A - 1) / 2]: rows of a triangle, made unit length."""
    rows, columns = np.tril_indices(size, -1)
    factor = jnp.broadcast_to(jnp.eye(size), (low.shape[0], size, size)).at[:, rows, columns].set(low)
    factor = factor / jnp.sqrt((factor**2).sum(-1, keepdims=True))
    return factor @ jnp.swapaxes(factor, 1, 2)


def _generator(log_rates: Array, size: int) -> Array:
    """A generator [R, R] from its logarithmic off-diagonal, row by row: valid by construction."""
    rates = jnp.zeros((size, size)).at[~np.eye(size, dtype=bool)].set(jnp.exp(log_rates))
    return rates - jnp.diag(rates.sum(1))
