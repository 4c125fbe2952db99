"""Mango: health of weighted balances, perpetuals with their orders, the stable price."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from stress.protocol.margin.orders import worst_value
from stress.protocol.margin.weights import borrow_scaled, deposit_scaled, weighted
from stress.protocol.stable_price import StablePrice
from tests.venues.cases import Answer

WEIGHTS = {"token1": (0.8, 1.2), "token2": (0.5, 1.5)}
"""Init weights of the venue's test where a case leaves them out."""
FIRST_UPDATES = ((60, 60.0), (360, 10.0), (276, 300.0))
"""Updates of the venue's test, and s between them."""


def health(case: Mapping[str, Any]) -> dict[str, Any]:
    """Token 1 settles the perpetual; gains of that count in part, and values in spot orders are balances."""
    perp, lot = case["perp"], case["lot_value"]
    lots = perp["base_lots"] + perp.get("taker_base_lots", 0.0)
    quote = perp["quote"] + perp.get("taker_quote", 0.0)
    units = (np.array(float(n)) for n in (lots, perp["bid_lots"], perp["ask_lots"]))
    perpetual = weighted(worst_value(np.array(quote), *units, lot, *case["perp_weights"]),
                         case.get("overall_pnl_weight", 1.0), 1.0)
    settle = case["token1"] + perpetual + case["spot_order_value_token1"]
    other = case.get("token2", case.get("token2_net")) * case["token2_price"] + case.get("spot_order_value_token2", 0.0)
    values = {"token1": np.array(settle), "token2": np.array(float(other))}
    return {"init_health": sum(weighted(value, *case.get(f"{name}_weights", WEIGHTS[name]))
                               for name, value in values.items())}


def collateral(case: Mapping[str, Any]) -> dict[str, Any]:
    """Weights of assets fall as all deposits of a token grow, those of debts rise as all borrows do."""
    tokens, prices, start = (np.array(case[name], float) for name in ("tokens", "prices", "scale_start"))
    scaled = []
    for weights, balances, rule in (("asset_weights", "deposits", deposit_scaled), ("liab_weights", "borrows", borrow_scaled)):
        given = [np.array(case.get(name, np.zeros_like(tokens)), float) for name in (weights, balances)]
        scaled.append(rule(given[0], given[1] * prices, start))
    return {"init_health": weighted(tokens * prices, *scaled).sum()}


def stable(case: Mapping[str, Any]) -> dict[str, Any]:
    """After the updates up to those that the case names."""
    last = re.search(r"(\d+) x (\d+)s", case["updates"])
    assert last is not None
    steps = [(count, seconds) for count, seconds in FIRST_UPDATES]
    upto = steps.index((int(last[1]), float(last[2]))) + 1
    seconds = jnp.concatenate([jnp.full(count, gap) for count, gap in steps[:upto]])
    model = StablePrice(case["stable_growth_per_s"], case["delay_growth_per_interval"], case["delay_interval_s"],
                        case["max_dt_s"])
    start = model.init(jnp.asarray(float(case["start_price"])), case["delay_intervals"])
    oracle = jnp.asarray(float(case["oracle"]))
    end = jax.lax.scan(lambda state, gap: (model.observe(state, oracle, gap), None), start, seconds)[0]
    return {"stable_price": end.price}


ANSWERS: dict[tuple[str, str], Answer] = {
    ("mango_v4", "account_health"): health,
    ("mango_v4", "collateral_weight"): collateral,
    ("mango_v4", "stable_price_model"): stable,
}
