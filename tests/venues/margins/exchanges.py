"""Positions of OKX, Bybit, BitMEX and Deribit, linear and inverse: gains, margins, liquidation prices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stress.protocol.funding.clamped import clamped_rate
from stress.protocol.funding.index import payment
from stress.protocol.liquidation.prices import bankruptcy_price_at_leverage, inverse_liquidation_price
from stress.protocol.margin.flat import flat_requirement
from stress.protocol.margin.health import inverse_pnl, unrealised_pnl
from stress.protocol.margin.liquidation_price import liquidation_price_at_rate
from tests.venues.cases import Answer
from tests.venues.margins.tiers import SIDES, bybit_margin

Inputs = Mapping[str, Any]


def _signed(case: Inputs) -> np.ndarray:
    """Units of a linear contract, or contracts of one USD of an inverse one; short < 0."""
    return np.array(SIDES[case["side"]] * case["contracts" if _inverse(case) else "size"])


def _inverse(case: Inputs) -> bool:
    return case.get("contract", "linear") == "inverse"


def _value(case: Inputs, price: float) -> np.ndarray:
    """In the currency of margin: USD, or coins of an inverse contract."""
    units = abs(_signed(case))
    return units / price if _inverse(case) else units * price


def gain(case: Inputs) -> dict[str, Any]:
    """At the mark, in the currency of margin."""
    rule = inverse_pnl if _inverse(case) else unrealised_pnl
    return {"unrealised_pnl": rule(_signed(case), case["mark_price"], case["entry"])}


def margin(case: Inputs) -> dict[str, Any]:
    """Of the value, which some count at the entry and others at the mark; Bybit's has the fee of closing in it.

    That fee is of the value at the bankruptcy price.
    """
    need = flat_requirement(_value(case, case["price"]), case["rate"])
    if "taker_fee" in case:
        bankrupt = bankruptcy_price_at_leverage(case["price"], case["leverage"], SIDES[case["side"]])
        need = need + flat_requirement(_value(case, bankrupt), case["taker_fee"])
    return {"margin": need}


def bybit_maintenance(case: Inputs) -> dict[str, Any]:
    """Of a notional by tiers, or of a position at one rate."""
    return bybit_margin(case) if "tiers" in case else margin(case)


def okx_price(case: Inputs) -> dict[str, Any]:
    """The fee of the liquidation belongs to the requirement; a margin ratio is equity over requirement."""
    rate = case["mm_rate"] + case["fee_rate"]
    if _inverse(case):
        side = SIDES[case["side"]]
        contracts = case["contracts"] * (1.0 + side * rate)
        return {"liquidation_price": inverse_liquidation_price(contracts, _value(case, case["entry"]), case["margin"], side)}
    need = flat_requirement(_value(case, case["price"]), rate)
    equity = case["margin_ratio"] * need if "margin_ratio" in case else case["margin"]
    return {"liquidation_price": liquidation_price_at_rate(_signed(case), case["price"], equity, rate)}


def bybit_price(case: Inputs) -> dict[str, Any]:
    """With a maintenance margin of the value at entry, which no longer moves: as in Bybit's pages until 2025."""
    value = _value(case, case["entry"])
    if _inverse(case):
        side, contracts = SIDES[case["side"]], case["contracts"]
        with_fee = contracts * (1.0 + side * case["taker_fee"])
        bankrupt = inverse_liquidation_price(with_fee, value, case["wallet_balance"], side)
        slack = case["wallet_balance"] - value * case["mm_rate"] - contracts * case["taker_fee"] / bankrupt
        return {"liquidation_price": inverse_liquidation_price(contracts, value, slack, side)}
    slack = value / case["leverage"] - flat_requirement(value, case["mm_rate"])
    return {"liquidation_price": liquidation_price_at_rate(_signed(case), case["entry"], slack, 0.0)}


def bitmex_bankruptcy(case: Inputs) -> dict[str, Any]:
    """Of a linear contract."""
    return {"bankruptcy_price": bankruptcy_price_at_leverage(case["entry"], case["leverage"], SIDES[case["side"]])}


def bitmex_funding(case: Inputs) -> dict[str, Any]:
    """In coins, of the value at the spot price; without a premium the rate is the interest."""
    interest = (case["quote_rate_a_day"] - case["base_rate_a_day"]) / case["payments_a_day"]
    rate = clamped_rate(case["premium"], interest, np.inf, np.inf)
    return {"rate": rate, "payment": payment(SIDES[case["side"]] * case["contracts"] / case["price"], rate)}


ANSWERS: dict[tuple[str, str], Answer] = {
    ("bitmex", "bankruptcy_price"): bitmex_bankruptcy,
    ("bitmex", "funding_payment"): bitmex_funding,
    ("bitmex", "unrealised_pnl"): gain,
    ("bybit", "initial_margin"): margin,
    ("bybit", "liquidation_price"): bybit_price,
    ("bybit", "maintenance_margin"): bybit_maintenance,
    ("bybit", "unrealised_pnl"): gain,
    ("deribit", "unrealised_pnl"): gain,
    ("okx", "initial_margin"): margin,
    ("okx", "liquidation_price"): okx_price,
    ("okx", "maintenance_margin"): margin,
    ("okx", "unrealised_pnl"): gain,
}
