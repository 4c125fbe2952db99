"""Configurations, margin tables and files for the tests of books."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from stress.book.load import load_book
from stress.book.rules import MarginRules
from stress.book.schema import Book
from stress.config.schema import BookConfig, SyntheticConfig
from stress.protocol.margin.tiers import MarginTable, margin_table

ROOT = Path(__file__).resolve().parent.parent
MARKETS = ["BTC", "ETH", "SOL"]
PRICES = np.array([100_000.0, 4_000.0, 200.0])
_INITIAL = [(0.02, 0.05, 0.2), (0.04, 0.1, 0.2), (0.05, 0.2, 0.4)]
_BOUNDS = [(2e6, 20e6, np.inf), (1e6, 10e6, np.inf), (0.5e6, 5e6, np.inf)]
SETTINGS: dict[str, Any] = {
    "seed": 1, "open_interest_usd": {"BTC": 400e6, "ETH": 200e6, "SOL": 80e6, "default": 15e6}, "size_tail_index": 1.1,
    "size_max_share": 0.05, "leverage_median": 6.0, "leverage_sigma": 0.8, "leverage_size_slope": 0.15,
    "margin_headroom": 1.1, "long_share": 0.6, "isolated_share": 0.3, "isolated_beside_cross": 0.5,
    "multi_market_share": 0.4, "multi_market_legs": 2.5, "hedged_share": 0.3, "entry_spread": 0.05,
    "coin_collateral": None, "venues": None}
"""Fixed here, so that tuning a shipped default moves no test."""


def tables(markets: int = 3) -> tuple[MarginTable, MarginTable]:
    """Initial and maintenance margin, half of initial, with three tiers."""
    bounds = [np.array(_BOUNDS[a % 3]) for a in range(markets)]
    rates = [np.array(_INITIAL[a % 3]) for a in range(markets)]
    return margin_table(bounds, rates), margin_table(bounds, [rate / 2 for rate in rates])


def book_config(synthetic: dict[str, Any] | None = None, **changes: Any) -> BookConfig:
    """A synthetic book of :data:`SETTINGS` with changes."""
    cfg = BookConfig(kind="synthetic", accounts=1000, synthetic=SyntheticConfig(**{**SETTINGS, **(synthetic or {})}),
                     positions=None, collateral=None, residual_account="residual", export=None)
    return dataclasses.replace(cfg, **changes)


def shipped_settings() -> dict[str, Any]:
    """The section ``synthetic`` of the shipped ``book=synthetic``."""
    return _numbers(yaml.safe_load((ROOT / "configs/book/synthetic.yaml").read_text(encoding="utf-8"))["synthetic"])


def generate(accounts: int, markets: list[str] | None = None, prices: np.ndarray | None = None,
             **synthetic: Any) -> Book:
    """A synthetic book with the tables of :func:`tables`."""
    markets, prices = markets or MARKETS, PRICES if prices is None else prices
    return load_book(book_config(synthetic, accounts=accounts), markets, prices, MarginRules(*tables(len(markets))))


def load(positions: Path, collateral: Path | None, markets: list[str] | None = None) -> Book:
    """A book from files with the tables of :func:`tables`."""
    cfg = book_config(kind="file", positions=str(positions), collateral=None if collateral is None else str(collateral))
    return load_book(cfg, markets or MARKETS, PRICES[:len(markets or MARKETS)], MarginRules(*tables(len(markets or MARKETS))))


def _numbers(value: Any) -> Any:
    """YAML 1.1 reads 400.0e6 as text; the strict parser of the command line does what this does."""
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, str) and value[:1].isdigit():
        return float(value)
    return value
