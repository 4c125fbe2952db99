"""How much of a debt in one token is repaid with collateral in another to cover a shortage of margin.

A liquidator repays liability and takes collateral; multipliers are their discounts (one plus or minus a fee).
Source: Drift v2 ``math/liquidation.rs``.
"""

from __future__ import annotations

from stress.protocol.margin.base import Values, namespace
from stress.protocol.rounding import round_down, round_up


def discounted_weight(
    asset_weight: Values, asset_multiplier: Values, liability_multiplier: Values, step: float = 0.0
) -> Values:
    """Weight [...] that is lost with the collateral that repays a USD of liability, rounded down to ``step``.

    Infinite where the liability's multiplier is zero.
    """
    xp = namespace(asset_weight)
    works = liability_multiplier > 0
    weight = round_down(asset_weight * asset_multiplier / xp.where(works, liability_multiplier, 1.0), step)
    return xp.where(works, weight, xp.inf)


def cover_liability(
    short: Values,
    price: Values,
    asset_weight: Values,
    liability_weight: Values,
    asset_multiplier: Values,
    liability_multiplier: Values,
    fund_fee: Values,
    weight_step: float = 0.0,
    step: float = 0.0,
) -> Values:
    """Units [...] of liability that cover the shortage ``short`` [...] in USD, infinite if repaying frees nothing."""
    xp = namespace(short)
    lost = discounted_weight(asset_weight, asset_multiplier, liability_multiplier, weight_step)
    freed = price * (liability_weight - lost - fund_fee * liability_weight)
    works = (asset_weight < liability_weight) & (lost < liability_weight) & (freed > 0)
    return xp.where(works, round_down(short / xp.where(works, freed, 1.0), step), xp.inf)


def liability_for_asset(
    asset: Values,
    asset_price: Values,
    liability_price: Values,
    asset_multiplier: Values,
    liability_multiplier: Values,
    step: float = 0.0,
) -> Values:
    """Units [...] of liability that ``asset`` [...] units of collateral repay, rounded up to ``step``."""
    return round_up(asset * asset_price * liability_multiplier / (liability_price * asset_multiplier), step)


def asset_for_liability(
    balance: Values,
    liability: Values,
    asset_price: Values,
    liability_price: Values,
    asset_multiplier: Values,
    liability_multiplier: Values,
    whole_within: Values = 1.0,
    step: float = 0.0,
) -> Values:
    """Units [...] of collateral that repay ``liability`` [...]; the whole ``balance`` [...] if that is about as much.

    ``whole_within`` is the difference in USD at which it is.
    """
    xp = namespace(balance)
    units = round_down(liability * liability_price * asset_multiplier / (asset_price * liability_multiplier), step)
    return xp.where(abs(balance - units) * asset_price < whole_within, balance, units)
