"""Drift v2: sizes that cover a shortage, pacing, fees, limits, the tests of whole liquidations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from stress.protocol.insurance.fees import fund_fee, fund_fee_on_debt
from stress.protocol.liquidation.auction import liquidator_fee
from stress.protocol.liquidation.collateral import (
    asset_for_liability,
    cover_liability,
    discounted_weight,
    liability_for_asset,
)
from stress.protocol.liquidation.cover_shortage import cover_units, pace, shortage, units_now
from stress.protocol.liquidation.prices import meets_limit, swap_bound, takeover_price
from tests.venues.cases import Answer

Inputs = Mapping[str, Any]

UNIT, WEIGHT, PERCENT, USD = 1e-9, 1e-5, 1e-4, 1e-6
"""What Drift rounds sizes, weights, paces and money to."""

ORDER_MARGIN = 0.01
"""USD that Drift asks for an open order."""


def numbers(i: Inputs, *names: str) -> list[Any]:
    """Inputs as arrays."""
    return [jnp.asarray(float(i[name])) for name in names]


def bounded(size: Any) -> Any:
    """A size, or that there is no bound."""
    return size if jnp.isfinite(size) else "unbounded"


def partial_liquidation_size(i: Inputs) -> Inputs:
    names = "margin_shortage_usd", "oracle_price", "margin_ratio_with_buffer", "liquidator_fee", "if_fee", "quote_price"
    return {"base_to_liquidate": bounded(cover_units(*numbers(i, *names)))}


def collateral_liquidation_size(i: Inputs) -> Inputs:
    multipliers = numbers(i, "asset_multiplier", "liability_multiplier")
    if "margin_shortage_usd" in i:
        names = "margin_shortage_usd", "liability_price", "asset_weight", "liability_weight"
        size = cover_liability(*numbers(i, *names), *multipliers, i["if_fee"], WEIGHT, UNIT)
        return {"liability_transfer": bounded(size)}
    prices = numbers(i, "asset_price", "liability_price")
    if "asset_amount" in i:
        return {"liability": liability_for_asset(*numbers(i, "asset_amount"), *prices, *multipliers, UNIT)}
    amounts = numbers(i, "asset_balance", "liability")
    return {"asset": asset_for_liability(*amounts, *prices, *multipliers, 1.0, UNIT)}


def insurance_fund_fee(i: Inputs) -> Inputs:
    short, largest = numbers(i, "margin_shortage_usd", "max_if_fee")
    if "token_amount" in i:
        amount, price, weight = numbers(i, "token_amount", "price", "liability_weight")
        lost = discounted_weight(*numbers(i, "asset_weight", "asset_multiplier", "liability_multiplier"))
        return {"if_fee": fund_fee_on_debt(short, amount * price, weight, lost, largest)}
    base, price, quote = numbers(i, "position_base", "oracle_price", "quote_price")
    rates = numbers(i, "margin_ratio_with_buffer", "liquidator_fee")
    return {"if_fee": fund_fee(short, base * price * quote, *rates, largest)}


def partial_liquidation_pacing(i: Inputs) -> Inputs:
    names = "margin_shortage_usd", "freed_usd", "slots_elapsed", "initial_pct", "duration_slots"
    return {"max_pct": pace(*numbers(i, *names), step=PERCENT)}


def liquidator_fee_auction(i: Inputs) -> Inputs:
    names = "slots_since_active", "base_fee", "max_fee", "grace_slots", "increase_per_slot"
    return {"fee": liquidator_fee(*numbers(i, *names))}


def liquidation_price_bound(i: Inputs) -> Inputs:
    price, asset_multiplier, multiplier = numbers(i, "asset_price", "asset_multiplier", "liability_multiplier")
    bound = swap_bound(price, asset_multiplier, 1.0, multiplier)
    return {"valid": meets_limit(i["quote_received"], i["asset_sold"], bound)}


def liquidator_limit_price(i: Inputs) -> Inputs:
    return {"ok": meets_limit(i["asset_transfer"], i["liability_transfer"], i["limit_price"])}


def liquidation_scenario(i: Inputs) -> Inputs:
    """Calls (slot, most units) of liquidators, the first when the account enters liquidation."""
    calls = i.get("calls", [[1, jnp.inf]])[: i.get("step_index", 0) + 1]
    base, quote, freed, exited = float(i["base"]), float(i["quote"]), 0.0, False
    orders = i.get("open_bid", 0.0)
    for slot, most in calls:
        if exited:
            break
        before = _short(i, base, quote, orders) + (ORDER_MARGIN if orders else 0.0)
        orders, short = 0.0, _short(i, base, quote)
        freed += float(before - short)
        base, quote = _close(i, base, quote, short, freed, slot - calls[0][0], most)
        left = _short(i, base, quote)
        freed += float(short - left)
        exited = not _short(i, base, quote, buffered=False)
        freed = 0.0 if exited else freed
    return {"base": base, "freed": freed, "exited": exited}


def _short(i: Inputs, base: float, quote: float, orders: float = 0.0, buffered: bool = True) -> Any:
    price = i["oracle_price"]
    pnl, notional = quote + base * price, (abs(base) + orders) * price
    return shortage(jnp.asarray(i["collateral_usd"] + pnl), i["margin_maintenance"] * notional, notional,
                    max(-pnl, 0.0) if buffered else 0.0, i["buffer"], USD)


def _close(
    i: Inputs, base: float, quote: float, short: Any, freed: float, elapsed: int, most: float
) -> tuple[float, float]:
    """Base and quote after a liquidator took what it may at the oracle price less its fee, and the fund got its fee."""
    price, fee, ratio = i["oracle_price"], i["liquidator_fee"], i["margin_maintenance"] + i["buffer"]
    charged = fund_fee(short, jnp.asarray(abs(base) * price), ratio, fee, i["max_if_fee"])
    cover = cover_units(short, price, ratio, fee, charged)
    part = pace(short, freed, jnp.asarray(float(elapsed)), i["initial_pct"], i.get("duration_slots", 0.0), step=PERCENT)
    units = min(float(units_now(jnp.asarray(abs(base)), price, cover, part, step=i["base_step"])), most)
    side = 1.0 if base > 0 else -1.0
    received = side * units * takeover_price(price, side, fee) - float(charged) * units * price
    return base - side * units, quote + received


ANSWERS: dict[tuple[str, str], Answer] = {
    ("drift_v2", "collateral_liquidation_size"): collateral_liquidation_size,
    ("drift_v2", "insurance_fund_fee"): insurance_fund_fee,
    ("drift_v2", "liquidation_price_bound"): liquidation_price_bound,
    ("drift_v2", "liquidation_scenario"): liquidation_scenario,
    ("drift_v2", "liquidator_fee_auction"): liquidator_fee_auction,
    ("drift_v2", "liquidator_limit_price"): liquidator_limit_price,
    ("drift_v2", "partial_liquidation_pacing"): partial_liquidation_pacing,
    ("drift_v2", "partial_liquidation_size"): partial_liquidation_size,
}
