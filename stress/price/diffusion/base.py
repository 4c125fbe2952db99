"""The contract of a diffusion part: the continuous part of the log-return, whose variance it knows.

Axes: ``R`` regimes, ``A`` markets.
"""

from __future__ import annotations

from functools import reduce
from typing import Any, Protocol

import jax.numpy as jnp

from stress.price.base import Draws, Noise
from stress.price.tables import sum_of
from stress.types import Array


class DiffusionPart(Protocol):
    """A frozen PyTree. Its log-return grows by ``drift``: E[exp(log-return)] = exp(drift x time)."""

    def initial_draws(self) -> Draws:
        """Noise wanted at time zero."""
        ...

    def draws(self) -> Draws:
        """Noise wanted in every step."""
        ...

    def init(self, noise: Noise) -> Any:
        """State of one path at time zero."""
        ...

    def step(self, state: Any, noise: Noise, occupied: Array, tick: Array) -> tuple[Any, Array]:
        """State and log-return [A] of tick ``tick`` [] with ``occupied`` years [R] in each regime."""
        ...

    def scaled(self, factor: Array) -> DiffusionPart:
        """The part whose volatility, as the price sees it, is ``factor`` [A] times as high."""
        ...


def mixed(occupied: Array, scale: Array, factor: Array, normal: Array) -> list[Array]:
    """Normals with covariance sum_r occupied_r c_r c_r' from independent ones [A]: a number for every market.

    ``c_r`` is ``factor`` [R, A, A], lower, with rows multiplied by ``scale`` [R, A]. Markets are written out, so that
    of many paths every number is a vector of its own.
    """
    regimes, markets, dtype = occupied.shape[0], normal.shape[0], normal.dtype
    if regimes == 1:
        return [jnp.sqrt(occupied[0]) * scale[0, a] * z for a, z in enumerate(correlated(factor[0], normal))]
    normals = [normal[a] for a in range(markets)]
    roots = scale[..., None] * factor
    covariance = roots @ jnp.moveaxis(roots, 1, 2)
    years = [occupied[r] for r in range(regimes)]

    def entry(a: int, b: int) -> Array:
        return sum_of(years[r] * covariance[r, a, b] for r in range(regimes))

    if markets == 1:
        return [jnp.sqrt(entry(0, 0)) * normals[0]]
    rows = cholesky([[entry(a, b).astype(dtype) for b in range(a + 1)] for a in range(markets)])
    return [sum_of(x * z for x, z in zip(row, normals, strict=False)) for row in rows]


def correlated(factor: Array, normal: Array) -> list[Array]:
    """Correlated normals, a number for every market, from independent ones [A] and a lower Cholesky factor [A, A]."""
    near, markets = factor.astype(normal.dtype), normal.shape[0]
    normals = [normal[a] for a in range(markets)]
    return [sum_of(near[a, b] * normals[b] for b in range(a + 1)) for a in range(markets)]


def cholesky(entries: list[list[Array]]) -> list[list[Array]]:
    """The lower factor of a covariance, entry by entry. It may be singular."""
    rows: list[list[Array]] = []
    for a, line in enumerate(entries):
        mine: list[Array] = []
        for b in range(a):
            rest = reduce(jnp.subtract, (x * y for x, y in zip(mine, rows[b], strict=False)), line[b])
            above = rows[b][b] > 0
            mine.append(jnp.where(above, rest / jnp.where(above, rows[b][b], 1), 0))
        mine.append(jnp.sqrt(jnp.maximum(reduce(jnp.subtract, (x * x for x in mine), line[a]), 0)))
        rows.append(mine)
    return rows
