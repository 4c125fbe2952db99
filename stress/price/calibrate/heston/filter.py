"""Filter of Heston's hidden variance, with Merton's jumps or without: the likelihood of a market's returns.

The law of the variance is carried on a grid (a hidden Markov chain whose moves and observations belong together), so
the likelihood is that of the model up to the grid, the mean of the variance within a bar, and, given a jump, the
little that the return still says about the variance's move within its own bar, which is left out.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln, xlogy
from jax.scipy.stats import norm

from stress.price.calibrate.heston.grid import BAND, Bars, Grid, Heston, bars
from stress.types import Array

TINY = 1e-300


class Jump(NamedTuple):
    """Merton's jumps."""

    intensity: Array  # per year
    mean: Array  # of the log-jump
    std: Array


class Seen(NamedTuple):
    """What the filter says of every bar before it looks. Axes: ``S`` bars, ``C`` pieces, ``n`` jumps in the bar."""

    density: Array  # [S, C, n] of the return given n jumps; 1 where not seen
    below: Array  # [S, C, n] probability of a lower return given n jumps
    variance: Array  # [S, C] mean of the variance, per year
    volatility: Array  # [S, C] mean of its square root
    law: Array  # [S, C, N] of the variance at the bar's start


def counts(jump: Jump | None, bar_years: float, most: int) -> Array:
    """Probabilities [most + 1] of numbers of jumps in a bar; the last one stands for more."""
    if jump is None:
        return jnp.ones(1)
    n, rate = np.arange(most + 1.0), jump.intensity * bar_years
    weight = jnp.exp(xlogy(n, rate) - rate - gammaln(n + 1.0))
    return weight.at[-1].add(1 - weight.sum())


def log_densities(model: Heston, jump: Jump | None, grid: Grid, bar_years: float, most: int, returns: Array) -> Array:
    """Log-density [S, C] of every bar of ``returns`` given those before it; 0 where not seen."""
    law = bars(model, grid, bar_years)
    probability = counts(jump, bar_years, most)
    start = jnp.broadcast_to(law.initial, (returns.shape[1], grid.size))

    def bar(now: Array, row: Array) -> tuple[Array, Array]:
        seen = jnp.isfinite(row)
        after = _update(law, jump, probability, now, jnp.where(seen, row, 0.0))
        after = jax.lax.cond(seen.all(), lambda: after, lambda: jnp.where(seen[:, None], after, now @ law.dense))
        total = after.sum(1) + TINY
        return after / total[:, None], jnp.where(seen, jnp.log(total), 0.0)

    return jax.lax.scan(bar, start, returns)[1]


def _update(law: Bars, jump: Jump | None, probability: Array, now: Array, row: Array) -> Array:
    """Joint density [C, N] of the returns [C] and the variance at the bar's end, from its law [C, N] at the start."""
    constant = jnp.log(probability[0]) + law.log_weight - 0.5 * jnp.log(2 * np.pi * law.variance)
    after = jnp.zeros_like(now)
    for k, source in enumerate(sources(now)):
        gap = (row[:, None] - law.mean[k]) ** 2 * (0.5 / law.variance[k])
        after = after + source * jnp.exp(constant[k] - gap)
    if jump is None:
        return after
    jumped = now * sum(probability[n] * _jumped(law, jump, n, row) for n in range(1, len(probability)))
    weights = jnp.exp(law.log_weight)
    for k, source in enumerate(sources(jumped)):
        after = after + source * weights[k]
    return after


def sources(now: Array) -> list[Array]:
    """Weights [..., N] of the nodes that every target is reached from, by move."""
    size = now.shape[-1]
    padded = jnp.pad(now, [(0, 0)] * (now.ndim - 1) + [(BAND, BAND)])
    return [padded[..., 2 * BAND - k : 2 * BAND - k + size] for k in range(2 * BAND + 1)]


def _jumped(law: Bars, jump: Jump, n: int, row: Array) -> Array:
    """Density [C, N] of the returns [C] with n jumps, by the variance at the bar's start."""
    variance = law.start_variance + n * jump.std**2
    return jnp.exp(-0.5 * (row[:, None] - law.start_mean - n * jump.mean) ** 2 / variance) / jnp.sqrt(
        2 * np.pi * variance)


@partial(jax.jit, static_argnames=("bar_years", "most"))
def look(model: Heston, jump: Jump | None, grid: Grid, bar_years: float, most: int, returns: Array) -> Seen:
    """The filter once more, telling all it knows of every bar before it looks."""
    law = bars(model, grid, bar_years)
    probability = counts(jump, bar_years, most)
    start = jnp.broadcast_to(law.initial, (returns.shape[1], grid.size))

    def bar(now: Array, row: Array) -> tuple[Array, Seen]:
        seen = jnp.isfinite(row)
        known = jnp.where(seen, row, 0.0)
        after = jnp.where(seen[:, None], _update(law, jump, probability, now, known), now @ law.dense)
        density, below = _given_counts(law, jump, len(probability), now, known)
        told = Seen(jnp.where(seen[:, None], density, 1.0), jnp.where(seen[:, None], below, 0.5), now @ grid.nodes**2,
                    now @ grid.nodes, now)
        return after / (after.sum(1, keepdims=True) + TINY), told

    return jax.lax.scan(bar, start, returns)[1]


def _given_counts(law: Bars, jump: Jump | None, number: int, now: Array, row: Array) -> tuple[Array, Array]:
    """Density and distribution function [C, n] of the returns [C] by number of jumps."""
    weight = jnp.stack(sources(now), axis=1) * jnp.exp(law.log_weight)
    root = jnp.sqrt(law.variance)
    z = (row[:, None, None] - law.mean) / root
    density, below = [(weight * norm.pdf(z) / root).sum((1, 2))], [(weight * norm.cdf(z)).sum((1, 2))]
    for n in range(1, number):
        assert jump is not None
        root = jnp.sqrt(law.start_variance + n * jump.std**2)
        z = (row[:, None] - law.start_mean - n * jump.mean) / root
        density.append((now * norm.pdf(z) / root).sum(1))
        below.append((now * norm.cdf(z)).sum(1))
    return jnp.stack(density, axis=1), jnp.stack(below, axis=1)
