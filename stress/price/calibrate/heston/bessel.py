"""Modified Bessel functions of the first kind of real order, differentiable in order and argument."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln

from stress.types import Array

SMALL, TERMS, ORDERS = 25.0, 60, 9
"""Below this argument the power series is summed, above it Hankel's expansion, with so many terms each."""


def log_scaled_bessel(order: Array, z: Array) -> Array:
    """log(exp(-z) I_order(z)) for order > -1, z > 0.

    DLMF 10.25.2 and 10.40.1. For orders above about 10 Hankel's expansion is poor just above ``SMALL``; a variance
    process of that order does not come near zero, where those arguments belong.
    """
    return jnp.where(z < SMALL, _series(order, jnp.minimum(z, SMALL)), _hankel(order, jnp.maximum(z, SMALL)))


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
