"""A history as bars that a simulation can draw: joint log-returns, highs and lows, and where one bar follows another.

What a bar's high and low are depends on the price column (``data.column``):

- A price with a high and low of its own (``spot_close`` with ``spot_high``, ``close`` with ``high``, ``mark_close``
  with ``mark_high``): those, as they are.
- A mark close without (Binance publishes none of the mark's): the wicks of the last trade and of spot, whichever is the
  shorter in this bar, put on the mark's own open and close. A wick is how far the high is above the higher of open and
  close, or the low below the lower, in log price. One market's last trades can be far from any price at which
  an account would have been liquidated (ETH traded at 323 USD on 13 March 2020, 02:00 UTC, while spot was at most
  at 120); a move that both saw is one that the mark saw too. This may cut a wick that was real: ``data.column=close``
  takes last trades with all their wicks instead.
- No high and low in the file, or one of the two missing in a bar: not known; the bridge does without.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stress.config.schema import DataConfig
from stress.errors import UserError
from stress.price.calibrate.history import GRID_TOLERANCE, History, load_history, moment
from stress.price.calibrate.sources import Source
from stress.price.calibrate.table import columns_of, read_columns

CLOSE = "close"
WITNESSES = ("", "spot_")
"""Prefixes of the columns of the last trade and of spot, whose wicks stand for the mark's."""

FEWEST = 3
"""Bars that a model can be made of."""


@dataclass(frozen=True)
class BarHistory:
    """Bars of which all markets have the return. Axes: ``n`` bars, ``A`` markets."""

    history: History
    log_return: np.ndarray  # [n, A]
    high: np.ndarray  # [n, A] log of high over open, >= max(0, log_return); NaN where not known
    low: np.ndarray  # [n, A] log of low over open, <= min(0, log_return); NaN where not known
    closed: np.ndarray  # [n] seconds since 1970 at which the bar ends
    last: np.ndarray  # [n] bool: the next row is not the bar after this one
    wicks: dict[str, str]  # by market: where high and low come from, in words

    @property
    def bar_seconds(self) -> float:
        """Length of a bar."""
        return self.history.bar_seconds


def load_bars(data: DataConfig, markets: list[str]) -> BarHistory:
    """Bars of the history that ``data`` names; raises UserError for anything that cannot be used."""
    history = load_history(data, markets)
    returns = history.returns
    high, low, words = np.full_like(returns, np.nan), np.full_like(returns, np.nan), {}
    for index, market in enumerate(markets):
        words[market], found = _wicks(history, market, returns[:, index])
        if found is not None:
            high[:, index], low[:, index] = found
    rows = np.flatnonzero(np.isfinite(returns).all(1))
    if len(rows) < FEWEST:
        raise UserError(f"data.path: {len(rows)} bars have a return of every market ({_spans(history)}), allowed is at "
                        f"least {FEWEST}. Use price.markets whose histories overlap, or other data.start and data.end.")
    opened = any(_by_bar(history.sources[market], market) for market in markets)
    closed = history.start + (rows + 1.0 + opened) * history.bar_seconds
    last = np.append(np.diff(rows) > 1, True)
    return BarHistory(history, returns[rows], high[rows], low[rows], closed, last, words)


def _spans(history: History) -> str:
    described = history.describe()["markets"].items()
    return ", ".join(f"{market} {d['start'][:10]} to {d['end'][:10]}" for market, d in described)


def _by_bar(source: Source, market: str) -> bool:
    """Whether times are those of the opening of bars, as in OHLCV files; in a table with a column a market they are
    those of the prices."""
    return source.column.lower() != market.lower()


def _wicks(history: History, market: str, returns: np.ndarray) -> tuple[str, tuple[np.ndarray, np.ndarray] | None]:
    """Where high and low of a market come from, and both [G - 1] over the bar's open, in logs."""
    source = history.sources[market]
    present = columns_of(source.file)
    prefix = source.column.removesuffix(CLOSE)
    up, down = np.maximum(returns, 0.0), np.minimum(returns, 0.0)
    if source.column.endswith(CLOSE) and {f"{prefix}high", f"{prefix}low"} <= set(present):
        before = np.log(history.prices[:-1, history.markets.index(market)])
        high, low = (np.log(_on_grid(history, source, f"{prefix}{name}")[1:]) - before for name in ("high", "low"))
        return f"{prefix}high and {prefix}low", _known(np.maximum(high, up), np.minimum(low, down))
    seen = [p for p in WITNESSES if {f"{p}{name}" for name in ("open", "high", "low", CLOSE)} <= set(present)]
    if source.column != f"mark_{CLOSE}" or not seen:
        return "not in the file", None
    both = [_wick(history, source, p) for p in seen]
    above, below = (np.minimum.reduce([wicks[side] for wicks in both]) for side in (0, 1))  # NaN where one is missing
    named = " and ".join(f"{p}high, {p}low" for p in seen)
    words = f"the shorter wick of {named}" if len(seen) > 1 else f"the wicks of {named}, which nothing confirms"
    return words, _known(up + above, down - below)


def _known(high: np.ndarray, low: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both or neither."""
    known = np.isfinite(high) & np.isfinite(low)
    return np.where(known, high, np.nan), np.where(known, low, np.nan)


def _wick(history: History, source: Source, prefix: str) -> tuple[np.ndarray, np.ndarray]:
    """Upper and lower wick [G - 1] of the bars of one price, in logs, not below zero."""
    logs = {name: np.log(_on_grid(history, source, f"{prefix}{name}")[1:]) for name in ("open", "high", "low", CLOSE)}
    above = logs["high"] - np.maximum(logs["open"], logs[CLOSE])
    below = np.minimum(logs["open"], logs[CLOSE]) - logs["low"]
    return np.maximum(above, 0.0), np.maximum(below, 0.0)


def _on_grid(history: History, source: Source, column: str) -> np.ndarray:
    """A column of a file on the history's grid [G]; NaN where it has no positive number."""
    seconds, columns = read_columns(source.file, [column])
    place = (seconds - history.start) / history.bar_seconds
    row = np.round(place).astype(np.int64)
    fits = (np.abs(place - row) < GRID_TOLERANCE) & (row >= 0) & (row < len(history.prices))
    values = np.full(len(history.prices), np.nan)
    values[row[fits]] = columns[column][fits]
    return np.where(values > 0, values, np.nan)


def span(bars: BarHistory) -> tuple[str, str]:
    """When the first bar opens and the last closes."""
    return moment(bars.closed[0] - bars.bar_seconds), moment(bars.closed[-1])
