"""The law of one bar's log-returns under the model, and its density.

Within a bar one regime rules (switching inside a bar is left to the simulator). Given the numbers of jumps the
returns are normal, so the density is a Poisson mixture of normals: Merton (1976), eq. 16, for several markets.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln, xlogy
from scipy.stats import poisson

from stress.types import Array

Values = Array | np.ndarray

CHUNK = 4096
"""Rows whose mixture is formed together: small enough to stay in the processor's cache."""


class BarLaw(NamedTuple):
    """Parameters per bar. Axes: ``R`` regimes, ``A`` markets."""

    location: Values  # [R, A] mean of the log-return without jumps
    volatility: Values  # [R, A] standard deviation of the log-return without jumps
    correlation: Values  # [R, A, A] of the diffusion
    intensity: Values  # [R, A] own jumps a bar
    mean: Values  # [R, A] of the own log-jump
    std: Values  # [R, A] of the own log-jump
    common_intensity: Values  # [R] common jumps a bar
    common_mean: Values  # [R, A]
    common_std: Values  # [R, A]
    common_correlation: Values  # [R]
    rates: Values  # [R, R] generator of the regimes, per bar; rows sum to zero


class Block(NamedTuple):
    """The rows of a sample in which the same markets were seen, as features ``(1, y, y_i y_j)``."""

    rows: np.ndarray  # [n] positions in the sample
    columns: np.ndarray  # [a] markets seen
    features: Array  # [chunks, CHUNK, 1 + a + a (a + 1) / 2], zero-padded


def blocks(returns: np.ndarray) -> list[Block]:
    """Split returns [T, A] (NaN: not seen) by which markets were seen; rows with none are left out."""
    seen = np.isfinite(returns)
    found = []
    for pattern in np.unique(seen[seen.any(1)], axis=0):
        rows, columns = np.flatnonzero((seen == pattern).all(1)), np.flatnonzero(pattern)
        y = returns[np.ix_(rows, columns)]
        i, j = np.triu_indices(len(columns))
        features = np.hstack([np.ones((len(y), 1)), y, y[:, i] * y[:, j]])
        padded = np.zeros((-(-len(y) // CHUNK) * CHUNK, features.shape[1]))
        padded[: len(y)] = features
        found.append(Block(rows, columns, jnp.asarray(padded.reshape(-1, CHUNK, features.shape[1]))))
    return found


def jump_counts(means: np.ndarray, left_out: float) -> np.ndarray:
    """Numbers of jumps [K, n] of n independent Poisson laws worth summing over.

    The most probable ones first, until those not listed together have a probability below ``left_out``.
    """
    tops = [int(poisson.isf(left_out / len(means), m)) + 1 for m in means]
    counts = np.array(list(itertools.product(*(range(top + 1) for top in tops))), dtype=np.float64)
    probability = poisson.pmf(counts, means).prod(1)
    order = np.argsort(-probability, kind="stable")
    kept = int(np.searchsorted(np.cumsum(probability[order]), 1 - left_out)) + 1
    return counts[order[:kept]]


def log_density(law: BarLaw, regime: int, counts: np.ndarray, sample: Sequence[Block], rows: int) -> Array:
    """Log-density [rows] of every bar in a regime; zero (density one) where no market was seen.

    ``counts`` [K, A + 1] lists numbers of own jumps by market, then of common jumps; the law is conditional on them.
    """
    weight, mean, covariance = components(law, regime, counts)
    result = jnp.zeros(rows)
    for block in sample:
        pick = np.ix_(block.columns, block.columns)
        normal = _normal_coefficients(mean[:, block.columns], covariance[:, pick[0], pick[1]])
        normal = normal.at[:, 0].add(weight)
        result = result.at[block.rows].set(_mixture(normal, block.features)[: len(block.rows)])
    return result


def components(law: BarLaw, regime: int, counts: np.ndarray) -> tuple[Array, Array, Array]:
    """Log-weights [K], means [K, A] and covariances [K, A, A] of the normals mixed in a regime."""
    own, common = counts[:, :-1], counts[:, -1:]
    intensity = jnp.append(law.intensity[regime], law.common_intensity[regime])
    weight = jax.nn.log_softmax((xlogy(counts, intensity) - gammaln(counts + 1)).sum(1))
    mean = law.location[regime] + own * law.mean[regime] + common * law.common_mean[regime]
    size = law.volatility.shape[1]
    rho, std = law.common_correlation[regime], law.common_std[regime]
    shared = jnp.outer(std, std) * (rho + (1 - rho) * jnp.eye(size))
    diffusion = jnp.outer(law.volatility[regime], law.volatility[regime]) * law.correlation[regime]
    single = jnp.eye(size) * (own * law.std[regime] ** 2)[:, None, :]
    return weight, mean, diffusion + single + common[:, :, None] * shared


def _normal_coefficients(mean: Array, covariance: Array) -> Array:
    """Log normal densities as coefficients [K, 1 + a + a (a + 1) / 2] of the features of a Block."""
    size = mean.shape[1]
    factor = jnp.linalg.cholesky(covariance)
    inverse = jax.vmap(lambda low: jax.scipy.linalg.solve_triangular(low, jnp.eye(size), lower=True))(factor)
    precision = jnp.swapaxes(inverse, 1, 2) @ inverse
    linear = jnp.einsum("kab,kb->ka", precision, mean)
    log_scale = jnp.log(jnp.diagonal(factor, axis1=1, axis2=2)).sum(1) + 0.5 * size * np.log(2 * np.pi)
    constant = -log_scale - 0.5 * (linear * mean).sum(1)
    i, j = np.triu_indices(size)
    quadratic = precision[:, i, j] * np.where(i == j, -0.5, -1.0)
    return jnp.concatenate([constant[:, None], linear, quadratic], axis=1)


def _mixture(coefficients: Array, features: Array) -> Array:
    """Log of the summed densities [chunks * CHUNK]; chunk by chunk, recomputed for the gradient to save memory."""

    @jax.checkpoint
    def chunk(part: Array) -> Array:
        return jax.nn.logsumexp(part @ coefficients.T, axis=1)

    return jax.lax.map(chunk, features).reshape(-1)


def stationary(rates: Values) -> Array:
    """Stationary law [R] of a generator [R, R]."""
    size = rates.shape[0]
    system = jnp.concatenate([rates.T[:-1], jnp.ones((1, size))])
    return jnp.linalg.solve(system, jnp.zeros(size).at[-1].set(1.0))


def filtered_log_likelihood(law: BarLaw, log_densities: Values) -> Array:
    """Hamilton (1989): log-likelihood of bars with log-densities [T, R] under the regimes' chain, begun stationary."""
    if log_densities.shape[1] == 1:
        return log_densities.sum()
    transition = jax.scipy.linalg.expm(law.rates)
    top = log_densities.max(1)

    def bar(prior: Array, density: Array) -> tuple[Array, Array]:
        joint = prior * density
        total = joint.sum()
        return (joint / total) @ transition, total

    _, totals = jax.lax.scan(bar, stationary(law.rates), jnp.exp(log_densities - top[:, None]))
    return jnp.log(totals).sum() + top.sum()
