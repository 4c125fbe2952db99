"""What counts as margin beside USD, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stress.report.format import percent_tick, plain_tick
from stress.report.load import Run

Each = Callable[[Run, Any, Callable[[Any], str]], str]
"""Writes a per-market value."""

AT_PAR = "One collateral: cash in USD at par. There is no collateral price risk, haircut or depeg."
DEPEGGED = ("One collateral, at par but for the depeg above, which takes from cross wallets alone: isolated margin, "
            "profit and the fund stay in USD. The venue applies no haircut.")
IN_COINS = ("Collateral is USD and coins of the markets simulated. Haircuts stay what they are; debts in USD cost no "
            "interest; coins are sold only when their owner's last position is closed, and then {how_many}.")
HOW_MANY = {"all": "all of them", "debt": "as many as the debt and the fee need"}
"""Which of them are sold then."""


def collateral(run: Run, each: Each) -> str:
    """What coins count for, and what becomes of them; empty where only USD counts."""
    rules = run.setting("protocol.collateral")
    if not rules:
        return ""
    weights = each(run, rules.get("weights"), percent_tick)
    factor = rules.get("size_factor")
    size = "" if factor is None else f", less for many units (factor {each(run, factor, plain_tick)} of their root)"
    sold = f"sold after the positions when an account is closed whole, {_sale(rules)}"
    return f"USD, and coins at {weights} of their value{size}; {sold}"


def _sale(rules: dict[str, Any]) -> str:
    return HOW_MANY[rules.get("sale") or "all"]


def left_out(run: Run, depegged: bool) -> str:
    """What the model of collateral does not cover."""
    if "coins_sold" in (run.summary.get("metrics") or {}):
        return IN_COINS.format(how_many=_sale(run.setting("protocol.collateral") or {}))
    return DEPEGGED if depegged else AT_PAR
