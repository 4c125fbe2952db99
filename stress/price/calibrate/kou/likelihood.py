"""The composite likelihood of a Kou law: the sum over pairs of markets of the pair's log-likelihood.

A market enters as many pairs as it has partners, so the sum is divided by their number: with every market's bars
counted once, it is of the size of a likelihood. One market has its full likelihood. Varin, Reid and Firth (2011),
Statistica Sinica 21, section 2; the spread of its estimates is H^-1 J H^-1, J the sum of squared scores (section 2.3).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np

from stress.price.calibrate.kou.density import Reading, grid_for, log_density_of_one, log_density_of_pair, reading
from stress.price.calibrate.kou.law import part
from stress.price.calibrate.kou.layout import KouLayout
from stress.types import Array

THREADS = 2
"""Pairs whose densities are formed at the same time."""

Density = Callable[[Array, Array], Array]
"""Log-density [T] by the vector and the positions of a pair [2] (or one market [1]); zero where not both are seen."""


@dataclass(frozen=True)
class PairLikelihood:
    """Of returns [T, A] (NaN: not seen), on grids of ``size`` points a side."""

    layout: KouLayout
    returns: np.ndarray
    size: int

    @cached_property
    def pairs(self) -> list[np.ndarray]:
        """Positions of the markets that enter together."""
        markets = self.returns.shape[1]
        return [np.array(p) for p in (itertools.combinations(range(markets), 2) if markets > 1 else [(0,)])]

    @cached_property
    def density(self) -> Density:
        """The log-density; compiled once for all pairs."""
        grids = [grid_for(column, self.size) for column in self.returns.T]
        found = [reading(column, grid) for column, grid in zip(self.returns.T, grids, strict=True)]
        cell, weight = jnp.stack([r.cell for r in found]), jnp.stack([r.weight for r in found])
        spacing, seen = jnp.array([g.spacing for g in grids]), jnp.asarray(np.isfinite(self.returns).T)

        def density(vector: Array, at: Array) -> Array:
            law = part(self.layout.law(vector), at)
            readings = [Reading(cell[a], weight[a]) for a in at]
            if len(at) == 1:
                value = log_density_of_one(law, grids[0], readings[0])
            else:
                value = log_density_of_pair(law, self.size, spacing[at], *readings)
            return jnp.where(seen[at].all(0), value, 0.0)

        return density

    @cached_property
    def _slope(self) -> Callable[[Array, np.ndarray], tuple[Array, Array]]:
        density = self.density  # outside of what is traced
        return jax.jit(jax.value_and_grad(lambda vector, at: -density(vector, at).sum()))

    @property
    def _partners(self) -> int:
        return max(self.returns.shape[1] - 1, 1)

    def objective(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        """Minus the composite log-likelihood and its gradient."""
        with ThreadPoolExecutor(THREADS) as pool:
            found = list(pool.map(lambda at: self._slope(jnp.asarray(vector), at), self.pairs))
        values, gradients = zip(*found, strict=True)
        return float(sum(values)) / self._partners, np.sum([np.asarray(g) for g in gradients], axis=0) / self._partners

    def curvature(self, vector: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Hessian of the objective by forward differences of each pair's gradient in what concerns the pair."""
        del gradient
        width, total = 1e-5, np.zeros((len(vector), len(vector)))
        for at in self.pairs:
            here = np.asarray(self._slope(jnp.asarray(vector), at)[1])
            for entry in self._concerning(vector, at):
                moved = np.asarray(self._slope(jnp.asarray(vector + width * _unit(vector, entry)), at)[1])
                total[entry] += (moved - here) / width
        return 0.5 * (total + total.T) / self._partners

    def squared_scores(self, vector: np.ndarray) -> np.ndarray:
        """Sum over bars of the composite score times its transpose [n, n]."""
        density = self.density

        @jax.jit
        def slope(direction: Array, at: Array) -> Array:
            return jax.jvp(lambda v: density(v, at), (jnp.asarray(vector),), (direction,))[1]

        score = np.zeros((len(vector), len(self.returns)))
        for at in self.pairs:
            for entry in self._concerning(vector, at):
                score[entry] += np.asarray(slope(jnp.asarray(_unit(vector, entry)), at))
        return score @ score.T / self._partners**2

    def _concerning(self, vector: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Entries of the vector that the law of a pair depends on."""
        moves = jax.jacfwd(lambda v: part(self.layout.law(v), at))(jnp.asarray(vector))
        return np.flatnonzero(sum(np.abs(np.asarray(m)).reshape(-1, len(vector)).sum(0) for m in moves))


def _unit(vector: np.ndarray, entry: int) -> np.ndarray:
    return (np.arange(len(vector)) == entry).astype(float)
