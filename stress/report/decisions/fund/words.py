"""How an amount with its interval is said, and drawn where its upper end is not known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from stress.report.format import NOTHING, count, percent_tick, usd


def between(metric: dict[str, Any], say: Callable[[Any], str] = usd) -> str:
    """An estimate with its interval, ``$1M ($0.8M to $1.3M)``."""
    if metric["estimate"] is None:
        return f"unknown ({metric.get('reason')})"
    if metric["low"] is None and metric["high"] is None:
        return f"{say(metric['estimate'])} (no interval: {metric.get('reason')})"
    if metric["high"] is None:
        return f"{say(metric['estimate'])} (at least {say(metric['low'])}; no upper limit: {metric.get('reason')})"
    return f"{say(metric['estimate'])} ({say(metric['low'])} to {say(metric['high'])})"


def cells(metric: dict[str, Any], say: Callable[[Any], str] = usd) -> list[str]:
    """Estimate, low and high of a table; an end that is not known is a dash."""
    return [NOTHING if metric[end] is None else say(metric[end]) for end in ("estimate", "low", "high")]


def level(row: dict[str, Any]) -> str:
    """The confidence of an interval, ``95 %``."""
    return percent_tick(row["confidence"])


def enough(row: dict[str, Any]) -> str:
    """How many paths would bound a required fund, where these do not."""
    return "" if row["high"] is not None else f"{count(row['paths_needed'])} paths would bound it"


def bars(axes: Axes, x: np.ndarray, rows: list[dict[str, Any]], **look: Any) -> None:
    """Estimates at ``x`` with intervals; an arrow where there is no upper end."""
    y, low, high = (np.array([row[end] for row in rows], dtype=np.float64) for end in ("estimate", "low", "high"))
    spread = np.stack([y - np.fmin(low, y), np.fmax(high, y) - y])
    axes.errorbar(x, y, yerr=spread, markersize=5, elinewidth=1.2, capsize=3, **look)
    for place in np.flatnonzero(np.isnan(high) & np.isfinite(y)):
        axes.annotate("", (x[place], y[place]), xytext=(0, 20), textcoords="offset points",
                      arrowprops={"arrowstyle": "<-", "color": look["color"], "linewidth": 1.2})
