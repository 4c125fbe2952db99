"""A virtual market maker whose reserves have a constant product: what a position brings when it is closed there.

    V = p D |q| / (D + q)

with D the depth of the reserves in base units, of which there are as many quote units at the peg p in USD, and q the
position that is closed, short < 0. Source: Nibiru ``x/perp/v2/types/amm.go``, ``x/perp/v2/keeper/calc.go``.
"""

from __future__ import annotations

import jax.numpy as jnp

from stress.types import Array


def closing_value(size: Array, depth: Array, peg: Array) -> Array:
    """USD [...] that closing ``size`` [...] units moves: received for longs, paid for shorts, which are < ``depth``."""
    return peg * depth * jnp.abs(size) / (depth + size)
