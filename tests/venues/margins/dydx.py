"""dYdX: flat rates, initial margin that grows with open interest, who is liquidatable and riskier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stress.protocol.margin.flat import flat_requirement, maintenance_rate
from stress.protocol.margin.health import compare_risk, falls_short
from stress.protocol.margin.open_interest import scaled_rate, scaling
from stress.protocol.margin.tiers import MarginTable, margin_table
from tests.venues.cases import Answer
from tests.venues.margins.tiers import requirement

PPM, QUANTUM_USD = 1e-6, 1e-6


def flat(rate: float) -> MarginTable:
    """One market, one rate."""
    return margin_table([np.array([np.inf])], [np.array([rate])])


def initial_rate(base: float, interest: float, lower: float, upper: float) -> float:
    """Initial rate at an open interest in USD, between its caps."""
    return float(scaled_rate(base, scaling(np.array(interest), np.array(lower), np.array(upper)), PPM))


def need(rate: float, notional: float) -> float:
    """Requirement in USD, rounded up."""
    return float(flat_requirement(np.array(notional), rate, QUANTUM_USD))


def initial(case: Mapping[str, Any]) -> dict[str, Any]:
    """Of one notional in USD."""
    caps = [float(case.get(f"openInterest{name}", 0)) for name in ("Notional", "LowerCap", "UpperCap")]
    return {"initial_margin_usd": need(initial_rate(case["initialMarginPpm"], *caps), case["bigQuoteQuantums"])}


def requirements(case: Mapping[str, Any]) -> dict[str, Any]:
    """Initial margin with open interest; maintenance is a share of initial margin without."""
    notional = abs(case["size"]) * case["price"]
    interest = case["open_interest"] * case["price"]
    rate = initial_rate(case["base_imf"], interest, case["oi_lower_cap_usd"], case["oi_upper_cap_usd"])
    maintenance = need(case["maintenance_fraction"], need(case["base_imf"], notional))
    return {"initial_margin_usd": need(rate, notional), "maintenance_margin_usd": maintenance}


def scaled(case: Mapping[str, Any]) -> dict[str, Any]:
    """The initial rate at an open interest."""
    caps = case["open_interest_usd"], case["oi_lower_cap_usd"], case["oi_upper_cap_usd"]
    return {"imf": initial_rate(case["base_imf"], *caps)}


def fraction(case: Mapping[str, Any]) -> dict[str, Any]:
    """Maintenance rate, rounded down."""
    initial = np.array(case["initialMarginPpm"], float)
    return {"expectedMaintenanceMarginPpm": maintenance_rate(initial, case["maintenanceFractionPpm"], PPM)}


def liquidatable(case: Mapping[str, Any]) -> dict[str, Any]:
    """Of net collateral and maintenance margin, or an account's."""
    if "NC" in case:
        return {"liquidatable": bool(falls_short(case["NC"], case["MM"]))}
    held = case["positions"]
    equity = case["collateral_usd"] + sum(p["size"] * p["oracle_price"] for p in held)
    margin = sum(requirement(flat(p["maintenance_margin_fraction"]), p["size"], p["oracle_price"]) for p in held)
    return {"liquidatable": bool(falls_short(equity, margin))}


def riskier(case: Mapping[str, Any]) -> dict[str, Any]:
    """1 if the first account is the riskier, -1 if the second is."""
    names = "firstNC", "firstMMR", "secondNC", "secondMMR"
    return {"cmp": int(compare_risk(*(np.array(case[name], float) for name in names)))}


ANSWERS: dict[tuple[str, str], Answer] = {
    ("dydx_v4", "initial_margin"): initial,
    ("dydx_v4", "liquidation_trigger"): liquidatable,
    ("dydx_v4", "maintenance_margin_fraction"): fraction,
    ("dydx_v4", "margin_requirements"): requirements,
    ("dydx_v4", "oi_scaled_initial_margin"): scaled,
    ("dydx_v4", "risk_ordering"): riskier,
}
