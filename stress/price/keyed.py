"""More numbers from a number: uniforms that follow from an addressed one, for loops whose length is not known.

A part declares a fixed number of draws for a step. Where it may need more, a rejection or a count of jumps, the 53
random bits of one of them are the key of a block cipher (``stress.cipher``), and the numbers that follow are its
blocks 1, 2, ...: addressed like all noise, and independent of the uniform they came from for all that matters.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from stress.cipher import threefry
from stress.types import Array


def following(uniform: Array, number: Array | int) -> tuple[Array, Array]:
    """Uniforms ``2 number`` and ``2 number + 1`` (float64 in (0, 1), 32 bits each) that follow from one, any shape."""
    scaled = uniform * 2.0**21
    high = jnp.floor(scaled)
    key = (high.astype(jnp.uint32), ((scaled - high) * 2.0**32).astype(jnp.uint32))
    count = jnp.full(uniform.shape, number, jnp.uint32)
    first, second = threefry(key, (jnp.zeros_like(count), count))
    return _open(first), _open(second)


def _open(word: Array) -> Array:
    """A uniform that is neither zero nor one."""
    return (word.astype(jnp.float64) + 0.5) * 2.0**-32


def gamma(uniform: Array, shape: Array) -> Array:
    """Gamma numbers (scale 1) of ``shape`` >= 1 from a uniform each: Marsaglia and Tsang (2000)."""
    d = shape - 1.0 / 3.0
    c = 1.0 / jnp.sqrt(9.0 * d)

    def attempt(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        turn, done, found = state
        normal, test = _normal(uniform, 2 * turn), following(uniform, 2 * turn + 1)[0]
        cube = (1.0 + c * normal) ** 3
        inside = jnp.where(cube > 0, cube, 1.0)
        taken = (cube > 0) & (jnp.log(test) < 0.5 * normal**2 + d * (1.0 - inside + jnp.log(inside)))
        return turn + 1, done | taken, jnp.where(taken & ~done, d * inside, found)

    start = (jnp.uint32(1), jnp.zeros(uniform.shape, bool), d)
    return jax.lax.while_loop(lambda state: ~state[1].all(), attempt, start)[2]


def _normal(uniform: Array, number: Array) -> Array:
    """A standard normal that follows from a uniform (Box and Muller)."""
    first, second = following(uniform, number)
    return jnp.sqrt(-2.0 * jnp.log(first)) * jnp.cos(2.0 * np.pi * second)
