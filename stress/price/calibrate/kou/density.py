"""Densities from transforms: a fast Fourier inversion on a grid, and interpolation of the fifth order between points.

On a grid of spacing ``h`` with ``N`` points a side the density at x_j = (j - N/2) h is (1/h)^d times the inverse
discrete transform of phi(u_k) (-1)^k, u_k = 2 pi k / (N h): Carr and Madan (1999), section 4, without damping, since
densities need none. The logarithm is interpolated: it is quadratic in the middle and linear in the tails.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from stress.price.calibrate.kou.law import KouLaw, part, transform
from stress.types import Array

ROOM = 1.3
"""Half-width of the grid in largest returns: what leaves it comes back at the other end."""

MARGIN = 5.0
"""And this many standard deviations on top."""

FLOOR = 1e-14
"""Smallest density, in units of one over a cell of the grid: below, rounding of the transform rules."""


POINTS = 6
"""Neighbouring points that a polynomial of the fifth order is drawn through."""


class Grid(NamedTuple):
    """One axis of the grid."""

    size: int
    spacing: float  # in log-return


class Reading(NamedTuple):
    """Where the returns of one market lie on the grid."""

    cell: Array  # [T] index of the first of six neighbouring points
    weight: Array  # [T, 6] of the quintic through them


def grid_for(returns: np.ndarray, size: int) -> Grid:
    """A grid that holds the returns [T] of a market with room to spare."""
    known = returns[np.isfinite(returns)]
    return Grid(size, 2 * (ROOM * float(np.abs(known).max()) + MARGIN * float(known.std())) / size)


def sufficient(returns: np.ndarray, volatility: np.ndarray, points: float, most: int) -> int:
    """Points a side of grids for returns [T, A], ``points`` to each market's volatility [A]: a power of two."""
    widths = [grid_for(column, 1).spacing for column in returns.T]
    needed = points * max(width / v for width, v in zip(widths, volatility, strict=True))
    return min(2 ** int(np.ceil(np.log2(needed))), most)


def reading(returns: np.ndarray, grid: Grid) -> Reading:
    """Cells and weights of Lagrange's polynomial for returns [T]; NaN is read at zero."""
    at = np.nan_to_num(returns) / grid.spacing + grid.size / 2
    cell = np.clip(np.floor(at).astype(int) - POINTS // 2 + 1, 0, grid.size - POINTS)
    points, t = range(POINTS), at - cell
    weights = [np.prod([(t - k) / (j - k) for k in points if k != j], axis=0) for j in points]
    return Reading(jnp.asarray(cell), jnp.asarray(np.stack(weights, axis=1)))


def log_density_of_one(law: KouLaw, grid: Grid, at: Reading) -> Array:
    """Log-density [T] of a market's returns; ``law`` is of that market alone."""
    wave = jnp.arange(grid.size // 2 + 1)
    values = transform(law, [2 * jnp.pi * wave / (grid.size * grid.spacing)])
    density = jnp.fft.irfft(jnp.conj(values) * (1 - 2 * (wave % 2)), grid.size) / grid.spacing
    logs = jnp.log(jnp.maximum(density[at.cell[:, None] + jnp.arange(POINTS)], FLOOR / grid.spacing))
    return (logs * at.weight).sum(1)


def log_density_of_pair(law: KouLaw, size: int, spacing: Array, first: Reading, second: Reading) -> Array:
    """Log-density [T] of two markets' returns, on grids of ``size`` points, ``spacing`` [2]; ``law`` has only them."""
    waves = jnp.fft.fftfreq(size, 1 / size), jnp.arange(size // 2 + 1)
    u = [2 * jnp.pi * wave / (size * spacing[i]) for i, wave in enumerate(waves)]
    values = transform(law, [u[0][:, None], u[1][None, :]])
    sign = (1 - 2 * (jnp.abs(waves[0])[:, None] % 2)) * (1 - 2 * (waves[1][None, :] % 2))
    density = jnp.fft.irfft2(jnp.conj(values) * sign, (size, size)) / (spacing[0] * spacing[1])
    rows, columns = first.cell[:, None] + jnp.arange(POINTS), second.cell[:, None] + jnp.arange(POINTS)
    near = density[rows[:, :, None], columns[:, None, :]]
    logs = jnp.log(jnp.maximum(near, FLOOR / (spacing[0] * spacing[1])))
    return jnp.einsum("tij,ti,tj->t", logs, first.weight, second.weight)


def marginal_log_density(law: KouLaw, market: int, returns: np.ndarray, size: int) -> np.ndarray:
    """Log-density [T] of the returns [T] of one of the law's markets; zero where not seen."""
    grid = grid_for(returns, size)
    found = log_density_of_one(part(law, np.array([market])), grid, reading(returns, grid))
    return np.where(np.isfinite(returns), np.asarray(found), 0.0)
