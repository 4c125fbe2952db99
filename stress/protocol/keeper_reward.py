"""What a keeper gets for a liquidation. Source: Synthetix v3 ``GlobalPerpsMarketConfiguration.sol``."""

from __future__ import annotations

from stress.protocol.margin.base import Values, namespace


def keeper_reward(
    cost: Values, notional: Values, ratio: Values, profit: Values, smallest: Values, largest: Values
) -> Values:
    """USD [...] for a liquidation that costs its keeper ``cost`` [...]: a ratio of ``notional`` [...] beyond the cost.

    At least the larger of ``smallest`` and the ``profit`` ratio of the cost beyond the cost, at most ``largest``.
    """
    xp = namespace(cost)
    least = xp.maximum(cost + smallest, cost * (1 + profit))
    return xp.minimum(xp.maximum(least, notional * ratio + cost), largest)
