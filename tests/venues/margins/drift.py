"""Drift: rates that grow with the root of the size, weights of collateral, marks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stress.protocol.margin.orders import worst_units
from stress.protocol.margin.root_size import chosen_rate, fill_rate, high_leverage_initial, root_rate
from stress.protocol.margin.weights import asset_weight, deposit_scaled, size_discount
from stress.protocol.marks import funding_basis, median_mark, within_band
from tests.venues.cases import Answer

UNIT = 1e-4
"""Smallest unit of margin ratios and weights."""
ORDER_USD = 0.01
"""Margin of an open order."""
OFFSET, PERIODS_A_DAY = 1.0 / 5000.0, 24.0


def rate(case: Mapping[str, Any], kind: str, units: np.ndarray) -> np.ndarray:
    """Margin ratio of positions of ``units``: initial, maintenance, or of a fill that of the mean of both."""
    factor, (normal, high) = case["imf_factor"], (base(case, name, kind) for name in ("margin", "hlm"))
    if not case.get("high_leverage"):
        return root_rate(normal, factor, units, UNIT)
    if kind == "initial":
        return high_leverage_initial(normal, high, factor, units, UNIT)
    return root_rate(high, factor, units, UNIT)


def base(case: Mapping[str, Any], name: str, kind: str) -> float:
    """Margin ratio of small positions, normal or in high-leverage mode."""
    if kind == "fill":
        return float(fill_rate(base(case, name, "initial"), base(case, name, "maintenance"), UNIT))
    return case.get(f"{name}_{kind}", 0.0)


def ratio(case: Mapping[str, Any]) -> dict[str, Any]:
    """Of one size, of many, or the requirement of a position with an open order."""
    if "sizes" in case:
        return _many(case)
    if "open_bid" in case:
        units = worst_units(np.array(case["base"]), np.array(case["open_bid"]), np.array(0.0))
        need = units * case["price"] * rate(case, "maintenance", units)
        return {"maintenance_margin_usd": need + ORDER_USD * case["open_orders"]}
    return {"margin_ratio": rate(case, case["type"], np.array(case["base_size"]))}


def _many(case: Mapping[str, Any]) -> dict[str, Any]:
    """Where the size asks for more than the base rate, high leverage is none."""
    first, _, last = case["sizes"].partition("..")
    end, _, step = last.partition(" step ")
    units = np.arange(float(first), float(end) + 1.0, float(step))
    normal, high = (rate({**case, "high_leverage": on}, "initial", units) for on in (False, True))
    above = normal > case["margin_initial"] + 0.5 * UNIT
    return {"count_sizes_above_default": above.sum(), "hlm_equals_normal_there": bool((normal == high)[above].all())}


def custom(case: Mapping[str, Any]) -> dict[str, Any]:
    """Initial margin at the user's own ratio if that is higher; maintenance margin never."""
    kind = case["type"]
    ratio = np.array(case[f"margin_{kind}"])
    if kind == "initial":
        ratio = chosen_rate(ratio, case["user_ratio"], case["position_ratio"])
    return {"margin_usd": case["base"] * case["price"] * ratio}


def weight(case: Mapping[str, Any]) -> dict[str, Any]:
    """Of collateral: by the size of the deposit, or of all deposits; above one it is a debt's."""
    own = case["base_weight"]
    if "total_deposits" in case:
        return {"weight": deposit_scaled(own, np.array(case["total_deposits"] * case["price"]), case["scale_start_usd"])}
    size, factor = np.array(case["size"]), case["imf_factor"]
    if own >= 1.0:
        return {"weight": root_rate(own, factor, size, UNIT)}
    return {"weight": asset_weight(own, factor, size), "unclamped": size_discount(factor, size)}


def gain_weight(case: Mapping[str, Any]) -> dict[str, Any]:
    """Of an unrealised gain."""
    return {"weight": asset_weight(case["asset_weight"], case["imf_factor"], np.array(case["upnl_usd"]))}


def band(case: Mapping[str, Any]) -> dict[str, Any]:
    """The median in the band of its tier."""
    return {"price": within_band(np.array(case["median_price"]), np.array(case["oracle_price"]), case["band"])}


def trigger(case: Mapping[str, Any]) -> dict[str, Any]:
    """The basis of the last funding payment, or the median of the candidates."""
    oracle = np.array(case["oracle_price"])
    if "last_funding_rate" in case:
        elapsed = case["seconds_since_funding"] / case["funding_period"]
        last = case["last_funding_rate"], case["last_funding_oracle_twap"]
        return {"funding_basis": funding_basis(oracle, *last, OFFSET, PERIODS_A_DAY, elapsed)}
    fill = np.array(case["last_fill_price"]) or oracle
    others = [np.array(case[name]) for name in ("oracle_plus_funding_basis", "oracle_plus_5min_basis")]
    return {"trigger_price": median_mark([fill, *others])}


ANSWERS: dict[tuple[str, str], Answer] = {
    ("drift_v2", "collateral_weight"): weight,
    ("drift_v2", "custom_margin_ratio"): custom,
    ("drift_v2", "mark_price_band"): band,
    ("drift_v2", "mark_trigger_price"): trigger,
    ("drift_v2", "size_dependent_margin_ratio"): ratio,
    ("drift_v2", "unrealised_pnl_haircut"): gain_weight,
}
