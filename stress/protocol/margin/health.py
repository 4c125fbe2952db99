"""What an account is worth, and when that is too little."""

from __future__ import annotations

from stress.protocol.margin.base import Values, namespace


def falls_short(equity: Values, requirement: Values) -> Values:
    """Whether accounts [...] are liquidatable: equity is below the requirement, strictly, and there is one."""
    return (requirement > 0) & (equity < requirement)


def unrealised_pnl(size: Values, price: Values, entry: Values) -> Values:
    """USD [...] that positions of ``size`` [...] base units (short < 0) gained since their entry."""
    return size * (price - entry)


def margin_ratio(equity: Values, notional: Values) -> Values:
    """Equity [...] as a share of the notional; infinite without a position."""
    xp = namespace(notional)
    return xp.where(notional > 0, equity / xp.where(notional > 0, notional, 1.0), xp.inf)


def below_minimum(equity: Values, size: Values, least: Values, share: Values) -> Values:
    """Whether positions [...] are liquidatable: equity is not above zero, below ``least`` or a share of ``size``.

    ``equity`` [...] in USD is the position's collateral and profit less its fees, ``size`` [...] in USD its notional
    at entry, ``least`` in USD. GMX v2 (``PositionUtils.sol``, ``isPositionLiquidatable``); other than ``falls_short``
    this includes an equity of zero.
    """
    return (equity <= 0) | (equity < least) | (equity < share * size)
