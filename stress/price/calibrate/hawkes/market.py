"""One market's self-exciting Merton jumps over a constant diffusion, by maximum likelihood at the sample's variance.

Stationary variance a year: volatility^2 + mean rate E[J^2], J a log-jump.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from scipy.signal import lfilter
from scipy.stats import gamma

from stress.price.calibrate.hawkes.filter import Diffusion, densities, log_densities
from stress.price.calibrate.hawkes.grid import NUMBERS, Excitation
from stress.price.calibrate.hidden.climb import Box, Top, Values, top
from stress.price.calibrate.hidden.column import Column
from stress.price.calibrate.hidden.lanes import joined, lanes
from stress.price.calibrate.hidden.level import with_level
from stress.price.calibrate.hidden.staged import Staged
from stress.types import Array

LARGEST_SKEW = 1.0
"""Mean of a log-jump, in its own standard deviations."""

SHARE = (0.02, 0.98)
"""Of the variance that is jumps'."""

RAREST_PER_YEAR, SLOWEST = 0.5, 20.0
"""Fewest jumps a year, and the slowest decay of an excitation."""

BRANCHING = (0.0, 0.99)

COORDINATES = ("rate", "branching", "beta", "share", "location", "mean", "level")
"""Names of the coordinates; the last is the sample's."""

BETAS, BRANCHINGS = (100.0, 800.0), (0.4, 0.85)
"""Starts that are tried."""

SIZES, OUT, ROOM = (64, 96, 128, 192, 256, 384, 512), 1e-7, 1.3
"""Sizes of grids; share of the stationary law beyond one; room above the most that the sample seems to have had."""

CLIMB_STEPS, REGRIDS, PART = 40, 6, 3

WARM_UPS, MEMORIES = (200, 600, 1800), 3.0
"""Lengths of a warm-up in bars; memories of the intensity, 1 / (beta - alpha), that it takes."""

OUTGROWN = 1.25
"""A grid is made anew when a larger one by this factor is wanted."""


@dataclass(frozen=True)
class Lattice:
    """Nodes of the discounted number of jumps."""

    size: int
    per_jump: int


@dataclass(frozen=True)
class Problem(Column):
    """A market to fit."""

    max_jumps_per_year: float

    def box(self) -> Box:
        """Lowest and highest coordinates but the level."""
        base = excitation_box(self.bar_years, self.max_jumps_per_year)
        return Box(np.append(base.low, [SHARE[0], -50.0, -LARGEST_SKEW]),
                   np.append(base.high, [SHARE[1], 50.0, LARGEST_SKEW]))

    def model(self, vector: np.ndarray | Array) -> tuple[Excitation, Diffusion]:
        """Parameters per year at the coordinates: logarithms of the mean rate and of beta; the branching ratio alpha /
        beta; the share of the stationary variance that is jumps'; location in its natural unit, the mean of a jump in
        its standard deviations; logarithm of that variance."""
        v, variance = jnp.asarray(vector), jnp.exp(vector[6])
        std = jnp.sqrt(v[3] * variance / jnp.exp(v[0]) / (1 + v[5] ** 2))
        location = v[4] * self.scale / np.sqrt(self.bar_years * self.years)
        return unpack(v[:3]), Diffusion(jnp.sqrt((1 - v[3]) * variance), location, v[5] * std, std)

    def start(self, beta: float, branching: float) -> np.ndarray:
        """A start, without the level: jumps are what lies beyond four standard deviations."""
        known = self.returns[np.isfinite(self.returns)]
        large = known[np.abs(known) > 4 * self.scale]
        rate = max(len(large) / self.years, 4 / self.years)
        share = np.sum(large**2) / np.sum(known**2)
        return self.box().inside(np.array([np.log(rate), branching, np.log(beta), share, 0.0, 0.0]))


def excitation_box(bar_years: float, most: float) -> Box:
    """Bounds of the coordinates of an intensity."""
    return Box(np.array([np.log(RAREST_PER_YEAR), BRANCHING[0], np.log(SLOWEST)]),
               np.array([np.log(most), BRANCHING[1], np.log(1 / bar_years)]))


def unpack(vector: Array) -> Excitation:
    """An intensity's parameters from log mean rate, branching ratio and log beta."""
    beta = jnp.exp(vector[2])
    return Excitation(jnp.exp(vector[0]) * (1 - vector[1]), vector[1] * beta, beta)


@dataclass(frozen=True)
class MarketFit:
    """One market's fit."""

    problem: Problem
    top: Top
    given: Top  # the same without the level and its error
    lattice: Lattice
    warm: int


def fit_market(problem: Problem) -> MarketFit:
    """Maximum likelihood given the sample's level: first on a part of the sample, then on all of it."""
    stages = Staged(problem.box(), partial(lattice_for, problem), partial(warm_up, problem), partial(targeted, problem),
                    partial(_outgrown, problem), CLIMB_STEPS, REGRIDS)
    tried = [problem.start(beta, branching) for beta in BETAS for branching in BRANCHINGS]
    vector, lattice, warm = stages.fitted(tried, WARM_UPS[0], PART)
    given = top(targeted(problem, lattice, warm), vector, problem.box())
    whole = with_level(objective(problem, lattice, warm), given, problem.level, problem.returns**2)
    return MarketFit(problem, whole, given, lattice, warm)


def targeted(problem: Problem, lattice: Lattice, warm: int, every: int = 1) -> Values:
    """The objective at the sample's level."""
    values, level = objective(problem, lattice, warm, every), problem.level
    return lambda vector: values(np.append(vector, level))


def _outgrown(problem: Problem, now: Lattice, vector: np.ndarray) -> bool:
    """Whether a grid has become too small or too coarse."""
    wanted = lattice_for(problem, vector, 1 / OUTGROWN)
    return wanted.size > now.size or wanted.per_jump > 2 * now.per_jump


def lattice_for(problem: Problem, vector: np.ndarray, room: float = 1.0) -> Lattice:
    """Nodes that reach the stationary law's end and the most excitement the sample seems to have had."""
    model, diffusion = problem.model(np.append(vector[:6], problem.level))
    base, alpha, beta = (float(x) for x in model)
    size = np.sqrt(float(diffusion.std**2 + diffusion.mean**2))
    beyond = np.abs(np.nan_to_num(problem.returns)) - 2 * float(diffusion.volatility) * np.sqrt(problem.bar_years)
    number = np.clip(beyond / size, 0, NUMBERS[-1])  # most likely a few large ones, not as many as the square says
    seen = np.max(lfilter([1.0], [1.0, -np.exp(-beta * problem.bar_years)], number))
    return lattice(base, alpha, beta, ROOM * float(seen) * room)


def lattice(base: float, alpha: float, beta: float, least: float) -> Lattice:
    """Nodes for an intensity's stationary law, and up to ``least`` discounted jumps anyway."""
    mean, spread = base / (beta - alpha), 0.5 * beta / (beta - alpha)
    per_jump = 1 if mean > 1 else 2 if mean > 0.2 else 4
    wanted = per_jump * max(float(gamma(mean / spread, scale=spread).isf(OUT)), least) + 4
    return Lattice(next((size for size in SIZES if size >= wanted), SIZES[-1]), per_jump)


def warm_up(problem: Problem, vector: np.ndarray) -> int:
    """Bars after which the intensity has forgotten its start."""
    model = unpack(jnp.asarray(vector[:3]))
    wanted = MEMORIES / (float(model.beta - model.alpha) * problem.bar_years)
    return next((length for length in WARM_UPS if length >= wanted), WARM_UPS[-1])


def objective(problem: Problem, lattice: Lattice, warm: int, every: int = 1) -> Values:
    """Log-densities of the bars by coordinates; of every so many pieces of the sample."""
    cut = lanes(problem.returns, warm).thinned(every)
    seen = jnp.asarray(cut.returns)

    def values(vector: np.ndarray) -> np.ndarray:
        excitation, diffusion = problem.model(vector)
        found = _values(excitation, diffusion, lattice.size, lattice.per_jump, problem.bar_years, seen)
        return joined(np.asarray(found), cut)

    return values


@partial(jax.jit, static_argnames=("size", "per_jump", "bar_years"))
def _values(excitation: Excitation, diffusion: Diffusion, size: int, per_jump: int, bar_years: float, seen: Array
            ) -> Array:
    return log_densities(excitation, densities(diffusion, bar_years, seen), size, per_jump, bar_years)
