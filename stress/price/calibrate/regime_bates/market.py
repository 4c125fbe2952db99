"""The variance factor of one market by maximum likelihood, its regimes and jumps given.

What multiplies the regimes' diffusive variance is set such that the stationary variance is the sample's: the
likelihood would have it higher, and simulations wilder than the sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import gamma

from stress.price.calibrate.heston.grid import Grid, Heston, make_grid, step_size
from stress.price.calibrate.heston.market import OUT, WARM_UPS
from stress.price.calibrate.hidden.climb import Top, Values, top
from stress.price.calibrate.hidden.lanes import joined, lanes
from stress.price.calibrate.hidden.level import with_level
from stress.price.calibrate.hidden.staged import Staged
from stress.price.calibrate.regime_bates.filter import Filtered, Regimes, run_filter
from stress.price.calibrate.regime_bates.problem import Factor, Problem
from stress.types import Array

STARTS = ((20.0, 4.0), (200.0, 4.0), (2000.0, 4.0), (200.0, 40.0))
"""kappa and shape of the starts that are tried."""

PART, CLIMB_STEPS, REGRIDS = 3, 30, 4
"""The first climb sees one in so many pieces of the sample."""

FINENESS, OUTGROWN = 0.8, 1.2
"""Grid points in a standard deviation of a bar's move, and by what factor that may change before a grid is made anew:
fewer than Heston's filter has, for there is a grid in every regime."""

PIECES = {200: 24, 600: 16, 1800: 8, 5400: 4}
"""Pieces that are filtered side by side, by the length of their warm-up."""

MEMORIES = 20.0
"""Warm-up in memories of a filter that sees returns without regimes and jumps, which say more."""


@dataclass(frozen=True)
class MarketFit:
    """One market's factor."""

    problem: Problem
    top: Top
    given: Top  # with the variance given
    grid: Grid
    warm: int

    @property
    def factor(self) -> Factor:
        """The parameters."""
        return self.problem.factor(self.top.vector)

    def filtered(self, returns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log-densities [T] of returns [T], and the law [T + 1, R, N] before each bar and after the last."""
        cut, problem = lanes(np.append(returns, np.nan), self.warm, PIECES[self.warm]), self.problem
        found = _run(self.factor, problem.regimes, self.grid, problem.bar_years, jnp.asarray(cut.returns))
        density, law = (joined(np.asarray(x), cut) for x in found)
        return density[:-1], law


def fit_market(problem: Problem) -> MarketFit:
    """Maximum likelihood: first on a part of the sample, then on all of it."""
    stages = Staged(problem.box(), partial(grid_for, problem), partial(warm_up, problem), partial(targeted, problem),
                    partial(_outgrown, problem), CLIMB_STEPS, REGRIDS)
    vector, grid, warm = stages.fitted([problem.start(*start) for start in STARTS], WARM_UPS[1], PART)
    given = top(targeted(problem, grid, warm), vector, problem.box())
    whole = with_level(objective(problem, grid, warm), given, problem.level, problem.returns**2)
    return MarketFit(problem, whole, given, grid, warm)


def _outgrown(problem: Problem, now: Grid, vector: np.ndarray) -> bool:
    """Whether a bar's move has outgrown a grid."""
    return abs(np.log(float(grid_for(problem, vector).spacing) / float(now.spacing))) > np.log(OUTGROWN)


def grid_for(problem: Problem, vector: np.ndarray) -> Grid:
    """A grid that reaches the stationary law at the vector."""
    shape = float(np.exp(vector[1]))
    low, high = (float(np.sqrt(gamma(shape, scale=1 / shape).ppf(q))) for q in (OUT, 1 - OUT))
    xi = float(np.sqrt(2 * np.exp(vector[0]) / shape))
    return make_grid(xi, low, high, problem.bar_years, FINENESS)


def warm_up(problem: Problem, vector: np.ndarray) -> int:
    """Bars after which the filter has forgotten its start: the regimes', and the factor's as seen through returns."""
    kappa, shape, dt = *np.exp(vector[:2]), problem.bar_years
    leave = -np.sort(np.linalg.eigvals(np.asarray(problem.law.rates)).real)[-2] if len(problem.law.rates) > 1 else 1.0
    noise = step_size(float(np.sqrt(2 * kappa / shape)), dt) ** 2
    known = 0.5 * (noise + np.sqrt(noise**2 + 2 * noise))  # a Kalman filter's, of sqrt(v) about one
    memory = min((known + 0.5) / known, 1 / (kappa * dt))
    wanted = MEMORIES * max(memory, 1 / leave)
    return next((length for length in WARM_UPS if length >= wanted), WARM_UPS[-1])


def objective(problem: Problem, grid: Grid, warm: int, every: int = 1) -> Values:
    """Log-densities of the bars on a grid, by coordinates; of every so many pieces of the sample."""
    cut = lanes(problem.returns, warm, PIECES[warm]).thinned(every)
    seen = jnp.asarray(cut.returns)

    def values(vector: np.ndarray) -> np.ndarray:
        factor = problem.factor(vector)
        return joined(np.asarray(_values(factor, problem.regimes, grid, problem.bar_years, seen)), cut)

    return values


def targeted(problem: Problem, grid: Grid, warm: int, every: int = 1) -> Values:
    """The same by coordinates without the variance, which is the sample's."""
    values = objective(problem, grid, warm, every)
    return lambda vector: values(np.append(vector, problem.level))


@partial(jax.jit, static_argnames="bar_years")
def _values(factor: Factor, market: Regimes, grid: Grid, bar_years: float, seen: Array) -> Array:
    return _filter(factor, market, grid, bar_years, seen).log_density


@partial(jax.jit, static_argnames="bar_years")
def _run(factor: Factor, market: Regimes, grid: Grid, bar_years: float, seen: Array) -> Filtered:
    return _filter(factor, market, grid, bar_years, seen)


def _filter(factor: Factor, market: Regimes, grid: Grid, bar_years: float, seen: Array) -> Filtered:
    one, zero = jnp.ones(()), jnp.zeros(())
    wilder = market._replace(
        volatility=market.volatility * jnp.sqrt(factor.level),
        location=market.location - 0.5 * market.volatility**2 * (factor.level - 1) * bar_years)
    return run_filter(Heston(factor.kappa, one, factor.xi, factor.rho, zero), wilder, grid, bar_years, seen)
