"""What positions pay the pool that backs them for what it holds in reserve: GMX v2's borrowing fee.

A function for who wants to compare; the engine leaves the fee out. Source: GMX v2 (``MarketUtils.sol``,
``getBorrowingFactorPerSecond``, ``getKinkBorrowingFactor``). A position pays size x rate x seconds.
"""

from __future__ import annotations

import jax.numpy as jnp

from stress.types import Array


def borrowing_rate(factor: Array, reserved: Array, pool: Array, exponent: Array | float = 1.0) -> Array:
    """Rate [...] a second: factor x reserved^exponent / pool, both [...] in USD; 0 for an empty pool (GMX refuses)."""
    return jnp.where(pool > 0, factor * reserved**exponent / jnp.where(pool > 0, pool, 1.0), 0.0)


def kinked_borrowing_rate(base: Array, above: Array, optimal: Array, usage: Array) -> Array:
    """Rate [...] a second: ``base`` x ``usage``, and beyond the ``optimal`` usage steeper.

    ``usage`` [...] is the larger of reserve and open interest as a share of what they may be. At a usage of one the
    rate is ``above``, if that is more than ``base``.
    """
    room = 1.0 - optimal
    beyond = jnp.where(room > 0, jnp.maximum(usage - optimal, 0.0) / jnp.where(room > 0, room, 1.0), 0.0)
    return base * usage + jnp.maximum(above - base, 0.0) * beyond
