"""Filter of a hidden regime and of a variance factor that multiplies the regime's, from one market's returns.

The law of regime and factor is carried together, on the product of the regimes and the grid of the factor. A bar has
one regime. Without jumps the density is that of Heston's filter, with the regime's volatility c for the price:

    r = location - c^2 (V - dt) / 2 + c rho / xi (v' - v - kappa (dt - V)) + sqrt((1 - rho^2) V) c Z,

V the bar's integrated factor. With jumps, the price's own part has the variance at the bar's start with weight one
half and that at its end with weight one half, and what rho says of the factor's move in that bar is left out. The
logarithm of that density is smooth in the factor: it is formed at a few points and interpolated.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.polynomial import chebyshev

from stress.price.calibrate.heston.filter import TINY, sources
from stress.price.calibrate.heston.grid import Bars, Grid, Heston, bars
from stress.price.calibrate.mixture.dynamics import stationary_law
from stress.price.calibrate.mixture.law import BarLaw, components, jump_counts
from stress.types import Array

LEFT_OUT = 1e-5
"""Probability a bar of jump counts that the density leaves out."""

POINTS = 20
"""Chebyshev points in the root of the factor."""


class Regimes(NamedTuple):
    """What one market does in each regime, a bar. Axes: ``R`` regimes, ``K`` numbers of jumps, none first."""

    location: Array  # [R] mean of the return without jumps, the factor being one
    volatility: Array  # [R] per sqrt(year)
    weight: Array  # [R, K] log-probabilities of numbers of jumps; a number of another regime only has next to none
    mean: Array  # [R, K] of their sum
    variance: Array  # [R, K] of their sum
    onward: Array  # [R, R] probabilities of the next bar's regime
    initial: Array  # [R] stationary law


class Filtered(NamedTuple):
    """Axes: ``S`` bars, ``C`` pieces."""

    log_density: Array  # [S, C] of every return given those before; 0 where not seen
    law: Array  # [S, C, R, N] of regime and factor before each bar


class Emission(NamedTuple):
    """The law of a return by move k of the grid, regime and target node j: [2 BAND + 1, R, N]."""

    constant: Array  # log-weight of the move and of no jump, and the normal's constant
    mean: Array
    precision: Array  # half of one over the variance


def regimes_of(law: BarLaw, bar_years: float) -> Regimes:
    """The regimes of a law of one market."""
    means = np.stack([np.asarray(law.intensity)[:, 0], np.asarray(law.common_intensity)], axis=1)
    listed = np.unique(np.concatenate([jump_counts(row, LEFT_OUT) for row in means]), axis=0)  # sorted: none first
    quiet = law._replace(location=np.zeros_like(law.location), volatility=np.zeros_like(law.volatility))
    weight, mean, variance = (jnp.stack(x) for x in zip(
        *(components(quiet, r, listed) for r in range(len(means))), strict=True))
    return Regimes(
        jnp.asarray(law.location)[:, 0], jnp.asarray(law.volatility)[:, 0] / np.sqrt(bar_years),
        jnp.maximum(weight, -690.0), mean[..., 0], variance[..., 0, 0], jax.scipy.linalg.expm(jnp.asarray(law.rates)),
        jnp.asarray(stationary_law(law)))


def run_filter(model: Heston, market: Regimes, grid: Grid, bar_years: float, returns: Array) -> Filtered:
    """Filter returns [S, C] (NaN: not seen); the factor's model has its location at zero."""
    law = bars(model, grid, bar_years)
    emission, start = _emission(model, market, law, bar_years), market.initial[:, None] * law.initial
    few, between = _interpolation(grid)
    jumps = _Jumped(market, few**2, bar_years)

    def bar(now: Array, row: Array) -> tuple[Array, Filtered]:
        seen, known = jnp.isfinite(row), jnp.where(jnp.isfinite(row), row, 0.0)
        jumped, moved = jnp.exp(jumps.log_density(known) @ between), now @ law.dense
        after = _quiet(emission, now, known) + 0.5 * ((now * jumped) @ law.dense + moved * jumped)
        after = jnp.einsum("crn,rs->csn", jnp.where(seen[:, None, None], after, moved), market.onward)
        total = after.sum((1, 2)) + TINY
        return after / total[:, None, None], Filtered(jnp.where(seen, jnp.log(total), 0.0), now)

    return jax.lax.scan(bar, jnp.broadcast_to(start, (returns.shape[1], *start.shape)), returns)[1]


def _emission(model: Heston, market: Regimes, law: Bars, bar_years: float) -> Emission:
    """The return's law without jumps."""
    integral = (law.variance / (1 - model.rho**2))[:, None]
    lever = law.mean[:, None] + 0.5 * integral  # rho / xi (v' - v - kappa (dt - V))
    c = market.volatility[:, None]
    variance = c**2 * law.variance[:, None]
    constant = market.weight[:, :1] + law.log_weight[:, None] - 0.5 * jnp.log(2 * np.pi * variance)
    mean = market.location[:, None] - 0.5 * c**2 * (integral - bar_years) + c * lever
    return Emission(constant, mean, 0.5 / variance)


def _quiet(emission: Emission, now: Array, row: Array) -> Array:
    """Joint density [C, R, N] of returns [C] without jumps and the factor at the bar's end."""
    after = jnp.zeros_like(now)
    for source, constant, mean, precision in zip(sources(now), *emission, strict=True):
        after = after + source * jnp.exp(constant - (row[:, None, None] - mean) ** 2 * precision)
    return after


class _Jumped(NamedTuple):
    """Returns with jumps."""

    market: Regimes
    factor: Array  # [P]
    bar_years: float

    def log_density(self, row: Array) -> Array:
        """Log-density [C, R, P] of returns [C] and of a jump or more, by regime and factor."""
        square = self.market.volatility[:, None] ** 2
        own = square * self.factor * self.bar_years
        location = self.market.location[:, None] - 0.5 * (own - square * self.bar_years)
        weight, mean, spread = (x[:, 1:, None] for x in self.market[2:5])
        variance = own[:, None] + spread
        gap = row[:, None, None, None] - location[:, None] - mean
        return jax.nn.logsumexp(weight - 0.5 * jnp.log(2 * np.pi * variance) - 0.5 * gap**2 / variance, axis=2)


def _interpolation(grid: Grid) -> tuple[Array, Array]:
    """Chebyshev points [P] between the ends of the grid, and weights [P, N] that take values there to the nodes."""
    even, points = (np.arange(grid.size) + 0.5) / grid.size * 2 - 1, chebyshev.chebpts1(POINTS)
    weights = np.linalg.solve(chebyshev.chebvander(points, POINTS - 1).T, chebyshev.chebvander(even, POINTS - 1).T)
    return (grid.first + jnp.asarray(0.5 * (points + 1) * grid.size)) * grid.spacing, jnp.asarray(weights)
