"""Venues whose counterparty is a pool or a virtual market maker: GMX, Synthetix, Nibiru."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stress.liquidity.skew import skewed_fill
from stress.protocol.funding.index import payment
from stress.protocol.margin.health import below_minimum, falls_short, gain_on_notional, margin_ratio, unrealised_pnl
from stress.protocol.margin.linear_size import skew_margin
from tests.venues.cases import Answer
from tests.venues.margins.tiers import SIDES


def gmx_liquidatable(case: Mapping[str, Any]) -> dict[str, Any]:
    """A minimum in USD, and one in proportion to the size at entry."""
    size = SIDES[case["side"]] * case["size_tokens"]
    equity = case["collateral_tokens"] * case["price"] + unrealised_pnl(size, case["price"], case["entry_price"])
    least, share = case["min_collateral_usd"], case["min_collateral_factor"]
    return {"liquidatable": bool(below_minimum(equity, case["size_usd"], least, share))}


def synthetix_gain(market: Mapping[str, Any]) -> float:
    """USD gained since the entry, at the mean of the oracle price with the skew before and after."""
    names = ("entry_oracle", "skew_before", "skew_scale", "size")
    entry = skewed_fill(*(market[name] for name in names))
    return unrealised_pnl(market["size"], market["price"], entry)


def synthetix_margin(case: Mapping[str, Any]) -> dict[str, Any]:
    """Collateral and gains."""
    gains = {market["market"]: synthetix_gain(market) for market in case["markets"]}
    return {"pnl": gains, "available_margin": case["collateral_usd"] + sum(gains.values())}


def synthetix_liquidatable(case: Mapping[str, Any]) -> dict[str, Any]:
    """Available margin below the requirements of all markets."""
    names = ("size", "price", "min_initial_ratio", "initial_margin_fraction", "skew_scale", "maintenance_scalar")
    need = sum(skew_margin(*(np.array(market[name], float) for name in names), market.get("min_position_margin", 0.0))
               for market in case["markets"])
    return {"liquidatable": bool(falls_short(synthetix_margin(case)["available_margin"], need))}


def nibiru_gain(case: Mapping[str, Any]) -> dict[str, Any]:
    """Of a position whose open notional and notional are given."""
    return {"upnl": gain_on_notional(*(np.array(case[name]) for name in ("size", "position_notional", "open_notional")))}


def nibiru_ratio(case: Mapping[str, Any]) -> dict[str, Any]:
    """Margin, gain and funding over the notional."""
    paid = payment(case["size"], case["cumulative_premium_fraction_delta"])
    equity = case["margin"] + nibiru_gain(case)["upnl"] - paid
    return {"margin_ratio": margin_ratio(equity, np.array(case["position_notional"]))}


ANSWERS: dict[tuple[str, str], Answer] = {
    ("gmx_v2", "liquidation_trigger"): gmx_liquidatable,
    ("nibiru_perp_v2", "margin_ratio"): nibiru_ratio,
    ("nibiru_perp_v2", "unrealised_pnl"): nibiru_gain,
    ("synthetix_v3_perps", "account_margin"): synthetix_margin,
    ("synthetix_v3_perps", "liquidation_trigger"): synthetix_liquidatable,
}
