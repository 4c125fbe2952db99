"""More markets than can be fitted together: each further one given those that were, and pairs of further ones last.

The joint law of many markets sums over the numbers of everybody's jumps and grows out of reach after four markets. So
the first markets are fitted together; a further one then has its own parameters fitted in the joint law of it and
those, whose parameters (and the regimes, and how often common jumps come) stay as they are; what is left is how the
diffusions of two further markets go together, by the law of the two.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from stress.price.calibrate.ascent import climb, compiled, newton
from stress.price.calibrate.coordinates import Blocks, bounds, join, split
from stress.price.calibrate.mixture.dynamics import BY_MARKET, part
from stress.price.calibrate.mixture.law import BarLaw, blocks, filtered_log_likelihood, jump_counts, log_density
from stress.price.calibrate.mixture.layout import (
    LARGEST_JUMP,
    LARGEST_SKEW,
    LOCATION,
    RAREST_PER_YEAR,
    SMALLEST_JUMP,
    Layout,
)
from stress.types import Array

LEFT_OUT = 1e-3
"""Probability a bar of jump counts that the sum over them leaves out."""

STEPS, NEWTON_STEPS, PAIR_STEPS = 80, 1, 15

LARGEST_PARTIAL = 0.95
"""Of the correlation of two further markets given the first ones."""


@dataclass(frozen=True)
class Further:
    """One further market: the coordinates of its parameters, and the law of it and the first markets."""

    core: BarLaw  # of the first markets
    first: Layout
    scale: float  # standard deviation of its bars

    def blocks(self) -> Blocks:
        """Name -> shape, lowest and highest value."""
        r, c, free = self.first.regimes, self.core.volatility.shape[1], np.inf
        often = float(np.log(RAREST_PER_YEAR * self.first.bar_years)), float(np.log(self.first.most_jumps))
        size = (0.0, float(np.log(LARGEST_JUMP / SMALLEST_JUMP)))
        return {
            "location": ((r,), -free, free), "volatility": ((r,), -free, free), "correlation": ((r, c), -free, free),
            "intensity": ((r,), *often), "mean": ((r,), -LARGEST_SKEW, LARGEST_SKEW), "std": ((r,), *size),
            "common_mean": ((r,), -LARGEST_SKEW, LARGEST_SKEW), "common_std": ((r,), *size)}

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest values; volatilities after the first regime's are ratios to the regime before."""
        low, high = bounds(self.blocks())
        r = self.first.regimes
        low[r + 1 : 2 * r] = 0.0
        if r > 1:
            low[2 * r - 1] = np.log(self.first.separation)
        return low, high

    def start(self) -> np.ndarray:
        """As the first of the first markets, in units of the own scale."""
        core, r = self.core, self.first.regimes
        relative = np.log(np.asarray(core.volatility)[:, 0] / self.first.scale[0])
        parts = {
            "location": np.zeros(r), "volatility": np.diff(relative, prepend=0.0),
            "correlation": np.full((r, core.volatility.shape[1]), 0.5),
            "intensity": np.log(np.maximum(np.asarray(core.intensity)[:, 0], 1e-3)), "mean": np.zeros(r),
            "std": np.full(r, 1.0), "common_mean": np.zeros(r),
            "common_std": np.log(np.maximum(np.asarray(core.common_std / core.volatility)[:, 0], 1.0))}
        return np.clip(join(self.blocks(), parts), *self.bounds())

    def law(self, vector: Array) -> BarLaw:
        """The law of the first markets and this one, which comes last."""
        p, core = split(self.blocks(), vector), self.core
        volatility = jnp.exp(jnp.cumsum(p["volatility"])) * self.scale
        std, common = (SMALLEST_JUMP * jnp.exp(p[name]) * volatility for name in ("std", "common_std"))
        own = {"location": p["location"] * LOCATION * self.scale, "volatility": volatility,
               "intensity": jnp.exp(p["intensity"]), "mean": p["mean"] * std, "std": std,
               "common_mean": p["common_mean"] * common, "common_std": common}
        columns = {name: jnp.concatenate([jnp.asarray(getattr(core, name)), value[:, None]], axis=1)
                   for name, value in own.items()}
        return core._replace(**columns, correlation=_bordered(jnp.asarray(core.correlation), p["correlation"]))


def _bordered(matrix: Array, free: Array) -> Array:
    """Correlations [R, c + 1, c + 1] of [R, c, c] and one more, whose free numbers [R, c] make a row of unit length."""
    size = matrix.shape[1]
    row = jnp.concatenate([free, jnp.ones((len(free), 1))], axis=1)
    row = row / jnp.linalg.norm(row, axis=1, keepdims=True)
    border = jnp.einsum("rij,rj->ri", jnp.linalg.cholesky(matrix), row[:, :size])
    whole = jnp.zeros((len(free), size + 1, size + 1)).at[:, :size, :size].set(matrix).at[:, size, size].set(1.0)
    return whole.at[:, size, :size].set(border).at[:, :size, size].set(border)


@dataclass(frozen=True)
class Added:
    """A further market's top."""

    market: Further
    vector: np.ndarray
    information: np.ndarray
    at_bound: np.ndarray  # bool
    slope: float  # left, in log-likelihood per standard error
    gain: float  # log-likelihood of the market given the first ones


def add(core: BarLaw, first: Layout, returns: np.ndarray, alone: float) -> Added:
    """Fit the last column of returns [T, c + 1] given the law of the others, whose log-likelihood is ``alone``."""
    market = Further(core, first, float(np.nanstd(returns[:, -1])))
    low, high = market.bounds()
    counts, sample = _counts(market.law(jnp.asarray(market.start()))), blocks(returns)

    def negative(vector: Array) -> Array:
        law = market.law(vector)
        each = [log_density(law, r, counts[r], sample, len(returns)) for r in range(len(counts))]
        return -filtered_log_likelihood(law, jnp.stack(each, axis=1))

    objective = compiled(negative)
    vector, _ = climb(objective, market.start(), low, high, STEPS)
    vector, value, slope, information = newton(objective, vector, low, high, NEWTON_STEPS)
    return Added(market, vector, information, (vector <= low) | (vector >= high), slope, -value - alone)


def _counts(law: BarLaw) -> list[np.ndarray]:
    """Numbers of jumps worth summing over, by regime; room for a last market that jumps as often as others do."""
    means = np.concatenate([np.asarray(law.intensity), np.asarray(law.common_intensity)[:, None]], axis=1)
    means[:, -2] = np.maximum(means[:, -2], 0.5 * means.max(1))
    return [jump_counts(row, LEFT_OUT) for row in means]


def together(first: BarLaw, added: list[Added], returns: np.ndarray) -> BarLaw:
    """The law of all markets: of returns [T, A], the first markets' columns come first."""
    laws = [BarLaw(*map(np.asarray, a.market.law(jnp.asarray(a.vector)))) for a in added]
    columns = {name: np.hstack([np.asarray(getattr(first, name)), *(getattr(law, name)[:, -1:] for law in laws)])
               for name in BY_MARKET}
    size, regimes = first.volatility.shape[1], len(first.volatility)
    matrix = np.tile(np.eye(columns["volatility"].shape[1]), (regimes, 1, 1))
    matrix[:, :size, :size] = first.correlation
    for k, law in enumerate(laws, size):
        matrix[:, k, :size] = matrix[:, :size, k] = law.correlation[:, -1, :-1]
    whole = first._replace(**columns, correlation=matrix)
    for i, j in itertools.combinations(range(size, matrix.shape[1]), 2):
        matrix[:, i, j] = matrix[:, j, i] = _between(whole, i, j, size, returns)
    return whole


def _between(whole: BarLaw, i: int, j: int, size: int, returns: np.ndarray) -> np.ndarray:
    """Correlation [R] of the diffusions of two further markets: what the first explain, and a partial one, fitted."""
    matrix = np.asarray(whole.correlation)
    inner = np.linalg.inv(matrix[:, :size, :size])
    explained = np.einsum("ra,rab,rb->r", matrix[:, i, :size], inner, matrix[:, j, :size])
    own = [1 - np.einsum("ra,rab,rb->r", matrix[:, k, :size], inner, matrix[:, k, :size]) for k in (i, j)]
    room = np.sqrt(np.clip(own[0] * own[1], 0.0, None))
    pair = part(whole, [i, j])
    means = np.concatenate([np.asarray(pair.intensity), np.asarray(pair.common_intensity)[:, None]], axis=1)
    counts, sample = [jump_counts(row, LEFT_OUT) for row in means], blocks(returns[:, [i, j]])

    def rho(vector: Array | np.ndarray) -> Array:
        return explained + LARGEST_PARTIAL * room * jnp.tanh(vector)

    def negative(vector: Array) -> Array:
        off = jnp.zeros((len(explained), 2, 2)).at[:, 0, 1].set(rho(vector)).at[:, 1, 0].set(rho(vector))
        law = pair._replace(correlation=jnp.eye(2) + off)
        each = [log_density(law, r, counts[r], sample, len(returns)) for r in range(len(counts))]
        return -filtered_log_likelihood(law, jnp.stack(each, axis=1))

    wide = np.full(len(explained), 4.0)
    vector, _ = climb(compiled(negative), np.zeros(len(wide)), -wide, wide, PAIR_STEPS)
    return np.asarray(rho(vector))
