"""Numbers without a step of their own: those of a path's jumps, switches and bars, however many it comes to have.

A part draws one uniform a path at time zero. Its 53 random bits are the key of a block cipher (``stress.cipher``), and the
numbers of event ``number`` in stream ``stream`` are the cipher's block on these two: addressed like all noise, and the
same whenever the event comes. So two settings under which jumps come at other times have the same jumps.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from stress.cipher import Words, threefry
from stress.types import Array


def block(key: Array, stream: Array | int, number: Array | int) -> Words:
    """Two random words of an event, of shapes that broadcast; ``key`` is a float64 uniform."""
    scaled = key * 2.0**21
    high = jnp.floor(scaled)
    words = high.astype(jnp.uint32), ((scaled - high) * 2.0**32).astype(jnp.uint32)
    counter = jnp.asarray(stream, jnp.uint32), jnp.asarray(number, jnp.uint32)
    shape = jnp.broadcast_shapes(*(word.shape for word in (*words, *counter)))
    first, second, third, fourth = (jnp.broadcast_to(word, shape) for word in (*words, *counter))
    return threefry((first, second), (third, fourth))


def uniform(words: Words) -> Array:
    """float64 in [0, 1) with 53 random bits."""
    high, low = words
    return (high.astype(jnp.float64) * 2.0**21 + (low >> jnp.uint32(11)).astype(jnp.float64)) * 2.0**-53


def exponential(words: Words) -> Array:
    """Exponential with mean one, above zero."""
    return -jnp.log1p(-(uniform(words) + 2.0**-54))


def normal(words: Words) -> Array:
    """A standard normal in float64, by Box and Muller."""
    return jnp.sqrt(-2.0 * jnp.log(_open(words[0]))) * jnp.cos(2.0 * np.pi * _open(words[1]))


def _open(word: Array) -> Array:
    """A uniform of 32 bits that is neither zero nor one."""
    return (word.astype(jnp.float64) + 0.5) * 2.0**-32


def gamma(key: Array, stream: Array | int, shape: Array) -> Array:
    """Gamma numbers (scale 1) of ``shape`` >= 1 from a key each: Marsaglia and Tsang (2000)."""
    d = shape - 1.0 / 3.0
    c = 1.0 / jnp.sqrt(9.0 * d)

    def attempt(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        turn, done, found = state
        z, test = normal(block(key, stream, 2 * turn)), _open(block(key, stream, 2 * turn + 1)[0])
        cube = (1.0 + c * z) ** 3
        inside = jnp.where(cube > 0, cube, 1.0)
        taken = (cube > 0) & (jnp.log(test) < 0.5 * z**2 + d * (1.0 - inside + jnp.log(inside)))
        return turn + 1, done | taken, jnp.where(taken & ~done, d * inside, found)

    start = (jnp.uint32(0), jnp.zeros(jnp.broadcast_shapes(key.shape, shape.shape), bool), d * jnp.ones(key.shape))
    return jax.lax.while_loop(lambda state: ~state[1].all(), attempt, start)[2]
