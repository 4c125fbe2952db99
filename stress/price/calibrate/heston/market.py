"""One market's Heston or Bates model by maximum likelihood: coordinates, starts, grid, climb."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import gamma

from stress.price.calibrate.heston.filter import Jump, log_densities
from stress.price.calibrate.heston.grid import Grid, Heston, make_grid, step_size
from stress.price.calibrate.hidden.climb import Box, Top, Values, top
from stress.price.calibrate.hidden.column import Column
from stress.price.calibrate.hidden.lanes import joined, lanes
from stress.price.calibrate.hidden.staged import Staged
from stress.types import Array

MOST_JUMPS = 2
"""Jumps a bar told apart; more count as so many."""

SMALLEST_JUMP, LARGEST_JUMP, LARGEST_SKEW = 1.0, 50.0, 1.0
"""Of a log-jump: its standard deviation in those of a bar's return (robust), and its mean in its own."""

RAREST_PER_YEAR = 0.05

FELLER = (0.05, 200.0)
"""Bounds of 2 kappa theta / xi^2."""

LARGEST_RHO = 0.95

OUTGROWN = 1.4
"""A grid is made anew when its spacing is off by this factor."""

KAPPAS, SHAPES = (60.0, 400.0), (0.7, 2.0)
"""Starts that are tried."""

CLIMB_STEPS, REGRIDS = 40, 6

PART = 3
"""The first climb sees one in so many pieces of the sample."""

WARM_UPS = (200, 600, 1800, 5400)
"""Lengths of a warm-up, in bars: few, since each compiles anew."""

MEMORIES = 8.0
"""Warm-up in memories of the filter."""

ENOUGH = {False: 0.6, True: 0.35}
"""Share of the highest volatility over four bars that a grid must reach: without jumps, with jumps."""

OUT = 1e-7
"""Share of the stationary law beyond a grid."""


@dataclass(frozen=True)
class Problem(Column):
    """A market to fit."""

    jumps: bool
    max_jumps_per_year: float

    @property
    def names(self) -> list[str]:
        """Coordinates: logarithms but for rho, the location and the mean."""
        return ["kappa", "theta", "feller", "rho", "location", *(["intensity", "mean", "std"] if self.jumps else [])]

    def extremes(self) -> tuple[float, float]:
        """Half the lowest volatility over two days, and a part of the highest over four bars, which is high enough."""
        square = np.where(np.isfinite(self.returns), self.returns, 0.0) ** 2 / self.bar_years
        number = np.isfinite(self.returns).astype(float)

        def over(bars: int) -> np.ndarray:
            total, seen = (np.convolve(x, np.ones(bars), "valid") for x in (square, number))
            enough = seen >= min(bars, seen.max())
            return np.sqrt(total[enough] / seen[enough])

        return 0.5 * float(over(48).min()), ENOUGH[self.jumps] * float(over(4).max())

    def box(self) -> Box:
        """Lowest and highest coordinates."""
        variance = float(np.nanvar(self.returns)) / self.bar_years
        low = [np.log(0.5 / self.years), np.log(0.02 * variance), np.log(FELLER[0]), -LARGEST_RHO, -50.0]
        high = [np.log(1 / self.bar_years), np.log(20 * variance), np.log(FELLER[1]), LARGEST_RHO, 50.0]
        if self.jumps:
            low += [np.log(RAREST_PER_YEAR), -LARGEST_SKEW, np.log(SMALLEST_JUMP)]
            high += [np.log(min(self.max_jumps_per_year, 0.5 / self.bar_years)), LARGEST_SKEW, np.log(LARGEST_JUMP)]
        return Box(np.array(low), np.array(high))

    def model(self, vector: Array | np.ndarray) -> tuple[Heston, Jump | None]:
        """The models' parameters, per year."""
        return unpack(jnp.asarray(vector), self.scale, self.bar_years, self.years)

    def start(self, kappa: float, shape: float) -> np.ndarray:
        """A start: the rest from moments."""
        clipped = np.clip(self.returns, -8 * self.scale, 8 * self.scale)
        theta = float(np.nanvar(clipped)) / self.bar_years
        rest = [np.log(50.0), 0.0, np.log(5.0)] if self.jumps else []
        return self.box().inside(np.array([np.log(kappa), np.log(theta), np.log(shape), -0.05, 0.0, *rest]))


def unpack(vector: Array, scale: float | Array, bar_years: float, sample: float | Array) -> tuple[Heston, Jump | None]:
    """Coordinates to parameters per year; the location is measured in its standard error under constant variance."""
    kappa, theta, feller = (jnp.exp(vector[i]) for i in range(3))
    location = vector[4] * scale / jnp.sqrt(bar_years * sample)
    model = Heston(kappa, theta, jnp.sqrt(2 * kappa * theta / feller), vector[3], location)
    if len(vector) == 5:
        return model, None
    std = jnp.exp(vector[7]) * scale
    return model, Jump(jnp.exp(vector[5]), vector[6] * std, std)


@dataclass(frozen=True)
class MarketFit:
    """One market's fit."""

    problem: Problem
    top: Top
    grid: Grid
    warm: int


def fit_market(problem: Problem) -> MarketFit:
    """Maximum likelihood: first on a part of the sample, then on all of it."""
    stages = Staged(problem.box(), partial(grid_for, problem), partial(warm_up, problem), partial(objective, problem),
                    partial(_outgrown, problem), CLIMB_STEPS, REGRIDS)
    tried = [problem.start(kappa, shape) for kappa in KAPPAS for shape in SHAPES]
    vector, grid, warm = stages.fitted(tried, WARM_UPS[0], PART)
    return MarketFit(problem, top(objective(problem, grid, warm), vector, problem.box()), grid, warm)


def _outgrown(problem: Problem, now: Grid, vector: np.ndarray) -> bool:
    """Whether a bar's move has outgrown a grid."""
    return abs(np.log(float(grid_for(problem, vector).spacing) / float(now.spacing))) > np.log(OUTGROWN)


def grid_for(problem: Problem, vector: np.ndarray) -> Grid:
    """A grid that reaches the stationary law at the vector, and the volatility of the sample's wildest hours."""
    model = problem.model(vector)[0]
    shape, rate = (float(2 * model.kappa * x / model.xi**2) for x in (model.theta, 1.0))
    low, high = (float(np.sqrt(gamma(shape, scale=1 / rate).ppf(q))) for q in (OUT, 1 - OUT))
    calm, wild = problem.extremes()
    return make_grid(float(model.xi), min(low, calm), max(high, wild), problem.bar_years)


def warm_up(problem: Problem, vector: np.ndarray) -> int:
    """Bars after which the filter has forgotten its start: from the gain of a Kalman filter of sqrt(v)."""
    model = problem.model(vector)[0]
    noise, seen = step_size(float(model.xi), problem.bar_years) ** 2, 0.5 * float(model.theta)
    known = 0.5 * (noise + np.sqrt(noise**2 + 4 * noise * seen))
    wanted = MEMORIES * (known + seen) / known
    return next((length for length in WARM_UPS if length >= wanted), WARM_UPS[-1])


def objective(problem: Problem, grid: Grid, warm: int, every: int = 1) -> Values:
    """Log-densities of the bars on a grid, by coordinates; of every so many pieces of the sample."""
    cut = lanes(problem.returns, warm).thinned(every)
    seen = jnp.asarray(cut.returns)

    def values(vector: np.ndarray) -> np.ndarray:
        model, jump = problem.model(vector)
        return joined(np.asarray(_values(model, jump, grid, problem.bar_years, seen)), cut)

    return values


@partial(jax.jit, static_argnames="bar_years")
def _values(model: Heston, jump: Jump | None, grid: Grid, bar_years: float, seen: Array) -> Array:
    return log_densities(model, jump, grid, bar_years, MOST_JUMPS, seen)
