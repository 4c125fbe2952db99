"""Which file and which column hold a market's prices."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from stress.errors import UserError, bad_value
from stress.price.calibrate.table import SUFFIXES, columns_of

PREFERRED = ("mark_close", "spot_close", "close")
"""Columns for data.column=auto, best first: liquidation follows the mark; last trades carry wicks no mark showed."""


@dataclass(frozen=True)
class Source:
    """Where the prices of a market are."""

    file: Path
    column: str


def find_sources(path: str | None, markets: list[str], column: str) -> dict[str, Source]:
    """The source of every market: a table with a column a market, an OHLCV file, or a folder of OHLCV files.

    Raises UserError for a missing path, a market without a file, several files for one, or a column that is not there.
    """
    if path is None:
        raise bad_value("data.path", None, "a history file or a folder of them (CSV or Parquet)",
                        "Give data.path=FILE_OR_FOLDER.")
    place = Path(path)
    if place.is_dir():
        files = sorted(f for f in place.iterdir() if f.is_file() and f.name.lower().endswith(SUFFIXES))
        found = {market: _file_of(market, files, place) for market in markets}
        return {market: Source(file, _column(file, column)) for market, file in found.items()}
    if not place.is_file():
        raise bad_value("data.path", path, "an existing CSV or Parquet file, or a folder of them")
    present = columns_of(place)
    wide = {market: _match(market, present) for market in markets}
    if all(wide.values()):
        return {market: Source(place, name) for market, name in wide.items() if name}
    if len(markets) == 1 and not any(wide.values()) and {*PREFERRED, column} & set(present):
        return {markets[0]: Source(place, _column(place, column))}
    missing = [market for market, name in wide.items() if not name]
    raise UserError(f"data.path: {place} has no column {', '.join(missing)} (has {', '.join(present)}). "
                    "Name a price column after each market, give a folder with one OHLCV file a market, "
                    "or set data.markets.")


def _file_of(market: str, files: list[Path], folder: Path) -> Path:
    """The one file whose name has the market as a word, or as the start of one (BTCUSDT)."""
    def words(file: Path) -> list[str]:
        return re.split(r"[^A-Za-z0-9]+", file.name.split(".")[0].lower())

    name = market.lower()
    exact = [f for f in files if name in words(f)]
    quoted = [f for f in files if any(re.fullmatch(re.escape(name) + r"(usdt?|usdc|perp)+", w) for w in words(f))]
    matches = exact or quoted
    if len(matches) == 1:
        return matches[0]
    listed = ", ".join(f.name for f in (matches or files)[:20]) or "no CSV or Parquet file"
    if matches:
        raise UserError(f"data.path: several files in {folder} for market {market}: {listed}. Keep one of them there.")
    raise UserError(f"data.path: no file in {folder} for market {market} (has {listed}). "
                    "The name of the file must contain the market, as in binance_BTC.parquet.")


def _column(file: Path, column: str) -> str:
    present = columns_of(file)
    wanted = PREFERRED if column == "auto" else (column,)
    for name in wanted:
        if name in present:
            return name
    raise UserError(f"data.column: {file.name} has no column {' or '.join(wanted)} (has {', '.join(present)}). "
                    "Name the price column with data.column.")


def _match(market: str, present: list[str]) -> str | None:
    if market in present:
        return market
    alike = [name for name in present if name.lower() == market.lower()]
    return alike[0] if len(alike) == 1 else None
