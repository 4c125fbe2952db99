"""Normals in float32 from pairs of random words, by Box and Muller (1958) with polynomials.

Additions, multiplications, a square root and bit operations only, so a CPU draws many at once; the library's inverse
error function takes three times as long, its sine and cosine more. Every normal with probability above 2^-33 can
occur (up to 6.7); the polynomials are within 1e-6 of the exact transform.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from stress.mc.float32 import bits_of, float_of, logarithm, polynomial
from stress.types import Array

SINE = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
COSINE = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
"""Of sine and cosine on [-pi/4, pi/4] (Cephes ``sinf``, ``cosf``)."""
QUARTER = 2**30
"""A quarter turn, in units of a full turn of 2^32."""


def normal_pairs(first: Array, second: Array) -> tuple[Array, Array]:
    """Two independent standard normals (float32) from each pair of uint32 words."""
    uniform = first.astype(jnp.float32) * jnp.float32(2.0**-32) + jnp.float32(2.0**-33)
    radius = jnp.sqrt(jnp.float32(-2.0) * logarithm(uniform))
    sine, cosine = _turn(second)
    return radius * cosine, radius * sine


def _turn(word: Array) -> tuple[Array, Array]:
    """Sine and cosine of word / 2^32 full turns: quarter turns, and a rest within an eighth."""
    turned = word + jnp.uint32(QUARTER // 2)
    quarter = turned >> jnp.uint32(30)
    rest = jax.lax.bitcast_convert_type(turned & jnp.uint32(QUARTER - 1), jnp.int32) - jnp.int32(QUARTER // 2)
    x = rest.astype(jnp.float32) * jnp.float32(2 * np.pi / 2**32)
    y = x * x
    sine = polynomial(SINE, y) * y * x + x
    cosine = polynomial(COSINE, y) * y * y - jnp.float32(0.5) * y + 1
    odd = (quarter & jnp.uint32(1)) == 1
    two = jnp.uint32(2)
    return (
        _negated(jnp.where(odd, cosine, sine), quarter & two),
        _negated(jnp.where(odd, sine, cosine), (quarter + jnp.uint32(1)) & two),
    )


def _negated(x: Array, two: Array) -> Array:
    """``x`` with its sign turned where ``two`` is 2 rather than 0."""
    return float_of(bits_of(x) ^ (two << jnp.uint32(30)))
