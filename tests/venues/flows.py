"""Funding, price impact, auto-deleveraging, socialised loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from stress.liquidity.imbalance import capped_impact, closing_price, imbalance_cost, imbalance_impact, opening_price
from stress.liquidity.skew import skewed_fill
from stress.protocol.adl import trigger
from stress.protocol.adl.binance import binance_score, profit_share
from stress.protocol.funding.adaptive import AdaptiveRule, adaptive_rate, received_rate, static_rate
from stress.protocol.funding.borrowing import borrowing_rate
from stress.protocol.funding.clamped import clamped_rate, margin_cap
from stress.protocol.funding.index import index_change, payment, toward_zero
from stress.protocol.funding.premium_index import impact_price, premium_index
from stress.protocol.funding.twap import largest_difference, sided_rates, twap_rate
from stress.protocol.funding.velocity import accrued, velocity_rate
from stress.protocol.margin.flat import maintenance_rate
from stress.protocol.margin.health import unrealised_pnl
from stress.protocol.waterfall.socialised_loss import deposit_haircut, per_unit
from tests.venues.cases import Answer
from tests.venues.deleveraging import bitmex_places, bitmex_queue, equity, offset_queue, pair_transfer, state_transition

Inputs = Mapping[str, Any]

SIDES = {"long": 1.0, "short": -1.0}
DAY = 86400.0
PPM = 1e6
"""dYdX counts rates and index changes in parts per million, USD in millionths."""
CURIE_RATE = 0.1
"""Curie's largest difference of the prices a day, as a share of the index."""
DRIFT_RATE, DRIFT_PRICE, DRIFT_INDEX = 1e-9, 1e-6, 1e-10
"""Drift's smallest amounts of a funding rate, of a price or USD, and of an index of interest."""


def _impact_side(levels: list[list[float]], notional: float) -> Any:
    prices, units = jnp.asarray(levels, float).reshape(-1, 2).T
    return impact_price(prices, units, notional)


def _dydx_premium(x: Inputs) -> Inputs:
    bid, ask = (_impact_side(x[side], x["impact_notional_usd"]) for side in ("bids", "asks"))
    return {"premium": premium_index(bid, ask, x["index_price"], x["max_abs_premium"])}


def _dydx_cap(x: Inputs) -> Inputs:
    initial = jnp.asarray(x["initialMarginPpm"], float)
    maintenance = maintenance_rate(initial, x["maintenanceFractionPpm"], 1 / PPM)
    return {"expectedUpperBoundPpm": margin_cap(x["clampFactorPpm"], initial, maintenance, 1 / PPM)}


def _dydx_index(x: Inputs) -> Inputs:
    price = x["price"] * 10.0 ** x["base_atomic_resolution"] * PPM * PPM
    change = index_change(x["rate_8h"], x["dt_seconds"], DAY / 3, price, step=1.0)
    return {"index_delta_ppm_quote_per_base_quantum": change}


def _dydx_settlement(x: Inputs) -> Inputs:
    change = x["funding_index_now"] - x["funding_index_at_entry"]
    return {"settlement_ppm": -payment(x["size_quantums"], change)}


def _hyperliquid_premium(x: Inputs) -> Inputs:
    return {"premium": premium_index(x["impact_bid"], x["impact_ask"], x["oracle"])}


def _hyperliquid_rate(x: Inputs) -> Inputs:
    rate = clamped_rate(x["premium"], x["interest_8h"], x["clamp"], x["cap_per_hour"], share=1 / 8)
    return {"hourly_rate": rate}


def _drift_rate(x: Inputs) -> Inputs:
    oracle = x["oracle_twap"]
    if "total_fees" not in x:
        limit = toward_zero(oracle * x["cap"], DRIFT_PRICE)
        return {"funding_rate_per_base": twap_rate(x["mark_twap"], oracle, DAY / x["period_s"], limit, DRIFT_RATE)}
    rate = twap_rate(x["mark_twap"], oracle, 24.0, step=DRIFT_RATE)
    longs, shorts, fees = sided_rates(rate, x["oi_long"], x["oi_short"], x["total_fees"], x.get("fee_lower_bound", 0.0))
    return {"long_rate": longs, "short_rate": shorts, "fees_after": fees}


def _drift_cap(x: Inputs) -> Inputs:
    return {"max_divergence": largest_difference(x["oracle_twap"], x["tier"], DRIFT_PRICE)}


def _drift_deposits(x: Inputs) -> Inputs:
    return {"index_haircut": deposit_haircut(x["loss_usd"], x["total_deposits"], x["cumulative_interest"], DRIFT_INDEX)}


def _drift_perp(x: Inputs) -> Inputs:
    if x["oi_long"] + x["oi_short"] == 0:
        return {"outcome": "error"}
    funds = x["insurance_usd"] + x["amm_fee_pool_usd"]
    loss = per_unit(x["bad_debt_usd"], funds, x["oi_long"], x["oi_short"], DRIFT_PRICE)
    longs, shorts = loss * x["long_holder_base"], loss * x["short_holder_base"]
    return {"loss_per_base": loss, "long_loss_usd": longs, "short_loss_usd": shorts, "socialised_usd": longs + shorts}


def _gmx_rule(x: Inputs) -> AdaptiveRule:
    names = ("increase_per_s", "decrease_per_s", "threshold_stable", "threshold_decrease", "min_factor", "max_factor")
    return AdaptiveRule(*(jnp.asarray(float(x[name])) for name in names))


def _gmx_adaptive(x: Inputs) -> Inputs:
    rate = adaptive_rate(_gmx_rule(x), x["saved_factor"], x["oi_long"], x["oi_short"], x["dt_seconds"])
    return {"next_factor_per_s": rate}


def _gmx_static(x: Inputs) -> Inputs:
    sides = x["oi_long"], x["oi_short"]
    rate = static_rate(x["funding_factor"], *sides, x["exponent"], x.get("max_factor", jnp.inf))
    got = received_rate(rate, *sides) * abs(x["size"]) * x["dt_seconds"]
    return {"funding_fee_usd": payment(x["size"], rate * x["dt_seconds"]), "claimable_usd": got}


def _gmx_borrowing(x: Inputs) -> Inputs:
    rate = borrowing_rate(x["borrowing_factor"], x["reserved_usd"], x["pool_usd"], x["exponent"])
    return {"borrowing_fee_usd": payment(x["size_usd"], rate * x["dt_seconds"])}


def _gmx_paid(x: Inputs) -> Inputs:
    share = trigger.share_paid(trigger.pnl_factor(x["total_profit_usd"], x["pool_usd"]), x["max_pnl_factor_for_traders"])
    return {"paid_usd": share * x["profit_usd"]}


def _gmx_adl(x: Inputs) -> Inputs:
    profit = unrealised_pnl(x["long_size_usd"] / x["entry_price"], x["price"], x["entry_price"])
    factor = trigger.pnl_factor(profit, x["pool_tokens"] * x["price"])
    return {"adl_enabled": trigger.exceeds_pool(factor, x["max_pnl_factor_for_adl"]), "pnl_factor": factor}


def _gmx_curve(x: Inputs) -> Inputs:
    return {"impact_usd": imbalance_cost(x["diff_usd"], x["factor"], x["exponent"])}


def _gmx_impact(x: Inputs) -> Inputs:
    before = x["oi_long"] - x["oi_short"]
    after = before + SIDES[x["side"]] * x["size_delta_usd"]
    impact = imbalance_impact(before, after, x["positive_factor"], x["negative_factor"], x["exponent"])
    caps = (x.get(name, jnp.inf) for name in ("max_positive_factor", "max_negative_factor", "impact_pool_usd"))
    return {"price_impact_usd": capped_impact(impact, abs(x["size_delta_usd"]), *caps)}


def _gmx_price(x: Inputs) -> Inputs:
    side, size, impact = SIDES[x["side"]], x["size_delta_usd"], x["price_impact_usd"]
    price = (opening_price if size > 0 else closing_price)(x["oracle_price"], abs(size), impact, side)
    return {"outcome": "error"} if jnp.isnan(price) else {"execution_price": price}


def _synthetix_funding(x: Inputs) -> Inputs:
    before, days = x["rate_before"], x["days"]
    after = velocity_rate(before, x["skew"], x["skew_scale"], x["max_velocity_per_day"], days)
    moved = payment(x["trader_size"], accrued(before, after, days, x["price"]))
    return {"accrued_paid_by_long": x["accrued_before"] + moved}


def _synthetix_fill(x: Inputs) -> Inputs:
    return {"fill_price": skewed_fill(x["price"], x["skew"], x["skew_scale"], x["size"])}


def _curie_payment(x: Inputs) -> Inputs:
    """No leg has more than the largest rate a day."""
    largest, paid = x.get("max_funding_rate", CURIE_RATE), 0.0
    for leg in x["legs"]:
        index = leg["index_twap"]
        paid += payment(leg["size"], twap_rate(leg["mark_twap"], index, DAY / leg["seconds"], largest * index))
    return {"payment": paid}


def _nibiru_payment(x: Inputs) -> Inputs:
    return {"payment": payment(x["size"], x["cpf_delta"])}


def _binance_rank(x: Inputs) -> Inputs:
    profit, wallet = x["unrealised_pnl"], x["wallet_balance"]
    return {
        "pnl_percent": profit_share(profit, wallet),
        "leverage_pnl": binance_score(profit, wallet, x["margin_ratio"]),
    }


def _dydx_trigger(x: Inputs) -> Inputs:
    own = equity(x["collateral_usd"], x["positions"])
    return {
        "at_bankruptcy_price": trigger.at_bankruptcy(own),
        "at_oracle_price": trigger.at_oracle(own, x["final_settlement"]),
    }


ANSWERS: dict[tuple[str, str], Answer] = {
    ("binance_usdm", "adl_rank"): _binance_rank,
    ("bitmex", "adl_percentile"): bitmex_places,
    ("bitmex", "adl_queue"): bitmex_queue,
    ("drift_v2", "funding_rate"): _drift_rate,
    ("drift_v2", "funding_rate_cap"): _drift_cap,
    ("drift_v2", "socialised_loss_deposits"): _drift_deposits,
    ("drift_v2", "socialised_loss_perp"): _drift_perp,
    ("dydx_v4", "adl_offset_queue"): offset_queue,
    ("dydx_v4", "adl_pair_transfer"): pair_transfer,
    ("dydx_v4", "adl_trigger"): _dydx_trigger,
    ("dydx_v4", "funding_index"): _dydx_index,
    ("dydx_v4", "funding_premium"): _dydx_premium,
    ("dydx_v4", "funding_rate_cap"): _dydx_cap,
    ("dydx_v4", "funding_settlement"): _dydx_settlement,
    ("dydx_v4", "state_transition"): state_transition,
    ("gmx_v2", "adaptive_funding"): _gmx_adaptive,
    ("gmx_v2", "adl_trigger"): _gmx_adl,
    ("gmx_v2", "borrowing_fee"): _gmx_borrowing,
    ("gmx_v2", "capped_profit"): _gmx_paid,
    ("gmx_v2", "execution_price"): _gmx_price,
    ("gmx_v2", "price_impact"): _gmx_impact,
    ("gmx_v2", "price_impact_curve"): _gmx_curve,
    ("gmx_v2", "static_funding"): _gmx_static,
    ("hyperliquid", "funding_premium"): _hyperliquid_premium,
    ("hyperliquid", "funding_rate"): _hyperliquid_rate,
    ("nibiru_perp_v2", "funding_payment"): _nibiru_payment,
    ("perpetual_curie", "funding_payment"): _curie_payment,
    ("synthetix_v3_perps", "fill_price"): _synthetix_fill,
    ("synthetix_v3_perps", "funding_velocity"): _synthetix_funding,
}
"""By venue and mechanism."""

INAPPLICABLE: dict[tuple[str, str] | str, str] = {}
"""Kinds, or single cases by id, that a Monte Carlo tester has no business with, with the reason."""

OPEN: dict[tuple[str, str], str] = {}
"""Kinds that are to come."""
