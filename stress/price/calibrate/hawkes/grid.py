"""Hawkes' intensity on a grid: the discounted number of past jumps, and the law of a bar's number of jumps.

The intensity is base + alpha y, y = sum over past jumps of exp(-beta age) (Hawkes 1971). Seen at the middle of every
bar, y falls by exp(-beta dt) from bar to bar and every jump of a bar adds a constant, so the jumps move the law by
whole nodes and only the decay needs interpolation: cubic, which keeps the first three moments.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln

from stress.types import Array

NUMBERS = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 19, 24, 30, 38, 48])
"""Numbers of jumps in a bar that are told apart; others count as the nearest of these."""

TINY = 1e-300

NOISE = 1e-9
"""What is left of a law by rounding, not by its tail: as a tail it would explain a crash."""


class Excitation(NamedTuple):
    """Parameters per year."""

    base: Array
    alpha: Array
    beta: Array


class Counts(NamedTuple):
    """Law of a bar on nodes i / per_jump, i < N, of the discounted number of jumps at the middle of the bar."""

    probability: Array  # [n, N] of the numbers of jumps in the bar
    decay: Array  # [N + most jumps, N] from after a bar's jumps to the middle of the next; rows sum to one
    initial: Array  # [N] about the stationary law
    intensity: Array  # [N] mean jumps a year in the bar


def counts(model: Excitation, size: int, per_jump: int, bar_years: float) -> Counts:
    """The law on ``size`` nodes, ``per_jump`` of them a jump."""
    node = np.arange(size) / per_jump
    b = model.beta * bar_years
    ratio = model.alpha / model.beta
    gain = jnp.sinh(0.5 * b) / (0.5 * b)  # of a jump anywhere in the bar, seen from its middle
    immigrants = (model.base + model.alpha * gain**2 * node) * bar_years
    offspring = ratio * (1 + jnp.expm1(-b) / b)  # within the same bar
    probability = _clusters(immigrants, offspring)
    rate = model.base / (1 - ratio)
    mean = rate / model.beta
    shape = mean / (0.5 / (1 - ratio))  # of a gamma law with the stationary mean and variance
    logs = (shape - 1) * jnp.log(node + 0.5 / per_jump) - shape / mean * node
    weight = jnp.exp(logs - logs.max())
    return Counts(probability, _decay(jnp.exp(-b), size + per_jump * int(NUMBERS[-1]), size), weight / weight.sum(),
                  immigrants / (1 - offspring) / bar_years)


def _clusters(immigrants: Array, offspring: Array) -> Array:
    """Borel-Tanner law [n, N] of all jumps of Poisson many families (Consul and Jain 1973, eq. 2.1)."""
    n = np.arange(4.0 * NUMBERS[-1])[:, None]
    total = immigrants + n * offspring
    each = jnp.exp(jnp.log(immigrants + TINY) + (n - 1) * jnp.log(total + TINY) - total - gammaln(n + 1))
    nearest = np.abs(n - NUMBERS).argmin(1)
    weight = jnp.zeros((len(NUMBERS), len(immigrants))).at[nearest].add(each)
    rest = 1 - weight.sum(0)
    return weight.at[-1].add(jnp.where(rest > NOISE, rest, 0.0))


def _decay(factor: Array, sources: int, size: int) -> Array:
    """Weights [sources, N] that move node j to j times ``factor``: Lagrange's on four nodes."""
    place = jnp.minimum(np.arange(sources) * factor, size - 1.0)
    first = jnp.clip(jnp.floor(place).astype(int) - 1, 0, size - 4)
    t = place - first
    weights = [-(t - 1) * (t - 2) * (t - 3) / 6, t * (t - 2) * (t - 3) / 2,
               -t * (t - 1) * (t - 3) / 2, t * (t - 1) * (t - 2) / 6]
    found = jnp.zeros((sources, size))
    for k, weight in enumerate(weights):
        found = found.at[jnp.arange(sources), first + k].add(weight)
    return found
