"""Modified Bessel functions of the first kind of real order, differentiable in order and argument."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln

from stress.types import Array

SMALL, TERMS, ORDERS = 25.0, 60, 9
"""Below this argument the power series is summed, above it Hankel's expansion, with so many terms each."""

LARGE = 10.0
"""From this order on the uniform expansion is used, whatever the argument."""

POLYNOMIALS = ((3 / 24, -5 / 24), (81 / 1152, -462 / 1152, 385 / 1152),
               (30375 / 414720, -369603 / 414720, 765765 / 414720, -425425 / 414720))
"""Coefficients of p^k, p^(k + 2), ... of U_k in the uniform expansion (DLMF 10.41.10)."""


def log_scaled_bessel(order: Array, z: Array) -> Array:
    """log(exp(-z) I_order(z)) for order > -1, z > 0.

    DLMF 10.25.2, 10.40.1 and, for large orders, 10.41.3.
    """
    small = jnp.where(z < SMALL, _series(order, jnp.minimum(z, SMALL)), _hankel(order, jnp.maximum(z, SMALL)))
    return jnp.where(order < LARGE, small, _uniform(jnp.maximum(order, LARGE), z))


def bessel_ratio(order: Array, z: Array) -> Array:
    """I_{order + 1}(z) / I_order(z)."""
    return jnp.exp(log_scaled_bessel(order + 1.0, z) - log_scaled_bessel(order, z))


def _series(order: Array, z: Array) -> Array:
    k = np.arange(TERMS).reshape(-1, *([1] * jnp.ndim(z)))
    logs = (2 * k + order) * jnp.log(0.5 * z) - gammaln(k + 1.0) - gammaln(k + order + 1.0)
    return jax.nn.logsumexp(logs, axis=0) - z


def _hankel(order: Array, z: Array) -> Array:
    square, term, total = 4 * order**2, jnp.ones_like(z), jnp.ones_like(z)
    for k in range(1, ORDERS):
        term = -term * (square - (2 * k - 1) ** 2) / (k * 8 * z)
        total = total + term
    return jnp.log(jnp.maximum(total, 1e-3)) - 0.5 * jnp.log(2 * np.pi * z)


def _uniform(order: Array, z: Array) -> Array:
    ratio = z / order
    root = jnp.sqrt(1 + ratio**2)
    p = 1 / root
    terms = [sum(c * p ** (k + 2 * i) for i, c in enumerate(row)) / order**k for k, row in enumerate(POLYNOMIALS, 1)]
    eta = 1 / (root + ratio) + jnp.log(ratio / (1 + root))  # less z / order
    return order * eta - 0.5 * jnp.log(2 * np.pi * order * root) + jnp.log(1 + sum(terms))
