"""A price that leans with the skew of the venue's book: p (1 + skew / scale), trades at the mean before and after.

Source: Synthetix v3 perps (``PerpsMarket.sol``, fill price).
"""

from __future__ import annotations

from stress.types import Array


def skewed_price(price: Array, skew: Array, scale: Array) -> Array:
    """USD per unit [...] at a skew [...] of longs - shorts in units."""
    return price * (1.0 + skew / scale)


def skewed_fill(price: Array, skew: Array, scale: Array, size: Array) -> Array:
    """USD per unit [...] of a trade of ``size`` [...] units, bought > 0: the mean over its walk."""
    return 0.5 * (skewed_price(price, skew, scale) + skewed_price(price, skew + size, scale))
