"""What a liquidator takes over at a discount, and what its owner realises. Source: Perp Curie ``ClearingHouse.sol``."""

from __future__ import annotations

from typing import NamedTuple

from stress.protocol.liquidation.prices import takeover_price
from stress.protocol.margin.base import Values, namespace


class Taken(NamedTuple):
    """A position or a part of it, arrays [...] all."""

    units: Values  # base units that the liquidator gets, short < 0
    notional: Values  # USD > 0 at the venue's price
    realised: Values  # USD that the owner gains at that price, before any penalty
    quote: Values  # USD that the liquidator receives, paid < 0


def taken(size: Values, open_notional: Values, price: Values, share: Values, reward: Values) -> Taken:
    """A ``share`` [...] of positions of ``size`` [...] units (short < 0), taken over at ``price`` [...] less a reward.

    ``open_notional`` [...] in USD is what was received for the position, paid < 0 (for longs); ``reward`` [...] is the
    liquidator's, as a share of the notional.
    """
    xp, units = namespace(size), share * size
    quote = -units * takeover_price(price, xp.sign(size), reward)
    return Taken(units, xp.abs(units) * price, units * price + share * open_notional, quote)
