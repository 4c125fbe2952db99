"""Fitted models side by side: tails, worst moves and clustering of every market, all against the data."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from stress.report import style
from stress.report.data import Columns, stacked
from stress.report.figures.ranges import mark, ranges, table
from stress.report.style import INK, LINES, SHADES, Drawn

TITLE = "Models against the data"
MOVES = {"worst_1h": "1 h", "worst_4h": "4 h", "worst_24h": "24 h"}
LAGS = {"squares_lag_1h": "1 h", "squares_lag_24h": "24 h"}
_FALL, _BEYOND = "fall in one bar (log)", "share of bars beyond"


def draw(found: dict[str, Any], tails: dict[str, dict[str, np.ndarray]]) -> Drawn:
    """A row a market: share of falls beyond a size, worst falls, autocorrelation of squared returns."""
    markets, models = found["markets"], list(found["models"])
    figure = style.new_figure(0.9 + 2.5 * len(markets))
    panels = figure.subplots(len(markets), 3, squeeze=False, width_ratios=(1.15, 1, 1))
    for row, market in zip(panels, markets, strict=True):
        _tail(row[0], tails, models, market)
        _moves(row[1], found["models"], market)
        _clustering(row[2], found["models"], market)
    panels[0, 1].set_title("worst fall in the whole sample")
    panels[0, 2].set_title("autocorrelation of squares")
    for axes in panels[-1:, 0]:
        axes.set_xlabel("fall in one bar, log")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=6)
    return Drawn(figure, "Black: the price history. Left: share of bars with a larger fall; a line below the dots "
                         "understates that tail. Middle and right: each model simulated 64 times over as long a "
                         "history, bar from the 5th to the 95th percentile and a dot at the median; where the black "
                         "line is outside a bar, that model hardly ever produces what was seen.", _data(found, tails))


def _data(found: dict[str, Any], tails: dict[str, dict[str, np.ndarray]]) -> Columns:
    """Shares beyond each size, and the ranges of moves and of autocorrelations."""
    parts: dict[str, Columns] = {}
    for market in found["markets"]:
        known = {m: t for m, t in tails.items() if f"emp_down_{market}" in t}
        for number, (model, tail) in enumerate(known.items()):
            if number == 0:
                parts[f"{market}: data"] = {_FALL: tail["grid"], _BEYOND: tail[f"emp_down_{market}"]}
            parts[f"{market}: {model}"] = {_FALL: tail["grid"], _BEYOND: tail[f"fit_down_{market}"]}
    rows = {(market, model, name): row for market in found["markets"] for name in (*MOVES, *LAGS)
            for model, m in found["models"].items() if (row := m["comparison"].get(market, {}).get(name))}
    return stacked(parts | {"ranges": table(rows, ("market", "model", "statistic"))})


def _tail(axes: Axes, tails: dict[str, dict[str, np.ndarray]], models: list[str], market: str) -> None:
    known = [m for m in models if f"emp_down_{market}" in tails.get(m, {})]
    axes.set_title(market)
    if not known:
        return
    grid, seen = tails[known[0]]["grid"], tails[known[0]][f"emp_down_{market}"]
    shown = seen > 0
    axes.plot(grid[shown], seen[shown], linestyle="none", marker="o", markersize=2.6, color=INK, label="data", zorder=5)
    for model in known:
        at, fit = models.index(model) % len(SHADES), tails[model][f"fit_down_{market}"]
        axes.plot(grid, np.where(fit > 0, fit, np.nan), color=SHADES[at], linestyle=LINES[at], linewidth=1.3,
                  label=model)
    style.log_axis(axes, "x", "percent", (float(grid[0]), float(grid[-1])), narrow=True)
    style.log_axis(axes, "y", "percent", (float(seen[shown].min()) / 4, 1.0))
    axes.set_ylabel("share of bars beyond")


def _moves(axes: Axes, models: dict[str, Any], market: str) -> None:
    """Worst falls as positive sizes, by horizon."""
    known = [name for name in MOVES if all(name in m["comparison"].get(market, {}) for m in models.values())]
    for place, name in enumerate(known):
        rows = [m["comparison"][market][name] for m in models.values()]
        ranges(axes, place, [{key: abs(row[key]) for key in row} for row in rows])
        mark(axes, place, abs(rows[0]["data"]))
    axes.set_xticks(range(len(known)), [MOVES[name] for name in known])
    axes.xaxis.set_minor_locator(NullLocator())
    style.linear_axis(axes.yaxis, "percent", 5)
    axes.set_ylim(bottom=0)


def _clustering(axes: Axes, models: dict[str, Any], market: str) -> None:
    known = [name for name in LAGS if all(name in m["comparison"].get(market, {}) for m in models.values())]
    for place, name in enumerate(known):
        rows = [m["comparison"][market][name] for m in models.values()]
        ranges(axes, place, rows)
        mark(axes, place, rows[0]["data"])
    axes.set_xticks(range(len(known)), [f"lag {LAGS[name]}" for name in known])
    style.linear_axis(axes.yaxis, "plain", 5)
