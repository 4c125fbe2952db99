"""Margin requirements, account health, triggers, liquidation prices, marks."""

from __future__ import annotations

from tests.venues.cases import Answer

ANSWERS: dict[tuple[str, str], Answer] = {}
"""By venue and mechanism."""

INAPPLICABLE: dict[tuple[str, str] | str, str] = {}
"""Kinds, or single cases by id, that a Monte Carlo tester has no business with, with the reason."""

OPEN: dict[tuple[str, str], str] = {
    ("binance_usdm", "bracket_table"): "to come",
    ("binance_usdm", "liquidation_price"): "to come",
    ("binance_usdm", "maintenance_margin"): "to come",
    ("bybit", "maintenance_margin"): "to come",
    ("drift_v2", "collateral_weight"): "to come",
    ("drift_v2", "custom_margin_ratio"): "to come",
    ("drift_v2", "mark_price_band"): "to come",
    ("drift_v2", "mark_trigger_price"): "to come",
    ("drift_v2", "size_dependent_margin_ratio"): "to come",
    ("drift_v2", "unrealised_pnl_haircut"): "to come",
    ("dydx_v4", "initial_margin"): "to come",
    ("dydx_v4", "liquidation_trigger"): "to come",
    ("dydx_v4", "maintenance_margin_fraction"): "to come",
    ("dydx_v4", "margin_requirements"): "to come",
    ("dydx_v4", "oi_scaled_initial_margin"): "to come",
    ("dydx_v4", "risk_ordering"): "to come",
    ("gmx_v2", "liquidation_trigger"): "to come",
    ("hyperliquid", "initial_margin"): "to come",
    ("hyperliquid", "liquidation_price"): "to come",
    ("mango_v4", "account_health"): "to come",
    ("mango_v4", "collateral_weight"): "to come",
    ("mango_v4", "stable_price_model"): "to come",
    ("nibiru_perp_v2", "margin_ratio"): "to come",
    ("nibiru_perp_v2", "unrealised_pnl"): "to come",
    ("synthetix_v3_perps", "account_margin"): "to come",
    ("synthetix_v3_perps", "liquidation_trigger"): "to come",
}
"""Kinds that are to come."""
