"""Filter of a hidden self-exciting intensity: the likelihood of bars whose density is known by number of jumps."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from stress.price.calibrate.hawkes.grid import NUMBERS, TINY, Counts, Excitation, counts
from stress.types import Array


class Diffusion(NamedTuple):
    """A constant diffusion and the size of jumps, per year."""

    volatility: Array
    location: Array  # drift less half the variance and the compensation of jumps
    mean: Array  # of the log-jump
    std: Array


class Intensities(NamedTuple):
    """What the filter says of every bar before it looks. Axes: ``S`` bars, ``C`` pieces, ``n`` jumps in the bar."""

    probability: Array  # [S, C, n]
    intensity: Array  # [S, C] mean of the intensity, per year
    law: Array  # [S, C, N] of the discounted number of jumps at the bar's middle, without its own


def densities(model: Diffusion, bar_years: float, returns: Array) -> Array:
    """Density of returns [...] by number of jumps [..., n], those of ``NUMBERS``; 1 where not seen."""
    n = NUMBERS * 1.0
    variance = model.volatility**2 * bar_years + n * model.std**2
    gap = returns[..., None] - model.location * bar_years - n * model.mean
    normal = jnp.exp(-0.5 * gap**2 / variance) / jnp.sqrt(2 * np.pi * variance)
    return jnp.where(jnp.isfinite(returns)[..., None], normal, 1.0)


def log_densities(model: Excitation, given: Array, size: int, per_jump: int, bar_years: float) -> Array:
    """Log-density [S, C] of every bar given those before it, from densities ``given`` [S, C, n] by number of jumps."""
    law = counts(model, size, per_jump, bar_years)
    shifted = _shifted(law, per_jump)

    def bar(now: Array, density: Array) -> tuple[Array, Array]:
        after = _update(law, shifted, per_jump, now, density)
        total = jnp.maximum(after.sum(1), TINY)
        return after / total[:, None], jnp.log(total)

    return jax.lax.scan(bar, jnp.broadcast_to(law.initial, (given.shape[1], size)), given)[1]


def _shifted(law: Counts, per_jump: int) -> Array:
    """Probabilities [n, N + most] of numbers of jumps, each row moved to where the jumps bring the state."""
    most, size = per_jump * int(NUMBERS[-1]), law.probability.shape[1]
    return jnp.stack([jnp.zeros(size + most).at[per_jump * n : per_jump * n + size].set(row)
                      for n, row in zip(NUMBERS.tolist(), law.probability, strict=True)])


def _update(law: Counts, shifted: Array, per_jump: int, now: Array, density: Array) -> Array:
    """Joint density [C, N] of a bar and the state before the next, from the state's law [C, N] and densities [C, n]."""
    most = per_jump * int(NUMBERS[-1])
    size = now.shape[1] + most
    padded = jnp.pad(now, ((0, 0), (most, most)))
    total = jnp.zeros((len(now), size))
    for i, n in enumerate((most - per_jump * NUMBERS).tolist()):
        total = total + padded[:, n : n + size] * (shifted[i] * density[:, i, None])
    return total @ law.decay


@partial(jax.jit, static_argnames=("size", "per_jump", "bar_years"))
def look(model: Excitation, given: Array, size: int, per_jump: int, bar_years: float) -> Intensities:
    """The filter once more, telling all it knows of every bar before it looks."""
    law = counts(model, size, per_jump, bar_years)
    shifted = _shifted(law, per_jump)

    def bar(now: Array, density: Array) -> tuple[Array, Intensities]:
        after = _update(law, shifted, per_jump, now, density)
        told = Intensities(now @ law.probability.T, now @ law.intensity, now)
        return after / jnp.maximum(after.sum(1, keepdims=True), TINY), told

    return jax.lax.scan(bar, jnp.broadcast_to(law.initial, (given.shape[1], size)), given)[1]
