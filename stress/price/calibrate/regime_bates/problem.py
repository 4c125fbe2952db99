"""One market's variance factor over given regimes and jumps: its coordinates and what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from stress.price.calibrate.heston.market import LARGEST_RHO
from stress.price.calibrate.hidden.climb import Box
from stress.price.calibrate.hidden.column import Column
from stress.price.calibrate.mixture.law import BarLaw
from stress.price.calibrate.regime_bates.filter import Regimes, regimes_of
from stress.types import Array

COORDINATES = ("kappa", "shape", "rho", "variance")
"""Logarithms but for rho. The factor's stationary law is a gamma law of this shape, 2 kappa / xi^2, and mean one; the
last is the variance of returns per year, set to the sample's."""

SHAPES = (0.1, 400.0)
"""Bounds of the shape: from a factor that is mostly zero to one that varies by a twentieth."""

LEAST_LEVEL = 0.05
"""Of what multiplies the regimes' diffusive variance, where jumps alone have more than the sample's."""


class Factor(NamedTuple):
    """Parameters of the variance factor, per year; its mean is one."""

    kappa: Array
    xi: Array
    rho: Array
    level: Array  # on the regimes' diffusive variance


@dataclass(frozen=True)
class Problem(Column):
    """A market to fit, its regimes and jumps given."""

    law: BarLaw  # of this market alone

    @cached_property
    def regimes(self) -> Regimes:
        """What the market does in each regime."""
        return regimes_of(self.law, self.bar_years)

    @cached_property
    def parts(self) -> tuple[float, float]:
        """Variance per year of the regimes' diffusions and of jumps, on average."""
        market = self.regimes
        jumps = (jnp.exp(market.weight) * (market.mean**2 + market.variance)).sum(1) / self.bar_years
        return tuple(float(market.initial @ each) for each in (market.volatility**2, jumps))  # type: ignore[return-value]

    def factor(self, vector: Array | np.ndarray) -> Factor:
        """The parameters at coordinates."""
        kappa, shape, variance = (jnp.exp(vector[i]) for i in (0, 1, 3))
        diffusion, jumps = self.parts
        level = jnp.maximum((variance - jumps) / diffusion, LEAST_LEVEL)
        return Factor(kappa, jnp.sqrt(2 * kappa / shape), jnp.asarray(vector[2]), level)

    def box(self) -> Box:
        """Lowest and highest coordinates but for the variance."""
        kappa = (0.5 / self.years, 1 / self.bar_years)
        pairs = [*(np.log(pair) for pair in (kappa, SHAPES)), (-LARGEST_RHO, LARGEST_RHO)]
        return Box(*np.array(pairs, dtype=float).T)

    def start(self, kappa: float, shape: float) -> np.ndarray:
        """Coordinates of a start but for the variance; no leverage."""
        return self.box().inside(np.array([np.log(kappa), np.log(shape), 0.0]))
