"""What ties the markets together, given each market's own fit: correlation of the diffusions, and common jumps.

Each market's law of a bar stays exactly as fitted. Two markets' joint density is a sum over numbers of common and own
jumps; given those numbers, the densities are joined by a Gaussian copula whose correlation is that of the diffusions
and of the common jumps' sizes, weighed by their variances. The sum of the pairs' log-likelihoods is a composite
likelihood (Varin, Reid and Firth 2011); its standard errors are a sandwich and leave out the first stage's errors.

A market's jumps are common with the probability that the common intensity has in it: common and own jumps of a market
have the same law of size, so its marginal law does not change with the common intensity. The common intensity is a
share of the smallest of the markets' intensities.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln, xlogy

from stress.price.calibrate.hidden.climb import BLOCK, inverse_of
from stress.types import Array

LARGEST_SCORE = 7.5
"""Normal scores are cut here: beyond, distribution functions in doubles say nothing."""

STEPS, SLOPE = 25, 0.02
START = (0.3, 0.7)
"""Share of the smallest intensity that is common, and correlation of the common jumps' sizes, to begin with."""

HELD = 5.0
"""Logit beyond which a share counts as one or none."""


class Marginal(NamedTuple):
    """A market's bars as its own filter saw them. Axes: ``T`` bars, ``n`` jumps in the bar."""

    density: np.ndarray  # [T, n] given n jumps
    score: np.ndarray  # [T, n] normal score of the return given n jumps
    intensity: np.ndarray  # [T] jumps a bar
    variance: np.ndarray  # [T] mean of the diffusion's variance, per bar
    volatility: np.ndarray  # [T] mean of its square root: below the variance's by what is not known of it
    jump_variance: float
    rho: float  # correlation of the price with its own variance
    seen: np.ndarray  # [T] bool


@dataclass(frozen=True)
class Ties:
    """Estimates of what ties markets together."""

    correlation: np.ndarray  # [A, A] of the diffusions
    correlation_error: np.ndarray  # [A, A]
    share: float  # of the smallest intensity that is common
    share_error: float
    size_correlation: float  # of common jumps
    size_error: float
    common: np.ndarray  # [T] common jumps a bar
    mended: float  # largest change that made the correlations a correlation matrix
    at_bound: bool


def ties(markets: list[Marginal]) -> Ties:
    """Maximum composite likelihood."""
    size, jumps = len(markets), markets[0].density.shape[1] - 1
    smallest = np.min([m.intensity for m in markets], axis=0)
    pairs = list(itertools.combinations(range(size), 2))
    data = [_pair(markets[a], markets[b], smallest) for a, b in pairs]
    start = [np.arctanh(np.clip(_start(markets[a], markets[b]), -0.98, 0.98)) for a, b in pairs]
    vector = np.array([*start, *(np.log(p / (1 - p)) for p in START)])
    vector, free, information, scores = _newton(vector, data, jumps)
    blocks = np.add.reduceat(scores, np.arange(0, len(scores), BLOCK), axis=0)[:, free]
    inverse = inverse_of(information[np.ix_(free, free)])
    error = np.zeros(len(vector))
    error[free] = np.sqrt(np.diag(inverse @ (blocks.T @ blocks) @ inverse))
    raw, spread = np.eye(size), np.zeros((size, size))
    for (a, b), at, own in zip(pairs, vector, error, strict=False):
        raw[a, b] = raw[b, a] = np.tanh(at)
        spread[a, b] = spread[b, a] = own * (1 - np.tanh(at) ** 2)
    correlation = nearest(raw)
    share, sizes = (1 / (1 + np.exp(-vector[-2:]))) if jumps else (0.0, 0.0)
    return Ties(correlation, spread, float(share), float(error[-2] * share * (1 - share)), float(sizes),
                float(error[-1] * sizes * (1 - sizes)), share * smallest, float(np.abs(correlation - raw).max()),
                bool(jumps) and bool((np.abs(vector[-2:]) > HELD).any()))


def no_ties(bars: int) -> Ties:
    """Of one market."""
    return Ties(np.ones((1, 1)), np.zeros((1, 1)), 0.0, 0.0, 0.0, 0.0, np.zeros(bars), 0.0, False)


def nearest(matrix: np.ndarray, floor: float = 1e-6) -> np.ndarray:
    """A correlation matrix by cutting the negative eigenvalues of ``matrix``."""
    values, vectors = np.linalg.eigh(matrix)
    if values[0] >= floor:
        return matrix
    found = vectors * np.maximum(values, floor) @ vectors.T
    unit = 1 / np.sqrt(np.diag(found))
    return found * np.outer(unit, unit)


class Pair(NamedTuple):
    """Two markets' bars [T] and bars by number of jumps [T, n]."""

    log_density: tuple[Array, Array]
    score: tuple[Array, Array]
    intensity: tuple[Array, Array]
    variance: tuple[Array, Array]
    volatility: tuple[Array, Array]
    jump_variance: tuple[Array, Array]
    link: Array  # correlation of the prices' diffusions over that of the markets' normals
    smallest: Array
    use: Array


def _pair(first: Marginal, second: Marginal, smallest: np.ndarray) -> Pair:
    """Two markets."""
    both = (first, second)

    def of(read: Callable[[Marginal], np.ndarray | float]) -> tuple[Array, Array]:
        one, other = (jnp.asarray(read(m)) for m in both)
        return one, other

    link = first.rho * second.rho + np.sqrt((1 - first.rho**2) * (1 - second.rho**2))
    return Pair(
        log_density=of(lambda m: np.log(np.maximum(m.density, 1e-300))),
        score=of(lambda m: np.clip(m.score, -LARGEST_SCORE, LARGEST_SCORE)), intensity=of(lambda m: m.intensity),
        variance=of(lambda m: m.variance), volatility=of(lambda m: m.volatility),
        jump_variance=of(lambda m: m.jump_variance), link=jnp.asarray(link), smallest=jnp.asarray(smallest),
        use=jnp.asarray(first.seen & second.seen))


def _start(first: Marginal, second: Marginal) -> float:
    both = first.seen & second.seen
    return float(np.corrcoef(np.clip(first.score[both, 0], -3, 3), np.clip(second.score[both, 0], -3, 3))[0, 1])


def log_likelihood(at: Array, pair: Pair, jumps: int) -> Array:
    """Log-density [T] of a pair at (correlation, share, correlation of sizes), each through its link."""
    correlation, share, sizes = jnp.tanh(at[0]), jax.nn.sigmoid(at[1]), jax.nn.sigmoid(at[2])
    up = range(jumps + 1)
    c, n, m = np.array([(c, n, m) for c, n, m in itertools.product(up, up, up) if c <= min(n, m)]).T
    common = share * pair.smallest
    weight = (_poisson(c, common) + _poisson(n - c, pair.intensity[0] - common)
              + _poisson(m - c, pair.intensity[1] - common))  # [T, ways]
    total = [v[:, None] + k * j for v, j, k in zip(pair.variance, pair.jump_variance, (n, m), strict=True)]
    shared = c * sizes * jnp.sqrt(pair.jump_variance[0] * pair.jump_variance[1])
    shared = shared + correlation * pair.link * _together(pair, correlation)[:, None]
    joined = _copula(pair.score[0][:, n], pair.score[1][:, m], shared / jnp.sqrt(total[0] * total[1]))
    found = jax.nn.logsumexp(weight + pair.log_density[0][:, n] + pair.log_density[1][:, m] + joined, axis=1)
    left_out = jax.nn.logsumexp(weight, axis=1)  # of more jumps than are told apart
    return jnp.where(pair.use, found - left_out, 0.0)


def _together(pair: Pair, correlation: Array) -> Array:
    """Mean [T] of the product of two volatilities.

    What filters do not know of them goes together: the variances' normals are correlated like the prices', squares of
    returns by the square of that; of a slow variance's error either makes up half.
    """
    unknown = [jnp.sqrt(jnp.maximum(v - m**2, 0.0)) for v, m in zip(pair.variance, pair.volatility, strict=True)]
    share = 0.5 * (correlation + correlation**2)
    return pair.volatility[0] * pair.volatility[1] + share * unknown[0] * unknown[1]


def _poisson(k: np.ndarray, rate: Array) -> Array:
    """Log-probabilities [T, ways] of numbers; of none where the rate is none."""
    return xlogy(k * 1.0, jnp.maximum(rate, 1e-12)[:, None]) - rate[:, None] - gammaln(k + 1.0)


def _copula(x: Array, y: Array, rho: Array) -> Array:
    """Log-density of the Gaussian copula at normal scores."""
    left = 1 - rho**2
    return -0.5 * jnp.log(left) - 0.5 * (rho**2 * (x**2 + y**2) - 2 * rho * x * y) / left


@partial(jax.jit, static_argnames="jumps")
def _terms(at: Array, pair: Pair, jumps: int) -> tuple[Array, Array, Array]:
    """Value, scores [T, 3] and Hessian [3, 3] of a pair."""
    def values(x: Array) -> Array:
        return log_likelihood(x, pair, jumps)

    return values(at).sum(), jax.jacfwd(values)(at), jax.jacfwd(jax.jacrev(lambda x: values(x).sum()))(at)


def _assembled(vector: np.ndarray, data: list[Pair], jumps: int) -> tuple[float, np.ndarray, np.ndarray]:
    """Value, scores [T, p] and minus the Hessian [p, p] of all pairs, a market counting once."""
    size, share = len(vector), 1 / max(1, round((np.sqrt(8 * len(data) + 1) - 1) / 2))
    total, scores, information = 0.0, np.zeros((len(data[0].use), size)), np.zeros((size, size))
    for i, pair in enumerate(data):
        places = [i, size - 2, size - 1]
        value, each, hessian = _terms(jnp.asarray(vector[places]), pair, jumps)
        total += share * float(value)
        scores[:, places] += share * np.asarray(each)
        information[np.ix_(places, places)] -= share * np.asarray(hessian)
    return total, scores, information


def _newton(vector: np.ndarray, data: list[Pair], jumps: int
            ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Damped Newton steps: the vector, which of it is free, minus the Hessian, the scores."""
    value, scores, information = _assembled(vector, data, jumps)
    for _ in range(STEPS):
        free = np.ones(len(vector), bool)
        free[-2:] = (np.abs(vector[-2:]) < HELD) & bool(jumps)
        gradient = scores.sum(0) * free
        values, vectors = np.linalg.eigh(np.where(np.outer(free, free), information, np.eye(len(vector))))
        move = vectors @ (vectors.T @ gradient / np.maximum(np.abs(values), 1e-3))
        if gradient @ move < SLOPE**2:
            break
        move *= min(1.0, 1.0 / np.abs(move).max())
        for part in (1.0, 0.3, 0.1, 0.03):
            trial = vector + part * move
            after = _assembled(trial, data, jumps)
            if after[0] > value:
                break
        else:
            break
        vector, (value, scores, information) = trial, after
    return vector, free, information, scores
