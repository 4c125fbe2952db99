"""Bybit, Synthetix v3, Perp Curie and Nibiru."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import jax.numpy as jnp
import numpy as np

from stress.protocol.insurance.penalty import remainder, split
from stress.protocol.keeper_reward import keeper_reward
from stress.protocol.liquidation import half, window
from stress.protocol.liquidation.prices import bankruptcy_price_at_leverage, inverse_bankruptcy_price, takeover_price
from stress.protocol.waterfall.insurance_fund import payment
from tests.venues.cases import Answer

Inputs = Mapping[str, Any]

WEI = 10**18


def bankruptcy_price(i: Inputs) -> Inputs:
    price = inverse_bankruptcy_price if i["contract"] == "inverse" else bankruptcy_price_at_leverage
    return {"bankruptcy_price": price(i["entry"], i["leverage"], 1.0 if i["side"] == "long" else -1.0)}


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
    price, base, side = i["mark_price"], i["base"], 1.0 if i["base"] > 0 else -1.0
    notional = jnp.asarray([[abs(base) * price]])
    equity = jnp.asarray([i["collateral"] + i["open_notional"] + base * price])
    enough = 0.5 * i["mm_ratio"] * notional[0]
    part = half.share(equity, enough, notional, 0.5, i["min_partial_position_value"])
    share = float(half.share_of_position(part, notional)[0, 0])
    closed = share * notional[0, 0]
    penalty = i["penalty_ratio"] * closed
    reward, fund = split(penalty, 0.5, equity[0] < 0)
    return {
        "liquidated_size": share * abs(base),
        "notional": closed,
        "penalty": penalty,
        "realized_pnl": side * closed + share * i["open_notional"],
        "liquidator_quote": -side * share * abs(base) * takeover_price(price, side, reward / closed),
        "insurance_fund": fund,
    }


NIBIRU = {"size": 10000, "margin": 1000, "ef": 0, "mm_ratio": 0.0625, "liquidation_fee": 0.05, "partial_ratio": 0.5,
          "spot_price": 1}
"""The account of the venue's test of several at once, but for what it paid."""

NIBIRU_PAID = {"partial": 10400, "full": 10600, "healthy": 10000}


def nibiru_scenario(i: Inputs) -> Inputs:
    if "accounts" in i:
        found = [_nibiru({**NIBIRU, "op": NIBIRU_PAID[name], "vault": 0}) for name in i["accounts"]]
        total = {key: sum(row[key] for row in found) for key in found[0]}
        return {**total, "vault": i["vault"] + total["vault"]}
    return _nibiru(i)


def _nibiru(i: Inputs) -> dict[str, Any]:
    """A long at the price of a deep pool."""
    notional = i["size"] * i["spot_price"]
    equity = jnp.asarray([i["margin"] + notional - i["op"]])
    if equity[0] >= i["mm_ratio"] * notional:
        return {"vault": i["vault"], "ecosystem_fund": i["ef"], "liquidator": 0}
    share = half.share(equity, i["liquidation_fee"] * jnp.asarray([notional]), jnp.asarray([[notional]]),
                       i["partial_ratio"], 0.0)[0]
    reward, to_fund = split(i["liquidation_fee"] * share * notional, 0.5)
    if share < 1:
        return {"vault": i["vault"] - reward - to_fund, "ecosystem_fund": i["ef"] + to_fund, "liquidator": reward}
    left, debt = remainder(equity[0], reward)
    paid = payment(jnp.asarray(float(i["ef"])), debt)
    return {"vault": i["vault"] - reward - left + paid, "ecosystem_fund": i["ef"] + left - paid, "liquidator": reward}


ANSWERS: dict[tuple[str, str], Answer] = {
    ("bybit", "bankruptcy_price"): bankruptcy_price,
    ("nibiru_perp_v2", "liquidation_scenario"): nibiru_scenario,
    ("perpetual_curie", "liquidation_scenario"): curie_scenario,
    ("synthetix_v3_perps", "keeper_reward"): keepers_reward,
    ("synthetix_v3_perps", "liquidation_throttle"): liquidation_throttle,
}
