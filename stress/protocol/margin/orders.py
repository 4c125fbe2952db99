"""Open orders in margin: what an account would hold if those on its worse side were filled."""

from __future__ import annotations

from stress.protocol.margin.base import Values, namespace
from stress.protocol.margin.weights import weighted


def worst_units(size: Values, bids: Values, asks: Values) -> Values:
    """Units [...] >= 0 to hold margin for: the larger position of all bids filled and of all asks filled."""
    xp = namespace(size)
    return xp.maximum(xp.abs(size + bids), xp.abs(size - asks))


def worst_value(quote: Values, size: Values, bids: Values, asks: Values, price: Values, asset: Values,
                liability: Values) -> Values:
    """USD [...] of a perpetual position that counts if the worse side of its orders, in units, is filled at ``price``.

    ``quote`` [...] is the position's own quote balance in USD (Mango v4, ``src/health/cache.rs``).
    """
    bought = weighted((size + bids) * price, asset, liability) - bids * price
    sold = weighted((size - asks) * price, asset, liability) + asks * price
    return quote + namespace(bought).minimum(bought, sold)
