"""What an account is worth, and when that is too little."""

from __future__ import annotations

from stress.protocol.margin.base import Values, namespace


def falls_short(equity: Values, requirement: Values) -> Values:
    """Whether accounts [...] are liquidatable: equity is below the requirement, strictly, and there is one."""
    return (requirement > 0) & (equity < requirement)


def unrealised_pnl(size: Values, price: Values, entry: Values) -> Values:
    """USD [...] that positions of ``size`` [...] base units (short < 0) gained since their entry."""
    return size * (price - entry)


def inverse_pnl(contracts: Values, price: Values, entry: Values) -> Values:
    """Coins [...] that ``contracts`` [...] of one USD each, margined in the coin, gained since entry; short < 0.

    BitMEX's XBTUSD and Deribit's BTC-PERPETUAL. The engine has it as a linear gain in mirrored prices
    (``stress.contract``), where coins are counted at their price of time zero.
    """
    return contracts * (1.0 / entry - 1.0 / price)


def gain_on_notional(size: Values, notional: Values, open_notional: Values) -> Values:
    """The same [...] of what positions are worth now and were worth when opened, both [...] > 0 in USD (Nibiru)."""
    return namespace(size).sign(size) * (notional - open_notional)


def margin_ratio(equity: Values, notional: Values) -> Values:
    """Equity [...] as a share of the notional; infinite without a position."""
    xp = namespace(notional)
    return xp.where(notional > 0, equity / xp.where(notional > 0, notional, 1.0), xp.inf)


def compare_risk(equity: Values, requirement: Values, other_equity: Values, other_requirement: Values) -> Values:
    """1 where the first account [...] is riskier, -1 where the other is, 0 where neither. All in USD.

    The riskier has the smaller equity over requirement; of equals the one with the larger requirement, and without
    requirements the one with less equity. dYdX v4 (``lib/margin/risk.go``) compares products and not ratios.
    """
    xp = namespace(equity)
    ratio = xp.sign(other_equity * requirement - equity * other_requirement)
    flat = (requirement == 0) & (other_requirement == 0)
    tie = xp.where(flat, other_equity - equity, requirement - other_requirement)
    return xp.where(ratio != 0, ratio, xp.sign(tie))


def below_minimum(equity: Values, size: Values, least: Values, share: Values) -> Values:
    """Whether positions [...] are liquidatable: equity is not above zero, below ``least`` or a share of ``size``.

    ``equity`` [...] in USD is the position's collateral and profit less its fees, ``size`` [...] in USD its notional
    at entry, ``least`` in USD. GMX v2 (``PositionUtils.sol``, ``isPositionLiquidatable``); other than ``falls_short``
    this includes an equity of zero.
    """
    return (equity <= 0) | (equity < least) | (equity < share * size)
