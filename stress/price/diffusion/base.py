"""The contract of a diffusion part: the continuous part of the log-return, whose variance it knows.

Axes: ``R`` regimes, ``A`` markets.
"""

from __future__ import annotations

from typing import Any, Protocol

import jax.numpy as jnp

from stress.price.base import Draws, Noise
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


def correlated(factor: Array, normal: Array) -> Array:
    """Correlated normals [A] from independent ones [A] and a lower Cholesky factor [A, A]."""
    return (factor.astype(normal.dtype) * normal).sum(-1)


def mixed(occupied: Array, scale: Array, factor: Array, normal: Array) -> Array:
    """Normals [A] with covariance sum_r occupied_r c_r c_r' from independent ones [A].

    ``c_r`` is ``factor`` [R, A, A], lower, with rows multiplied by ``scale`` [R, A].
    """
    if occupied.shape[0] == 1:
        return jnp.sqrt(occupied[0]) * scale[0] * correlated(factor[0], normal)
    roots = scale[..., None] * factor
    covariance = roots @ jnp.moveaxis(roots, 1, 2)
    markets = normal.shape[0]
    if markets == 1:
        return jnp.sqrt((occupied * covariance[:, 0, 0]).sum(0)) * normal
    entries = [[(occupied * covariance[:, a, b]).sum(0).astype(normal.dtype) for b in range(a + 1)] for a in range(markets)]
    rows = cholesky(entries)
    return jnp.stack([sum((x * normal[b] for b, x in enumerate(line)), jnp.zeros((), normal.dtype)) for line in rows])


def cholesky(entries: list[list[Array]]) -> list[list[Array]]:
    """The lower factor of a covariance, entry by entry: a vector of paths has one each. It may be singular."""
    rows: list[list[Array]] = []
    for a, line in enumerate(entries):
        mine: list[Array] = []
        for b in range(a):
            rest = line[b] - sum(x * y for x, y in zip(mine, rows[b], strict=False))
            above = rows[b][b] > 0
            mine.append(jnp.where(above, rest / jnp.where(above, rows[b][b], 1), 0))
        mine.append(jnp.sqrt(jnp.maximum(line[a] - sum(x * x for x in mine), 0)))
        rows.append(mine)
    return rows
