"""A capacity for liquidations in a trailing window, and one more chunk a block while the market is balanced.

Source: Synthetix v3 ``markets/perps-market/contracts/storage/PerpsMarket.sol`` and ``PerpsMarketConfiguration.sol``.
"""

from __future__ import annotations

from stress.protocol.margin.base import Values, namespace


def capacity(maker_fee: Values, taker_fee: Values, skew_scale: Values, multiplier: Values, seconds: Values) -> Values:
    """Units [...] that may be liquidated in a window of ``seconds``."""
    return (maker_fee + taker_fee) * skew_scale * multiplier * seconds


def used(units: Values, age: Values, seconds: Values) -> Values:
    """Units [...] that were liquidated in the window, of ``units`` [..., M] that were ``age`` [..., M] seconds ago."""
    return namespace(units).where(age < seconds, units, 0.0).sum(-1)


def units_now(
    held: Values, limit: Values, gone: Values, skew: Values, skew_scale: Values, largest_premium: Values, acted: Values
) -> Values:
    """Units [...] of ``held`` [...] >= 0 that may be liquidated now, when ``gone`` [...] of the ``limit`` were.

    With nothing left of the limit, as much as a limit more is allowed where |skew| / scale is below the largest
    premium and nothing was liquidated in this block (``acted`` [...]). A limit of zero is none.
    """
    xp = namespace(held)
    left = xp.maximum(limit - gone, 0.0)
    balanced = (abs(skew) / skew_scale < largest_premium) & ~acted
    allowed = xp.where(left > 0, left, xp.where(balanced, limit, 0.0))
    return xp.minimum(xp.where(limit > 0, allowed, xp.inf), held)
