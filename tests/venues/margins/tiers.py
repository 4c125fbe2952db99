"""Venues whose margins grow with the position: Binance, Bybit, Deribit, Hyperliquid."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from stress.protocol.margin.base import MarginCurve
from stress.protocol.margin.flat import flat_requirement
from stress.protocol.margin.health import unrealised_pnl
from stress.protocol.margin.linear_size import LinearSize
from stress.protocol.margin.liquidation_price import liquidation_price, liquidation_price_at_rate
from stress.protocol.margin.tiers import MarginTable, leverage_table, margin_table
from tests.venues.cases import Answer

SIDES = {"long": 1.0, "short": -1.0}
MAINTENANCE = 0.5
"""Hyperliquid's maintenance margin as a share of the initial margin at the most leverage."""


def requirement(curve: MarginCurve, size: float, price: float) -> float:
    """Requirement in USD of one position."""
    units = np.array([abs(size)])
    return float(curve.requirement(units, units * price)[0])


def price(curve: MarginCurve, size: float, at: float, slack: float) -> float:
    """Liquidation price of one position whose account has that slack at price ``at``."""
    return float(liquidation_price(curve, np.array([size]), np.array([at]), np.array([slack]))[0])


def table(rows: list[dict[str, float]]) -> MarginTable:
    """Tiers of one market; beyond its last bound the last rate holds."""
    bounds = np.array([*(row["cap"] for row in rows[:-1]), np.inf])
    return margin_table([bounds], [np.array([row["mmr"] for row in rows])])


@cache
def binance() -> dict[str, MarginTable]:
    """Tables of 2024-10-24 by base asset, as stored by freqtrade (binance_leverage_tiers.json)."""
    rows = json.loads((Path(__file__).parent / "binance.json").read_text())
    return {name: table([{"cap": cap, "mmr": rate} for cap, rate in tiers]) for name, tiers in rows.items()}


def brackets(case: Mapping[str, Any]) -> dict[str, Any]:
    """Maintenance amounts."""
    return {"cum": table(case["brackets"]).deduction[0].tolist()}


def binance_margin(case: Mapping[str, Any]) -> dict[str, Any]:
    """Of one notional by the published table."""
    return {"maintenance_margin": requirement(binance()[case["symbol"].partition("/")[0]], 1.0, case["notional"])}


def binance_price(case: Mapping[str, Any]) -> dict[str, Any]:
    """Cross: other positions take their requirement and add their gains."""
    slack = case["wallet_balance"] + sum(_gain(other) - _held(other) for other in case["other_positions"])
    size = np.array(SIDES[case["side"]] * case["size"])
    rate, deduction = case["mm_rate"], case["maintenance_amount"]
    return {"liquidation_price": liquidation_price_at_rate(size, case["entry_price"], slack, rate, deduction)}


def _gain(other: Mapping[str, Any]) -> float:
    if "unrealised_pnl" in other:
        return other["unrealised_pnl"]
    size = np.array(SIDES[other["side"]] * other["size"])
    return float(unrealised_pnl(size, np.array(other["mark_price"]), np.array(other["entry_price"])))


def _held(other: Mapping[str, Any]) -> float:
    if "maintenance_margin" in other:
        return other["maintenance_margin"]
    whole = flat_requirement(np.array(other["size"] * other["mark_price"]), np.array(other["mm_rate"]))
    return float(whole) - other["maintenance_amount"]


def deribit_margin(case: Mapping[str, Any]) -> dict[str, Any]:
    """A base rate and so much for every unit."""
    curve = LinearSize(np.array([case["base_rate"]]), np.array([case["rate_per_unit"]]))
    return {"margin": requirement(curve, case["size"], case["price"])}


def bybit_margin(case: Mapping[str, Any]) -> dict[str, Any]:
    """Of one notional by the tiers given."""
    return {"maintenance_margin": requirement(table(case["tiers"]), 1.0, case["notional"])}


def hyperliquid_initial(case: Mapping[str, Any]) -> dict[str, Any]:
    """At the leverage that the account chose."""
    return {"margin": requirement(_leverage(case["leverage"], 1.0), 1.0, case["notional"])}


def hyperliquid_price(case: Mapping[str, Any]) -> dict[str, Any]:
    """Isolated: the margin is the slack. Cross: so is account value less the others' requirement."""
    size, at = SIDES[case["side"]] * case["size"], case.get("entry_price", case.get("mark_price"))
    if "isolated_margin" in case:
        curve, slack = _leverage(case["max_leverage"], MAINTENANCE), case["isolated_margin"]
    else:
        curve = _leverage(1.0 / case["mm_rate_target"], 1.0)
        slack = case["cross_account_value"] - case["total_maintenance_margin"] + requirement(curve, size, at)
    found = price(curve, size, at, slack)
    return {"liquidation_price": found, "equity_at_liquidation": requirement(curve, size, found)}


def _leverage(most: float, share: float) -> MarginTable:
    return leverage_table([np.array([np.inf])], [np.array([most])], np.array([share]))


ANSWERS: dict[tuple[str, str], Answer] = {
    ("binance_usdm", "bracket_table"): brackets,
    ("binance_usdm", "liquidation_price"): binance_price,
    ("binance_usdm", "maintenance_margin"): binance_margin,
    ("deribit", "initial_margin"): deribit_margin,
    ("deribit", "maintenance_margin"): deribit_margin,
    ("hyperliquid", "initial_margin"): hyperliquid_initial,
    ("hyperliquid", "liquidation_price"): hyperliquid_price,
}
