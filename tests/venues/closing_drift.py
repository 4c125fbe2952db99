"""Drift v2: sizes that cover a shortage, pacing, fees, limits, the tests of whole liquidations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
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
from stress.protocol.liquidation.cover_shortage import cover_units, pace
from stress.protocol.liquidation.prices import meets_limit, swap_bound
from stress.protocol.liquidation.take_over import Position, Terms, take_over
from tests.venues.cases import Answer

Inputs = Mapping[str, Any]

UNIT, WEIGHT, PERCENT, USD = 1e-9, 1e-5, 1e-4, 1e-6
"""What Drift rounds sizes, weights, paces and money to; the collateral that repays a debt is USDC."""


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
    return {"asset": asset_for_liability(*amounts, *prices, *multipliers, 1.0, USD)}


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
    names = "margin_maintenance", "imf_factor", "buffer", "liquidator_fee", "max_if_fee", "initial_pct", "duration_slots"
    terms = Terms(*numbers({"imf_factor": 0.0, "duration_slots": 0.0, **i}, *names), units_step=i["base_step"],
                  rate_step=PERCENT, money_step=USD)
    orders = {"open_bid": 0.0, "open_ask": 0.0, **i}
    position = Position(*numbers(orders, "base", "quote", "collateral_usd", "open_bid", "open_ask"))
    position = replace(position, orders=float(orders["open_bid"] > 0) + float(orders["open_ask"] > 0))
    fund = paid = 0.0
    for slot, most in calls:
        taken = take_over(position, terms, float(i["oracle_price"]), jnp.asarray(float(slot - calls[0][0])), most)
        position, fund, paid = taken.position, fund + taken.fund, paid + taken.paid
        if not position.entered:
            break
    return {"base": position.base, "quote": position.quote, "freed": position.freed, "exited": not position.entered,
            "if_fee_usd": fund, "liquidator_quote": paid}


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
