"""From books and rules in USD at the prices of time zero to contracts and coins, and results back."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from stress.book.schema import Book
from tests.reference.rates import SizeRate, Tiers
from tests.reference.result import Result
from tests.reference.rules import Rules

MONEY = ("insurance_fund", "close_whole_below_usd", "keeper_capacity_usd_per_minute", "close_at_least_usd",
         "close_at_most_usd", "first_above_usd", "keeper_cost_usd", "keeper_profit_usd")
AMOUNTS = ("fund", "liquidated_by_tick", "liquidated_by_market", "fund_drawdown", "fund_end", "bad_debt", "insolvent_notional", "insurance_paid",
           "adl_haircut", "socialised_loss", "uncovered", "adl_notional", "adl_residual_notional", "liquidated_notional",
           "fees_to_fund", "remainders_to_fund", "cut", "stranded", "taken_over", "vault_low", "vault_cash", "keeper_cash",
           "outside_cash", "cash", "collateral_withdrawn", "unrealised_bad_debt", "fund_flows", "fund_drawdowns", "withdrawn",
           "adl_cost", "adl_needed")
SIZES = ("outside_size", "size", "vault_size")


def to_coins(book: Book, rules: Rules, prices: np.ndarray) -> tuple[Book, Rules]:
    """Contracts for sizes, coins of the first market for money; ``prices`` [A] are of time zero."""
    unit = float(prices[0])
    changed: dict[str, Any] = {name: None if getattr(rules, name) is None else getattr(rules, name) / unit
                               for name in MONEY}
    if rules.backstop is not None:
        capital, *rest = rules.backstop
        changed["backstop"] = (None if capital is None else capital / unit, *rest)
    if rules.insurance is not None:
        given = {name: getattr(rules.insurance, name) for name in ("income_usd_per_day", "paid_at_most_usd")}
        coins = {name: None if value is None else value / unit for name, value in given.items()}
        changed["insurance"] = dataclasses.replace(rules.insurance, **coins)
    tiers = [_in_coins(margin, unit) for margin in rules.tiers]
    changed["initial_tiers"] = tuple(_in_coins(margin, unit) for margin in rules.initial_tiers)
    changed["gain_initial"] = tuple((share, factor * unit**0.5, most / unit) for share, factor, most in rules.gain_initial)
    held = dataclasses.replace(book, size=book.size * prices, cash=book.cash / unit)
    return held, dataclasses.replace(rules, coin=prices / unit, tiers=tiers, **changed)


def _in_coins(margin: Tiers | SizeRate, unit: float) -> Tiers | SizeRate:
    return margin if isinstance(margin, SizeRate) else [(upper / unit, rate) for upper, rate in margin]


def to_usd(result: Result, markets: tuple[str, ...], prices: np.ndarray) -> Result:
    """USD for coins, and contracts over the price of time zero for contracts."""
    unit, start = float(prices[0]), dict(zip(markets, prices.tolist(), strict=True))
    amounts = {name: getattr(result, name) * unit for name in AMOUNTS}
    sizes = {name: getattr(result, name) / prices for name in SIZES}
    ledger = {"ticks": [_tick(tick, unit, start) for tick in result.ledger["ticks"]],
              "final": _final(result.ledger["final"], unit, start)}
    return dataclasses.replace(result, ledger=ledger, **amounts, **sizes)


def _tick(tick: dict, unit: float, start: dict[str, float]) -> dict:
    rows = {part: [_row(row, unit, start) for row in tick[part]] for part in ("liquidations", "adl")}
    levied = {owner: amount * unit for owner, amount in tick["socialised"].items()}
    return tick | rows | {"fund": tick["fund"] * unit, "socialised": levied}


def _row(row: dict, unit: float, start: dict[str, float]) -> dict:
    paid = {name: row[name] * unit for name in ("fee", "deficit") if name in row}
    return row | {"size": row["size"] / start[row["market"]]} | paid


def _final(final: dict, unit: float, start: dict[str, float]) -> dict:
    accounts = {}
    for owner, account in final["accounts"].items():
        positions = {market: held | {"size": held["size"] / start[market]} for market, held in account["positions"].items()}
        accounts[owner] = {"cash": account["cash"] * unit, "equity": account["equity"] * unit, "positions": positions}
    return {"fund": final["fund"] * unit, "accounts": accounts}
