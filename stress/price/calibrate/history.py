"""Price history on an even grid of bars: what was read, what was refused and why, and the log-returns.

A return is formed only between two neighbouring bars that both have a price: nothing is filled across a gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from stress.config.schema import DataConfig
from stress.errors import UserError
from stress.price.calibrate.sources import Source, find_sources
from stress.price.calibrate.table import read_columns, sha256

GRID_TOLERANCE = 1e-3
"""A time counts as on the grid when it is this close to it, in bars."""

MOST_OFF_GRID = 0.1
"""Largest share of rows off the grid: beyond, the file has no one bar length."""

OUTSIDE = "outside data.start, data.end"
"""Reason for leaving out what the user did not ask for."""

LONGEST_GRID = 20_000_000
"""Most bars between the first and the last time; a wrong date must not fill the memory."""


@dataclass(frozen=True)
class Rows:
    """The usable rows of one market and the count of those that are not, by reason."""

    seconds: np.ndarray  # [n] since 1970, strictly increasing
    prices: np.ndarray  # [n]
    read: int
    refused: dict[str, int]
    reordered: int  # rows that came too late in the file and were put in place


@dataclass(frozen=True)
class History:
    """Prices of all markets on one grid. Axes: ``G`` bars, ``A`` markets."""

    markets: list[str]
    start: float  # seconds since 1970 of the first bar
    bar_seconds: float
    prices: np.ndarray  # [G, A]; NaN where a market has none
    sources: dict[str, Source]
    hashes: dict[str, str]  # sha256 by file name
    rows: dict[str, Rows]

    @property
    def returns(self) -> np.ndarray:
        """Log-returns [G - 1, A]; NaN next to a bar without price."""
        return np.diff(np.log(self.prices), axis=0)

    def describe(self) -> dict:
        """What was used and refused, for the provenance."""
        returns = self.returns
        seen = np.isfinite(returns)
        return {
            "bar_seconds": self.bar_seconds, "start": moment(self.start),
            "end": moment(self.start + (len(self.prices) - 1) * self.bar_seconds),
            "returns_of_all_markets": int(seen.all(1).sum()), "files": dict(self.hashes),
            "markets": {m: self._describe(a, seen[:, a]) for a, m in enumerate(self.markets)},
        }

    def _describe(self, index: int, seen: np.ndarray) -> dict:
        market = self.markets[index]
        rows, at = self.rows[market], np.flatnonzero(np.isfinite(self.prices[:, index]))
        inside = int(at[-1] - at[0]) - int(seen.sum())
        return {
            "file": self.sources[market].file.name, "column": self.sources[market].column,
            "start": moment(self.start + at[0] * self.bar_seconds),
            "end": moment(self.start + at[-1] * self.bar_seconds),
            "rows_read": rows.read, "rows_used": len(rows.prices), "rows_refused": rows.refused,
            "rows_reordered": rows.reordered,
            "returns_used": int(seen.sum()), "returns_lost_in_gaps": inside,
        }


def moment(seconds: float) -> str:
    """A time as text, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def load_history(data: DataConfig, markets: list[str]) -> History:
    """Read the history that ``data`` names for ``markets``; raises UserError for anything that cannot be used."""
    sources = find_sources(data.path, markets, data.column)
    rows = {market: _rows(source, data, market) for market, source in sources.items()}
    bars = {market: _bar(found, sources[market].file) for market, found in rows.items()}
    bar = next(iter(bars.values()))
    if any(abs(other - bar) > GRID_TOLERANCE * bar for other in bars.values()):
        listed = ", ".join(f"{m} {b:g} s" for m, b in bars.items())
        raise UserError(f"data.path: the markets' bars differ in length ({listed}). Use files of one bar length.")
    start = min(found.seconds[0] for found in rows.values())
    size = round((max(found.seconds[-1] for found in rows.values()) - start) / bar) + 1
    if size > LONGEST_GRID:
        raise UserError(f"data.path: {size} bars of {bar:g} s between {moment(start)} and the last time, allowed is "
                        f"{LONGEST_GRID}. A time is wrong, or set data.start.")
    prices = np.full((size, len(markets)), np.nan)
    for index, market in enumerate(markets):
        rows[market] = _on_grid(rows[market], start, bar, sources[market].file)
        prices[np.round((rows[market].seconds - start) / bar).astype(int), index] = rows[market].prices
        _check_gaps(rows[market], prices[:, index], data.gaps, sources[market].file, start, bar)
    hashes = {file.name: sha256(file) for file in sorted({source.file for source in sources.values()})}
    return History(list(markets), float(start), float(bar), prices, sources, hashes, rows)


def _rows(source: Source, data: DataConfig, market: str) -> Rows:
    """Rows in time order, within the dates, with a positive price, each time once; the rest counted."""
    seconds, columns = read_columns(source.file, [source.column])
    prices = columns[source.column]
    read, refused = len(seconds), {}

    def keep(good: np.ndarray, reason: str) -> None:
        nonlocal seconds, prices
        if not good.all():
            refused[reason] = int((~good).sum())
        seconds, prices = seconds[good], prices[good]

    inside = (seconds >= _bound(data.start, -np.inf)) & (seconds < _bound(data.end, np.inf))
    keep(inside, OUTSIDE)
    late = int((np.diff(seconds) < 0).sum())
    order = np.argsort(seconds, kind="stable")
    seconds, prices = seconds[order], prices[order]
    if late and data.gaps == "refuse":
        raise UserError(f"{source.file}: {late} rows are out of order. Sort the file, or use data.gaps=drop.")
    keep(~np.isnan(prices), "no price")
    keep(np.isfinite(prices) & (prices > 0), "price not positive")
    keep(_single(seconds, prices), "time given twice with different prices")
    keep(np.diff(seconds, prepend=-np.inf) > 0, "row given twice")
    serious = {reason: n for reason, n in refused.items() if reason not in ("no price", OUTSIDE)}
    if serious and data.gaps == "refuse":
        listed = ", ".join(f"{reason}: {n}" for reason, n in serious.items())
        raise UserError(f"{source.file}, column {source.column}: rows that cannot be used ({listed}). "
                        "Mend the file, or use data.gaps=drop.")
    if len(seconds) < 3:
        counted = ", ".join(f"{reason}: {n}" for reason, n in refused.items()) or "nothing refused"
        raise UserError(f"{source.file}, column {source.column}: {len(seconds)} usable rows for {market} of {read} "
                        f"({counted}), allowed is at least 3.")
    return Rows(seconds, prices, read, refused, late)


def _single(seconds: np.ndarray, prices: np.ndarray) -> np.ndarray:
    """False for every row whose time also comes with another price: which one is right cannot be known."""
    _, group = np.unique(seconds, return_inverse=True)
    size = group.max(initial=-1) + 1
    low, high = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(low, group, prices)
    np.maximum.at(high, group, prices)
    return (low == high)[group]


def _bound(text: str | None, otherwise: float) -> float:
    return otherwise if text is None else seconds_of(text)


def seconds_of(text: str) -> float:
    """A date as seconds since 1970; UTC where it does not say."""
    date = datetime.fromisoformat(text)
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _bar(rows: Rows, file: Path) -> float:
    """Length of a bar in seconds: the median spacing."""
    bar = float(np.median(np.diff(rows.seconds)))
    if bar < 1:
        raise UserError(f"{file}: the median spacing of rows is {bar:g} s, allowed is at least 1 s.")
    return bar


def _on_grid(rows: Rows, start: float, bar: float, file: Path) -> Rows:
    """Rows whose times are whole bars from ``start``."""
    offset = (rows.seconds - start) / bar
    good = np.abs(offset - np.round(offset)) < GRID_TOLERANCE
    if good.mean() < 1 - MOST_OFF_GRID:
        raise UserError(f"{file}: {int((~good).sum())} of {len(good)} times are not a whole number of bars ({bar:g} s) "
                        f"from {moment(start)}. Use evenly spaced bars that begin at the same times in every file.")
    refused = dict(rows.refused) if good.all() else {**rows.refused, "off the grid of bars": int((~good).sum())}
    return Rows(rows.seconds[good], rows.prices[good], rows.read, refused, rows.reordered)


def _check_gaps(rows: Rows, prices: np.ndarray, gaps: str, file: Path, start: float, bar: float) -> None:
    """Refuse missing bars inside a market's span when the config says so, or rows off the grid."""
    at = np.flatnonzero(np.isfinite(prices))
    missing = at[-1] - at[0] + 1 - len(at)
    if gaps == "refuse" and (missing or "off the grid of bars" in rows.refused):
        first = at[np.flatnonzero(np.diff(at) > 1)[0]] + 1 if missing else at[0]
        raise UserError(f"{file}: {missing} bars are missing, the first at {moment(start + float(first) * bar)}. "
                        "Fill them, or use data.gaps=drop to leave the returns out.")
