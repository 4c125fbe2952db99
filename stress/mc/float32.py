"""Logarithm and exponential of float32 by polynomials: operations that a CPU does on many numbers at once."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from stress.types import Array

LOGARITHM = (
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
"""Of log(1 + x) / x^3 + 1 / (2 x) - 1 / x^2 on [sqrt(1/2) - 1, sqrt(2) - 1] (Moshier, Cephes ``logf``)."""
EXPONENTIAL = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
"""Of (exp(x) - 1 - x) / x^2 on [-log(2) / 2, log(2) / 2] (Cephes ``expf``)."""
LOG_TWO = (0.693359375, -2.12194440e-4)
"""log(2) in two parts, the first exact in few bits."""
ROOT_HALF = 0x3F3504F3
"""Bits of sqrt(1/2)."""
MANTISSA = 0x7FFFFF


def logarithm(x: Array) -> Array:
    """Natural logarithm of float32 in [2^-33, 1]."""
    shifted = bits_of(x) - jnp.uint32(ROOT_HALF)  # so that the mantissa falls into [sqrt(1/2), sqrt(2))
    exponent = (jax.lax.bitcast_convert_type(shifted, jnp.int32) >> 23).astype(jnp.float32)
    x = float_of((shifted & jnp.uint32(MANTISSA)) + jnp.uint32(ROOT_HALF)) - 1
    rest = x * polynomial(LOGARITHM, x) - jnp.float32(0.5)
    return x + (x * x * rest + jnp.float32(np.log(2.0)) * exponent)


def exponential(x: Array) -> Array:
    """Exponential of float32 in [-80, 80]."""
    whole = jnp.floor(x * jnp.float32(1 / np.log(2.0)) + jnp.float32(0.5))  # a kernel language cannot round
    rest = (x - whole * jnp.float32(LOG_TWO[0])) - whole * jnp.float32(LOG_TWO[1])
    power = (whole.astype(jnp.int32) + 127) << 23
    scale = jax.lax.bitcast_convert_type(power, jnp.float32)
    return (polynomial(EXPONENTIAL, rest) * rest * rest + rest + 1) * scale


def polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    """Value of a polynomial, the highest coefficient first."""
    value = jnp.float32(coefficients[0])
    for coefficient in coefficients[1:]:
        value = value * x + jnp.float32(coefficient)
    return value


def bits_of(x: Array) -> Array:
    """The bits of float32."""
    return jax.lax.bitcast_convert_type(x, jnp.uint32)


def float_of(bits: Array) -> Array:
    """float32 of bits."""
    return jax.lax.bitcast_convert_type(bits, jnp.float32)
