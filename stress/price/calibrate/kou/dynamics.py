"""A fitted Kou law in motion: bars are independent, so there is nothing to remember."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from stress.price.calibrate.base import Likelihood, Numbers
from stress.price.calibrate.kou.density import grid_for, log_density_of_pair, marginal_log_density, reading
from stress.price.calibrate.kou.law import KouLaw, Values, growth
from stress.price.calibrate.stateful import States, predict

FINE, FINE_PAIR = 16384, 1024
"""Points of the grid of one market, and a side for two."""


@dataclass(frozen=True)
class KouDynamics:
    """No state."""

    law: KouLaw

    def simulate(self, bars: int, paths: int, random: Numbers) -> np.ndarray:
        """Log-returns [T, P, A]."""
        law, size = self.law, (bars, paths, len(self.law.volatility))
        factor = np.linalg.cholesky(np.asarray(law.correlation))
        location = -0.5 * np.asarray(law.volatility) ** 2 - np.asarray(growth(law))
        result = random.normal(size=size) @ (factor * np.asarray(law.volatility)[:, None]).T + location
        result += _jumps(random, law.intensity, law.up, size, law.eta_up, law.eta_down)
        return result + _jumps(random, law.common_intensity, law.common_up, (bars, paths, 1), law.common_eta_up,
                               law.common_eta_down)

    def predict(self, returns: np.ndarray, at: np.ndarray, bars: int, draws: int, random: Numbers) -> np.ndarray:
        """Draws [n, P, A] of sums of returns; the past does not matter."""
        return predict(self, returns, at, bars, draws, random)

    def states(self, returns: np.ndarray, at: np.ndarray) -> States:
        """Nothing."""
        del returns, at
        return {}

    def onward(self, bars: int, random: Numbers, start: States, paths: int) -> np.ndarray:
        """As from any start."""
        del start
        return self.simulate(bars, paths, random)

    def likelihood(self, returns: np.ndarray) -> Likelihood:
        """Of each market, and of two together; the joint density of more is not known in a form to compute."""
        each = np.array([marginal_log_density(self.law, a, column, FINE).sum() for a, column in enumerate(returns.T)])
        if len(each) != 2 or not np.isfinite(returns).all():
            return Likelihood(float(each[0]) if len(each) == 1 else None, each)
        grids = [grid_for(column, FINE_PAIR) for column in returns.T]
        spacing = jnp.array([grid.spacing for grid in grids])
        places = [reading(column, grid) for column, grid in zip(returns.T, grids, strict=True)]
        return Likelihood(float(log_density_of_pair(self.law, FINE_PAIR, spacing, *places).sum()), each)


def _jumps(random: Numbers, intensity: Values, up: Values, size: tuple[int, ...], high: Values, low: Values
           ) -> np.ndarray:
    """Sums of the jumps of every bar: a sum of exponentials is a gamma."""
    number = random.poisson(np.broadcast_to(np.asarray(intensity), size))
    rises = random.binomial(number, np.broadcast_to(np.asarray(up), size))
    return random.gamma(rises) / np.asarray(high) - random.gamma(number - rises) / np.asarray(low)
