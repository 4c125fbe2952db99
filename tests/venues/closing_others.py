"""Bybit, Synthetix v3, Perp Curie and Nibiru."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import jax.numpy as jnp
import numpy as np

from stress.liquidity.constant_product import closing_value
from stress.protocol.insurance.penalty import cover_debt, remainder, split
from stress.protocol.keeper_reward import keeper_reward
from stress.protocol.liquidation import half, window
from stress.protocol.liquidation.prices import (
    bankruptcy_price_at_leverage,
    inverse_bankruptcy_price,
    inverse_liquidation_price,
)
from stress.protocol.liquidation.taken import taken
from stress.protocol.margin.flat import flat_requirement
from stress.protocol.margin.health import falls_short, gain_on_notional
from tests.venues.cases import Answer

Inputs = Mapping[str, Any]

WEI = 10**18
CURIE_RATIO = 1e-6
"""What Curie rounds the share of a position to."""


def bankruptcy_price(i: Inputs) -> Inputs:
    """Of a whole account, if it says a balance: its taker fee is lost too."""
    side = 1.0 if i["side"] == "long" else -1.0
    if "wallet_balance" in i:
        contracts = i["contracts"] * (1.0 + side * i["taker_fee"])
        price = inverse_liquidation_price(contracts, i["contracts"] / i["entry"], i["wallet_balance"], side)
        return {"bankruptcy_price": price if i["contract"] == "inverse" else None}
    rule = inverse_bankruptcy_price if i["contract"] == "inverse" else bankruptcy_price_at_leverage
    return {"bankruptcy_price": rule(i["entry"], i["leverage"], side)}


def liquidation_throttle(i: Inputs) -> Inputs:
    held, acted = jnp.asarray(float(i["size_before"])), jnp.asarray(i.get("already_in_block", False))
    if "maker_fee" in i:
        limit = window.capacity(*(i[name] for name in ("maker_fee", "taker_fee", "skew_scale", "multiplier", "window_s")))
        # seconds after a first call at time zero, which took all that there was, unless it is said what was
        before = i.get("liquidated", [[0, limit]] if i["time_s"] > 0 else [[0, 0.0]])
        when, amounts = (jnp.asarray(x, float) for x in zip(*before, strict=True))
        gone = window.used(amounts, i["time_s"] - when, i["window_s"])
        units = window.units_now(held, limit, gone, 0.0, i["skew_scale"], 0.0, acted)
    else:
        limit = i.get("window_capacity", held)
        gone = limit - i.get("capacity_left", 0.0)
        units = window.units_now(held, limit, gone, i["skew"], i["skew_scale"], i["max_pd"], acted)
    units = held if i.get("endorsed_liquidator") else units
    return {"liquidated": units, "size_after": held - units}


def keepers_reward(i: Inputs) -> Inputs:
    """In wei, exactly: venue and functions are the same, whatever the kind of number."""
    exact = [Fraction(str(i[name])) for name in ("cost_wei", "notional_usd", "reward_ratio", "min_profit_ratio",
                                                 "min_reward_wei", "max_reward_wei")]
    exact[1] *= WEI
    (reward,) = keeper_reward(*(np.array([x], dtype=object) for x in exact))
    return {"reward_wei": int(reward)}


def curie_scenario(i: Inputs) -> Inputs:
    """One position is closed; half is meant of the notional of all."""
    held = [i, *({**other, "collateral": 0.0} for other in i.get("other_positions", ()))]
    notional = jnp.asarray([[abs(row["base"]) * row["mark_price"]] for row in held])
    equity = sum(jnp.asarray([row["collateral"] + row["open_notional"] + row["base"] * row["mark_price"]]) for row in held)
    least = i["min_partial_position_value"]
    part = half.share(equity, 0.5 * flat_requirement(notional.sum(0), i["mm_ratio"]), notional, 0.5, 0.0)
    share = half.share_of_position(part, notional, least, CURIE_RATIO)[0, 0]
    reward, fund = split(i["penalty_ratio"], 0.5, equity[0] < 0)
    got = taken(jnp.asarray(i["base"]), i["open_notional"], i["mark_price"], share, reward)
    return {
        "liquidated_size": abs(got.units),
        "notional": got.notional,
        "penalty": flat_requirement(got.notional, i["penalty_ratio"]),
        "realized_pnl": got.realised,
        "liquidator_quote": got.quote,
        "insurance_fund": fund * got.notional,
    }


NIBIRU = {"size": 10000, "margin": 1000, "ef": 0, "mm_ratio": 0.0625, "liquidation_fee": 0.05, "partial_ratio": 0.5,
          "spot_price": 1}
"""The account of the venue's test of several at once, but for what it paid."""

DEEP = 1e12
"""Base units in the venue's test pool."""

NIBIRU_PAID = {"partial": 10400, "full": 10600, "healthy": 10000}


def nibiru_scenario(i: Inputs) -> Inputs:
    if "accounts" in i:
        found = [_nibiru({**NIBIRU, "op": NIBIRU_PAID[name], "vault": 0}) for name in i["accounts"]]
        total = {key: sum(row[key] for row in found) for key in found[0]}
        return {**total, "vault": i["vault"] + total["vault"]}
    return _nibiru(i)


def _nibiru(i: Inputs) -> dict[str, Any]:
    """One account, at the price of the virtual market maker."""
    size, fee, part = jnp.asarray([float(i["size"])]), i["liquidation_fee"], i["partial_ratio"]
    prepaid = i.get("prepaid_bad_debt", 0.0)
    notional = closing_value(size, i.get("amm_depth", DEEP), i["spot_price"])
    equity = i["margin"] + gain_on_notional(size, notional, i["op"])
    if not falls_short(equity, flat_requirement(notional, i["mm_ratio"]))[0]:
        return {"vault": i["vault"], "ecosystem_fund": i["ef"], "liquidator": 0}
    share = half.share(equity, flat_requirement(notional, fee), notional[None], part, 0.0)[0]
    reward, to_fund = split(flat_requirement(share * notional[0], fee), 0.5)
    if share < 1:
        return {"vault": i["vault"] - reward - to_fund, "ecosystem_fund": i["ef"] + to_fund, "liquidator": reward}
    left, debt = remainder(equity[0], reward)
    _, paid, _ = cover_debt(debt, prepaid, i["ef"])
    return {"vault": i["vault"] - reward - left + paid, "ecosystem_fund": i["ef"] + left - paid, "liquidator": reward}


def position_notional(i: Inputs) -> Inputs:
    return {"notional": closing_value(jnp.asarray(float(i["size"])), i["reserve"], i["price_multiplier"])}


ANSWERS: dict[tuple[str, str], Answer] = {
    ("bybit", "bankruptcy_price"): bankruptcy_price,
    ("nibiru_perp_v2", "liquidation_scenario"): nibiru_scenario,
    ("nibiru_perp_v2", "position_notional"): position_notional,
    ("perpetual_curie", "liquidation_scenario"): curie_scenario,
    ("synthetix_v3_perps", "keeper_reward"): keepers_reward,
    ("synthetix_v3_perps", "liquidation_throttle"): liquidation_throttle,
}
