"""Funding, price impact, auto-deleveraging, socialised loss."""

from __future__ import annotations

from tests.venues.cases import Answer

ANSWERS: dict[tuple[str, str], Answer] = {}
"""By venue and mechanism."""

INAPPLICABLE: dict[tuple[str, str] | str, str] = {}
"""Kinds, or single cases by id, that a Monte Carlo tester has no business with, with the reason."""

OPEN: dict[tuple[str, str], str] = {
    ("binance_usdm", "adl_rank"): "to come",
    ("bitmex", "adl_queue"): "to come",
    ("drift_v2", "funding_rate"): "to come",
    ("drift_v2", "funding_rate_cap"): "to come",
    ("drift_v2", "socialised_loss_deposits"): "to come",
    ("drift_v2", "socialised_loss_perp"): "to come",
    ("dydx_v4", "adl_offset_queue"): "to come",
    ("dydx_v4", "adl_pair_transfer"): "to come",
    ("dydx_v4", "adl_trigger"): "to come",
    ("dydx_v4", "funding_index"): "to come",
    ("dydx_v4", "funding_premium"): "to come",
    ("dydx_v4", "funding_rate_cap"): "to come",
    ("dydx_v4", "funding_settlement"): "to come",
    ("gmx_v2", "adaptive_funding"): "to come",
    ("gmx_v2", "adl_trigger"): "to come",
    ("gmx_v2", "execution_price"): "to come",
    ("gmx_v2", "price_impact"): "to come",
    ("gmx_v2", "price_impact_curve"): "to come",
    ("gmx_v2", "static_funding"): "to come",
    ("hyperliquid", "funding_premium"): "to come",
    ("hyperliquid", "funding_rate"): "to come",
    ("nibiru_perp_v2", "funding_payment"): "to come",
    ("perpetual_curie", "funding_payment"): "to come",
    ("synthetix_v3_perps", "fill_price"): "to come",
    ("synthetix_v3_perps", "funding_velocity"): "to come",
}
"""Kinds that are to come."""
