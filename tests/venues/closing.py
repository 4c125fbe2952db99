"""What is closed, at what price, who pays whom: partial liquidations, limits, fees, the fund, whole scenarios."""

from __future__ import annotations

from tests.venues.cases import Answer

ANSWERS: dict[tuple[str, str], Answer] = {}
"""By venue and mechanism."""

INAPPLICABLE: dict[tuple[str, str] | str, str] = {}
"""Kinds, or single cases by id, that a Monte Carlo tester has no business with, with the reason."""

OPEN: dict[tuple[str, str], str] = {
    ("bybit", "bankruptcy_price"): "to come",
    ("drift_v2", "collateral_liquidation_size"): "to come",
    ("drift_v2", "insurance_fund_fee"): "to come",
    ("drift_v2", "liquidation_price_bound"): "to come",
    ("drift_v2", "liquidation_scenario"): "to come",
    ("drift_v2", "liquidator_fee_auction"): "to come",
    ("drift_v2", "liquidator_limit_price"): "to come",
    ("drift_v2", "partial_liquidation_pacing"): "to come",
    ("drift_v2", "partial_liquidation_size"): "to come",
    ("dydx_v4", "bankruptcy_price"): "to come",
    ("dydx_v4", "insurance_fund_delta"): "to come",
    ("dydx_v4", "insurance_fund_validity"): "to come",
    ("dydx_v4", "liquidation_limit_price"): "to come",
    ("dydx_v4", "liquidation_scenario"): "to come",
    ("dydx_v4", "partial_liquidation_limits"): "to come",
    ("mango_v4", "bankruptcy_waterfall"): "to come",
    ("mango_v4", "partial_liquidation_size"): "to come",
    ("nibiru_perp_v2", "liquidation_scenario"): "to come",
    ("perpetual_curie", "liquidation_scenario"): "to come",
    ("synthetix_v3_perps", "keeper_reward"): "to come",
    ("synthetix_v3_perps", "liquidation_throttle"): "to come",
}
"""Kinds that are to come."""
