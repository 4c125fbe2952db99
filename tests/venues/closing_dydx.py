"""dYdX v4: limits of orders, portions, the fund's share, scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from stress.protocol.insurance.delta import can_pay, fill_delta
from stress.protocol.liquidation.portion import notional_bounds
from stress.protocol.liquidation.prices import closes
from tests.venues.cases import Answer
from tests.venues.ledger import Account, Market

Inputs = Mapping[str, Any]

WRONG_FILL = {"error": "error:ErrInvalidQuantumsForInsuranceFundDeltaCalculation"}
WRONG_CHANGE = {"error": "error:ErrInvalidPerpetualPositionSizeDelta"}


def _invalid(i: Inputs, account: Account) -> bool:
    return not closes(account.positions.get(i["close_market"], 0.0), i["delta_size"])


def bankruptcy_price(i: Inputs) -> Inputs:
    account, change = Account.of(i), i["delta_size"]
    if _invalid(i, account):
        return WRONG_CHANGE
    quote = account.quote(i["close_market"], change)
    return {"signed_quote_usd": quote, "bankruptcy_price": quote / -change}


def liquidation_limit_price(i: Inputs) -> Inputs:
    account, numbers = Account.of(i), (i["bankruptcy_adjustment"], i["spread_to_maintenance_margin_ratio"])
    if _invalid(i, account):
        return WRONG_CHANGE
    return {"fillable_price": account.limit(i["close_market"], *numbers)}


def insurance_fund_delta(i: Inputs) -> Inputs:
    account, side = Account.of(i), 1.0 if i["side"] == "buy" else -1.0
    quote = account.quote(i["close_market"], side * i["fill_size"])
    received = -side * i["fill_size"] * i["fill_price"]
    delta = fill_delta(jnp.asarray(received), quote, i["max_liquidation_fee"])
    return {"insurance_fund_delta_usd": delta} if i["fill_size"] else WRONG_FILL


def insurance_fund_validity(i: Inputs) -> Inputs:
    return {"valid": can_pay(i["balance_usd"], i["delta_usd"])}


def partial_liquidation_limits(i: Inputs) -> Inputs:
    notional = jnp.asarray(float(i["position_notional_usd"]))
    least, most = notional_bounds(notional, i["min_position_notional_usd"], i["max_position_portion"])
    return {"min_usd": least, "max_usd": most}


def liquidation_scenario(i: Inputs) -> Inputs:
    accounts = {name: Account.of(row) for name, row in i["accounts"].items()}
    market = Market("BTC", accounts, [dict(order) for order in i["book"]], i["insurance_fund_usd"], i["config"],
                    constant_fund="limit_price" in i)
    if i["final_settlement"]:
        market.settle_finally()
    for name in i["liquidate"]:
        market.liquidate(name, i.get("limit_price"))
    return {
        "accounts": {name: {"collateral_usd": a.cash, "positions": a.positions} for name, a in market.accounts.items()},
        "filled_btc": market.filled,
        "insurance_lost_usd": market.lost,
        "requires_deleveraging": market.short,
    }


ANSWERS: dict[tuple[str, str], Answer] = {
    ("dydx_v4", "bankruptcy_price"): bankruptcy_price,
    ("dydx_v4", "insurance_fund_delta"): insurance_fund_delta,
    ("dydx_v4", "insurance_fund_validity"): insurance_fund_validity,
    ("dydx_v4", "liquidation_limit_price"): liquidation_limit_price,
    ("dydx_v4", "liquidation_scenario"): liquidation_scenario,
    ("dydx_v4", "partial_liquidation_limits"): partial_liquidation_limits,
}
