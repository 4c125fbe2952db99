"""The fund's fee on what is liquidated, no larger than the account bears. Source: Drift v2 ``math/liquidation.rs``."""

from __future__ import annotations

from stress.protocol.margin.base import Values, namespace

KEPT = 0.95
"""Share of what an account can bear that is asked of it, lest the fee alone make it bankrupt."""


def fund_fee(short: Values, notional: Values, ratio: Values, fee: Values, largest: Values) -> Values:
    """Rate [...] on the ``notional`` [...] in USD of a position whose account is ``short`` [...] USD of margin.

    ``ratio`` [...] is the margin ratio with buffer and ``fee`` the liquidator's: what closing all of the position
    frees beyond the shortage may go to the fund.
    """
    xp, held = namespace(notional), notional > 0
    bearable = ratio - fee - short / xp.where(held, notional, 1.0)
    return xp.where(held, xp.clip(KEPT * bearable, 0.0, largest), 0.0)


def fund_fee_on_debt(
    short: Values, value: Values, liability_weight: Values, lost_weight: Values, largest: Values
) -> Values:
    """Rate [...] on a debt of ``value`` [...] USD that is repaid with collateral.

    ``lost_weight`` [...] is the discounted weight of the collateral (``liquidation.collateral``), infinite if there is
    no liability multiplier.
    """
    xp = namespace(value)
    works = (value > 0) & (lost_weight < liability_weight)
    bearable = liability_weight - xp.where(works, lost_weight, 0.0) - short / xp.where(value > 0, value, 1.0)
    return xp.where(works, xp.clip(bearable / liability_weight, 0.0, largest), 0.0)
