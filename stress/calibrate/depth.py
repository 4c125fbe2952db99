"""Depth and prices as files have them, made ready for ``stress.liquidity.calibrate``."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from stress.calibrate.long import LongFile, read_long
from stress.config.schema import DataConfig
from stress.errors import UserError
from stress.liquidity.calibrate.windows import Bars, Windows
from stress.price.calibrate.history import History, load_history

BID, ASK, FLAG = "bid_depth_1pct_usd", "ask_depth_1pct_usd", "suspect"
"""Columns of a depth file: USD within 1 % of mid on each side, mean over the window that ends at the timestamp; and
what marks a row as corrupt."""
FEWEST = 90
"""Windows of a market."""


@dataclass(frozen=True)
class DepthHistory:
    """Depth by market, and what was left out."""

    windows: list[Windows]
    file: LongFile

    def describe(self) -> dict:
        """What was used and refused, for the provenance."""
        return {
            w.market: {
                "windows_used": len(w.end),
                "rows_read": self.file.rows[w.market].read,
                "rows_refused": self.file.rows[w.market].refused,
            }
            for w in self.windows
        }


def load_depth(data: DataConfig, markets: list[str]) -> DepthHistory:
    """The depth history that ``data`` names; raises UserError for anything that cannot be used."""
    found = read_long(str(data.depth), "data.depth", markets, data, [BID, ASK], FLAG)
    rows, windows = dict(found.rows), []
    for market in markets:
        good = (rows[market].values[BID] > 0) & (rows[market].values[ASK] > 0)
        if not good.all():
            refused = {**rows[market].refused, "depth not positive": int((~good).sum())}
            kept = {name: values[good] for name, values in rows[market].values.items()}
            rows[market] = replace(rows[market], seconds=rows[market].seconds[good], values=kept, refused=refused)
        mine = rows[market]
        if len(mine.seconds) < FEWEST:
            raise UserError(
                f"data.depth: {found.file.name} has {len(mine.seconds)} usable windows for {market}, allowed "
                f"is at least {FEWEST}."
            )
        length = float(np.median(np.diff(mine.seconds)))
        windows.append(Windows(market, mine.seconds, length, mine.values[BID], mine.values[ASK]))
    return DepthHistory(windows, replace(found, rows=rows))


def load_bars(data: DataConfig, market: str) -> tuple[Bars, History]:
    """The bars of a market's price history."""
    history = load_history(data, [market])
    return Bars(bar_ends(history), history.returns[:, 0], history.bar_seconds), history


def bar_ends(history: History) -> np.ndarray:
    """When the bars of the returns end [G - 1], in seconds since 1970.

    A column of closes has the time at which its bar begins; any other price has its own.
    """
    closes = all(source.column.lower().endswith("close") for source in history.sources.values())
    return history.start + history.bar_seconds * (np.arange(1, len(history.prices)) + closes)
