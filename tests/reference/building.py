"""Small books and rules for hand-worked cases, and short ways to run and read them."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from stress.book.schema import Book
from tests.reference.result import Result
from tests.reference.rules import Rules
from tests.reference.venue import simulate

Row = tuple[str, float, dict[str, tuple[float, float]]]
"""A margin account: owner, cash in USD, {market: (size, entry price)}."""

FUND_THEN_ALL = ("insurance_fund", "socialised_loss")
FUND_THEN_ADL = ("insurance_fund", "adl", "socialised_loss")
LONG: Row = ("A", 100.0, {"X": (10.0, 100.0)})
SHORT: Row = ("B", 1000.0, {"X": (-10.0, 100.0)})

BARE: dict[str, Any] = {
    "markets": ("X",), "insurance_fund": 0.0, "waterfall": (), "adl_policy": "none", "rule": "full",
    "close_factor": 1.0, "close_whole_below_usd": 0.0, "target_multiple": 1.0, "fee": 0.0, "keeper_share": 0.0,
    "remaining_equity": "trader", "keeper_delay_seconds": 0.0, "keeper_capacity_usd_per_minute": None,
    "max_rounds": 1000, "funding_interval_hours": None, "funding_interest_rate": 0.0, "funding_clamp": 0.0,
    "funding_cap": 0.0, "funding_premium": 0.0, "oracle_lag_seconds": 0.0, "oracle_interval_seconds": 0.0,
    "oracle_deviation_threshold": 0.0, "oracle_impact_share": 1.0, "breaker_move": None,
    "breaker_window_minutes": 1.0, "breaker_halt_minutes": 1.0, "impact": False, "gamma": 1.0,
    "half_spread_bps": 0.0, "recovery_half_life_minutes": None, "withdrawal": 0.0, "max_displacement": 0.99,
}
"""A venue that only closes accounts: no fund, fee, impact, spread, funding, delay or halt."""


def bare_rules(*, margin: float = 0.01, depth_usd: float = 1e6, **changes: Any) -> Rules:
    """The bare venue with a flat maintenance margin, one depth for every market, and ``changes``."""
    values = BARE | changes
    count = len(values["markets"])
    rules = {"tiers": [[(math.inf, margin)]] * count, "depth_usd": np.full(count, depth_usd)} | values
    unknown = set(rules) - {f.name for f in dataclasses.fields(Rules)}
    assert not unknown, f"no such rules: {unknown}"
    return Rules(**rules)


def make_book(rows: list[Row], markets: tuple[str, ...] = ("X",), residual: str | None = None) -> Book:
    """A book of these margin accounts; rows of the same owner are margin accounts of one owner."""
    owners = tuple(dict.fromkeys(owner for owner, _, _ in rows))
    size, entry = np.zeros((len(rows), len(markets))), np.zeros((len(rows), len(markets)))
    for n, (_, _, positions) in enumerate(rows):
        for market, (units, price) in positions.items():
            size[n, markets.index(market)], entry[n, markets.index(market)] = units, price
    return Book(
        markets=markets, owners=owners, owner=np.array([owners.index(owner) for owner, _, _ in rows]),
        isolated=np.array([len(positions) == 1 for _, _, positions in rows]),
        residual=np.array([owner == residual for owner, _, _ in rows]), size=size, entry=entry,
        cash=np.array([cash for _, cash, _ in rows], dtype=float))


def ladder(distances: np.ndarray, unit: float, *, start: float = 100.0, margin: float = 0.1) -> Book:
    """Isolated longs of ``unit`` entered at ``start``, liquidatable below start - distance, and one rich short.

    With a flat maintenance rate m the liquidation price L of a long entered at e solves cash + (L - e) = m L per unit.
    """
    cash = unit * (start - (start - distances) * (1 - margin))
    rows: list[Row] = [(f"long{i}", float(c), {"X": (unit, start)}) for i, c in enumerate(cash)]
    return make_book([*rows, ("short", 1e9, {"X": (-unit * len(distances), start)})])


def run(rows: list[Row], rules: Rules, *prices: float, step: float = 60.0) -> Result:
    """One market: the price at time zero, then one a tick."""
    return simulate(make_book(rows), rules, np.array(prices)[:, None], np.ones(len(prices) - 1), step)


def near(value: Any) -> Any:
    """Equal up to rounding."""
    return pytest.approx(value, rel=1e-11, abs=1e-9)


def cash(result: Result) -> dict[str, float]:
    """Final cash by owner."""
    return {owner: row["cash"] for owner, row in result.ledger["final"]["accounts"].items()}


def closed(result: Result, kind: str = "liquidations") -> list[tuple]:
    """(tick, account, size, price) of every ledger row."""
    return [(k, row["account"], row["size"], near(row["price"])) for k, tick in enumerate(result.ledger["ticks"], 1)
            for row in tick[kind]]
