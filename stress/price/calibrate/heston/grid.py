"""Heston's variance on a grid, and the law of a bar's return given the variance at both its ends.

In x = sqrt(v) the Cox-Ingersoll-Ross process has the constant diffusion xi / 2, so the grid is even in x. The move
over a bar has the exact density (Cox, Ingersoll and Ross 1985, eq. 18); summed over a grid no coarser than its
standard deviation the error falls exponentially with the grid, as for any smooth bell. Given both ends the return is
normal if the bar's integrated variance V is known (Broadie and Kaya 2006, eqs. 5-6):

    r = location - V/2 + rho/xi (v' - v - kappa theta dt + kappa V) + sqrt((1 - rho^2) V) Z,

and V is replaced by its mean given both ends. That is all that is approximated within a bar.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from stress.price.calibrate.heston.bessel import bessel_ratio, log_scaled_bessel
from stress.types import Array

NOTHING = -690.0
"""Log of a weight that counts as none."""

FINENESS = 1.2
"""Grid points in a standard deviation of a bar's move, when a grid is made."""

BAND = 8
"""Grid points a bar moves at most, either way."""

SIZES = (64, 96, 128, 160, 192, 256, 400)
"""Sizes of grids: few, since each compiles anew."""


class Heston(NamedTuple):
    """Parameters per year."""

    kappa: Array
    theta: Array
    xi: Array
    rho: Array
    location: Array  # drift less the compensation of jumps


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Grid:
    """Nodes x_i = (first + i + 1/2) spacing of the square root of the variance, i < size."""

    spacing: float | Array
    first: int | Array
    size: int = field(metadata={"static": True})

    @property
    def nodes(self) -> Array:
        """Square roots of the variance [N], per sqrt(year)."""
        return (self.first + jnp.arange(self.size) + 0.5) * self.spacing


class Bars(NamedTuple):
    """Law of a bar by move k - BAND of the grid [2 BAND + 1, N], where the *target* is node j of the axis ``N``."""

    log_weight: Array  # of the move
    mean: Array  # of the return
    variance: Array  # of the return
    initial: Array  # [N] stationary law
    dense: Array  # [N, N] weights of the moves, source first
    start_mean: Array  # [N] of the return given the source alone
    start_variance: Array  # [N]


def make_grid(xi: float, low: float, high: float, bar_years: float, fineness: float = FINENESS) -> Grid:
    """A grid for square roots of the variance between ``low`` and ``high``, for values about this ``xi``."""
    spacing = max(step_size(xi, bar_years) / fineness, (high - low) / (SIZES[-1] - BAND))
    first = max(int(low / spacing) - BAND, 0)
    wanted = int(np.ceil(high / spacing)) - first
    return Grid(spacing, first, next((size for size in SIZES if size >= wanted), SIZES[-1]))


def step_size(xi: float, bar_years: float) -> float:
    """Standard deviation of a bar's move of sqrt(v)."""
    return 0.5 * xi * float(np.sqrt(bar_years))


def bars(model: Heston, grid: Grid, bar_years: float) -> Bars:
    """The law of a bar on the grid."""
    moves = np.arange(-BAND, BAND + 1)[:, None]
    target = np.arange(grid.size)[None, :]
    source = target - moves
    inside = (source >= 0) & (source < grid.size)
    node = grid.nodes
    x, y = node[np.clip(source, 0, grid.size - 1)], node[target]
    log_weight, integral = _move(model, x, y, grid, bar_years)
    weight = jnp.where(inside, jnp.exp(log_weight), 0.0)
    total = jnp.zeros(grid.size).at[np.clip(source, 0, grid.size - 1)].add(weight)
    share = jnp.log(jnp.maximum(total, 1e-300))[np.clip(source, 0, grid.size - 1)]
    log_weight = jnp.where(inside, jnp.maximum(log_weight - share, NOTHING), NOTHING)
    pull = y**2 - x**2 - model.kappa * (model.theta * bar_years - integral)
    mean = model.location * bar_years - 0.5 * integral + model.rho / model.xi * pull
    expected = model.theta * bar_years + (node**2 - model.theta) * -jnp.expm1(-model.kappa * bar_years) / model.kappa
    dense = jnp.zeros((grid.size, grid.size)).at[np.clip(source, 0, grid.size - 1), target].add(
        jnp.where(inside, jnp.exp(log_weight), 0.0))
    return Bars(log_weight, mean, (1 - model.rho**2) * integral, stationary(model, grid), dense,
                model.location * bar_years - 0.5 * expected, expected)


def stationary(model: Heston, grid: Grid) -> Array:
    """Stationary law [N] of the variance, a gamma law, on the grid."""
    x, dimension = grid.nodes, _dimension(model)
    logs = (dimension - 1) * jnp.log(x) - 2 * model.kappa / model.xi**2 * x**2
    weight = jnp.exp(logs - logs.max()) * _edge(dimension, grid)
    return weight / weight.sum()


def _dimension(model: Heston) -> Array:
    """Of the squared Bessel process that the variance is after a change of time."""
    return 4 * model.kappa * model.theta / model.xi**2


def _move(model: Heston, x: Array, y: Array, grid: Grid, bar_years: float) -> tuple[Array, Array]:
    """Log-weights of moves x -> y, and the mean of the integrated variance given both.

    The bridge is that of a squared Bessel process (Pitman and Yor 1982, section 5); mean reversion within the bar
    changes it by terms in (kappa dt)^2.
    """
    dimension = _dimension(model)
    order, decay = 0.5 * dimension - 1, jnp.exp(-model.kappa * bar_years)
    size = 0.25 * model.xi**2 * -jnp.expm1(-model.kappa * bar_years) / model.kappa  # scale of v' in chi-squares
    start = x * jnp.sqrt(decay)
    z = start * y / size
    log_density = (jnp.log(y / size) + order * jnp.log(y / start) - 0.5 * (y - start) ** 2 / size
                   + log_scaled_bessel(order, z))
    step = 0.25 * model.xi**2 * bar_years
    w = x * y / step
    integral = (x**2 + y**2) / 3 + step * (dimension / 6 + w / 3 * bessel_ratio(order, w))
    return log_density + jnp.log(grid.spacing) + jnp.log(_edge(dimension, grid)), integral * bar_years


def _edge(dimension: Array, grid: Grid) -> Array:
    """Weights [N] of the mid-point rule: 1, but at zero where the integrand is x^(dimension - 1) (Navot 1961).

    The correction is (1 - 2^a) zeta(-a) in units of the first point, a = dimension - 1, here by simple fits.
    """
    a = dimension - 1
    rough = jnp.exp2(jnp.minimum(a, 0.0)) / (1 + jnp.minimum(a, 0.0))
    b = jnp.clip(a, 0.0, 2.0)
    first = jnp.where(a < 0, rough, 1 - b * (2 - b) * (0.14 - 0.055 * b))
    return jnp.ones(grid.size).at[0].set(jnp.where(jnp.asarray(grid.first) > 0, 1.0, first))


