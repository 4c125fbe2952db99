"""Order-book depth: its history, and how it answers to volatility."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from stress.report import style
from stress.report.data import Columns, stacked
from stress.report.style import DARK, LINES, MID, SHADES, Drawn

TITLE = "Order-book depth, and what volatility does to it"
DAY = 86_400.0
SMOOTH = 21
"""Windows of the running median: a week of 8 h."""
_BINS = (
    "Right: windows of all markets in bins of as many each, beside the month and the time of the week they are in. The "
    "bins follow the dashed line, because realised volatility is measured with error and so spread too wide; the solid "
    "line is the answer to volatility itself."
)


def draw(arrays: dict[str, np.ndarray] | None, fit: dict[str, Any]) -> Drawn:
    """Depth of every market over time, and log depth against log volatility in bins."""
    markets = [m for m in fit.get("levels", {}) if arrays is not None and f"usd_{m}" in arrays]
    if arrays is None or not markets:
        return Drawn(None, "Not drawn: the folder has no liquidity.npz for these markets.")
    figure = style.new_figure(3.7)
    answered = "log_depth" in arrays
    panels = figure.subplots(1, 2 if answered else 1, squeeze=False, width_ratios=[1.5, 1] if answered else [1])[0]
    _history(panels[0], arrays, markets)
    if answered:
        _answer(panels[1], arrays, fit)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    more = f" {_BINS}" if answered else ""
    return Drawn(
        figure,
        f"Left: depth within 1 % of mid, mean of both sides, running median of {SMOOTH} windows, "
        f"logarithmic. Gaps in the record are not drawn over.{more}",
        _data(arrays, markets),
    )


def _data(arrays: dict[str, np.ndarray], markets: list[str]) -> Columns:
    """The running medians by market, and the bins."""
    parts: dict[str, Columns] = {
        market: {"year": _years(arrays[f"time_{market}"]), "depth within 1 % (USD)": _smooth(arrays[f"usd_{market}"])}
        for market in markets
    }
    if "log_depth" in arrays:
        bins = (np.exp(arrays[name]) for name in ("log_volatility", "log_depth"))
        parts["bins of windows"] = dict(zip(("volatility, relative", "depth, relative"), bins, strict=True))
    return stacked(parts)


def _years(time: np.ndarray) -> np.ndarray:
    return 1970.0 + time / (365.2425 * DAY)


def _smooth(usd: np.ndarray) -> np.ndarray:
    padded = np.pad(usd, SMOOTH // 2, mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, SMOOTH), axis=1)


def _history(axes: Axes, arrays: dict[str, np.ndarray], markets: list[str]) -> None:
    every = np.concatenate([arrays[f"usd_{m}"] for m in markets])
    style.log_axis(axes, "y", "usd", (float(every.min()) / 1.2, float(every.max()) * 1.2))
    for number, market in enumerate(markets):
        time, usd = arrays[f"time_{market}"], arrays[f"usd_{market}"]
        gap = np.diff(time, prepend=time[0]) > 4 * np.median(np.diff(time))
        axes.plot(
            np.where(gap, np.nan, _years(time)),
            _smooth(usd),
            color=SHADES[number % len(SHADES)],
            linestyle=LINES[number % len(LINES)],
            linewidth=1.2,
            label=market,
        )
    axes.set_title("Depth within 1 % of mid (USD)")
    axes.set_xlabel("year")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda year, _: f"{year:.0f}"))


def _answer(axes: Axes, arrays: dict[str, np.ndarray], fit: dict[str, Any]) -> None:
    x, y = arrays["log_volatility"], arrays["log_depth"]
    pooled = fit["elasticity"]["pooled"]
    axes.plot(
        np.exp(x),
        np.exp(y),
        linestyle="none",
        marker="o",
        markersize=4,
        markerfacecolor="none",
        markeredgecolor=DARK,
        label="bins of windows",
    )
    ends = np.array([x.min(), x.max()])
    for name, line, colour, words in (("naive", "--", DARK, "as measured"), ("corrected", "-", MID, "corrected")):
        slope = pooled[name]["estimate"]
        axes.plot(np.exp(ends), np.exp(slope * ends), linestyle=line, color=colour, label=f"{words}: {slope:.2f}")
    style.log_axis(axes, "x", "plain", (float(np.exp(ends[0])) / 1.2, float(np.exp(ends[1])) * 1.2))
    low = min(float(np.exp(y.min())), float(np.exp(pooled["corrected"]["estimate"] * ends[1])))
    axes.set_ylim(low - 0.05, float(np.exp(pooled["corrected"]["estimate"] * ends[0])) + 0.1)
    axes.set_title("Depth, relative")
    axes.set_xlabel("volatility, relative")
    axes.legend(title="slope of logarithms", loc="lower left")
