"""Numbers without a step of their own: those of a path's jumps, switches and bars, however many it comes to have.

A part draws one uniform a path at time zero. Its 53 random bits are the key of a block cipher (``stress.cipher``), and
the numbers of event ``number`` in stream ``stream`` are the cipher's block on these two: addressed like all noise, and
the same whenever the event comes. So two settings under which jumps come at other times have the same jumps.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from stress.cipher import Words, threefry
from stress.rare import while_due
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


def following(key: Array, number: Array | int) -> tuple[Array, Array]:
    """Uniforms ``2 number`` and ``2 number + 1`` that follow from one: 32 bits each, neither zero nor one."""
    first, second = block(key, 0, number)
    return _open(first), _open(second)


def exponential(words: Words) -> Array:
    """Exponential with mean one, above zero."""
    return -jnp.log1p(-(uniform(words) + 2.0**-54))


def normal(words: Words) -> Array:
    """A standard normal in float64, by the inverse distribution function."""
    return np.sqrt(2.0) * jax.lax.erf_inv(2.0 * uniform(words) + (2.0**-53 - 1.0))


def _open(word: Array) -> Array:
    """A uniform of 32 bits that is neither zero nor one."""
    return (word.astype(jnp.float64) + 0.5) * 2.0**-32


def gamma(key: Array, stream: Array | int, shape: Array) -> Array:
    """Gamma numbers (scale 1) of ``shape`` [n] >= 1 from one key []: Marsaglia and Tsang (2000)."""
    d = shape - 1.0 / 3.0

    def attempt(given: tuple[Array, Array, Array], now: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        (key, stream, d), (turn, done, found) = given, now
        z, test = normal(block(key, stream, 2 * turn)), _open(block(key, stream, 2 * turn + 1)[0])
        cube = (1.0 + z / jnp.sqrt(9.0 * d)) ** 3
        inside = jnp.where(cube > 0, cube, 1.0)
        taken = (cube > 0) & (jnp.log(test) < 0.5 * z**2 + d * (1.0 - inside + jnp.log(inside)))
        return turn + 1, done | taken, jnp.where(taken & ~done, d * inside, found)

    given = (key, jnp.asarray(stream, jnp.uint32), d)
    first = attempt(given, (jnp.zeros((), jnp.uint32), jnp.zeros(shape.shape, bool), d))
    return while_due(lambda _, now: ~now[1].all(), attempt, given, first)[2]
