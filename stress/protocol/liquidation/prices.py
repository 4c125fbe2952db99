"""At what price positions are closed: bankruptcy prices, limits of orders, what liquidators pay.

Units are signed like the position (long > 0); ``side`` is their sign. Sources: dYdX v4
``x/clob/keeper/liquidations.go``, Drift v2 ``math/liquidation.rs``, Perp Curie ``ClearingHouse.sol``, help pages of
Bybit and Lighter.
"""

from __future__ import annotations

from stress.protocol.margin.base import Values, namespace
from stress.protocol.rounding import round_down


def bankruptcy_quote(value: Values, equity: Values, share: Values, step: float = 0.0) -> Values:
    """USD [...] that closing must bring (cost, if negative) for the rest of the account to keep its share of equity.

    ``value`` [...] is signed and at the oracle price, ``share`` [...] that of the account's requirement which the
    closing releases (one for an isolated position). dYdX rounds the equity that goes with it down to ``step``.
    """
    return value - round_down(equity * share, step)


def bankruptcy_price(price: Values, units: Values, equity: Values, share: Values) -> Values:
    """USD per unit [...] at which closing ``units`` [...] leaves equity / requirement of the account as it is.

    ``equity`` [...] is that at ``price`` [...], which it is where there are no units and no share. Closed there in all
    its markets, the account ends with nothing. With a share of one Lighter calls it the zero price.
    """
    return price - equity * share / namespace(units).where(units != 0, units, 1.0)


def bankruptcy_price_at_leverage(entry: Values, leverage: Values, side: Values) -> Values:
    """Price [...] at which a position in a linear contract has lost its initial margin, entry x units / leverage."""
    return entry * (1.0 - side / leverage)


def inverse_bankruptcy_price(entry: Values, leverage: Values, side: Values) -> Values:
    """The same for a contract of a fixed number of USD that is margined in the base asset (Bybit, BitMEX)."""
    return entry * leverage / (leverage + side)


def inverse_liquidation_price(contracts: Values, value: Values, slack: Values, side: Values) -> Values:
    """USD per coin [...] at which a contract margined in its base asset has lost its ``slack`` [...] (Bybit, isolated).

    ``contracts`` [...] are in USD, their ``value`` [...] at entry and the slack, initial less maintenance margin, in
    coins. A fee or a maintenance margin that is a rate of the value at that very price belongs to the contracts:
    ``contracts x (1 + side x rate)``, and then not to the slack.
    """
    return contracts / (value + side * slack)


def fillable_price(
    price: Values,
    units: Values,
    equity: Values,
    requirement: Values,
    margin: Values,
    adjustment: Values,
    spread: Values,
) -> Values:
    """dYdX's limit [...] in USD per unit: from the oracle price towards ``spread`` maintenance margins beyond it.

    ``units`` and their own maintenance ``margin`` are of the whole position, ``equity`` and ``requirement`` of the
    account, which is the closer to the far end the smaller equity / requirement is; ``adjustment`` hastens it.
    """
    xp = namespace(equity)
    healthy = equity / xp.where(requirement > 0, requirement, 1.0)
    distress = xp.clip(adjustment * (1.0 - healthy), 0.0, 1.0)
    return price - distress * spread * margin / units


def takeover_price(price: Values, side: Values, fee: Values) -> Values:
    """USD per unit [...] at which a liquidator takes a position over: worse for its owner by the fee's rate."""
    return price * (1.0 - side * fee)


def swap_bound(
    asset_price: Values, asset_multiplier: Values, liability_price: Values = 1.0, liability_multiplier: Values = 1.0
) -> Values:
    """Least units of liability [...] that a unit of collateral must bring when a liquidator swaps it (Drift)."""
    return asset_price * liability_multiplier / (liability_price * asset_multiplier)


def meets_limit(received: Values, given: Values, limit: Values) -> Values:
    """Whether [...] what is received for each unit given is at least the limit."""
    return received >= limit * given


def closes(held: Values, change: Values) -> Values:
    """Whether [...] a signed ``change`` of units makes the position that is ``held`` smaller and does not turn it."""
    return (held * change < 0) & (abs(change) <= abs(held))
