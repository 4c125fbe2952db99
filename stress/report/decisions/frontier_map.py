"""The map of the command ``frontier``: required fund over margin rates and depth, with lines of equal fund."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator

from stress.report import style
from stress.report.data import Columns, of_metrics
from stress.report.figures.contour_labels import label_contours
from stress.report.format import percent_tick, plain_tick, usd, usd_tick
from stress.report.style import INK, Drawn

FADED = LinearSegmentedColormap.from_list("faded", ["#f6f8fa", "#c9d6e2", "#8fabc4"])
"""Pale, so that lines and numbers stand out; dark is much."""
LINES = 6
SCALED = {"ratio": "both margin rates", "spread": "the maintenance rate, with its distance to the initial rate",
          "maintenance": "the maintenance rate"}


def isoquants(found: dict[str, Any]) -> Drawn:
    """Cells with the required fund, and lines along which it is the same."""
    part = found["map"]
    if part["reason"]:
        return Drawn(None, f"Not drawn: {part['reason']}.")
    xs, ys = (sorted({c[k] for c in part["cells"]}) for k in ("scale", "depth"))
    metrics = {(c["scale"], c["depth"]): c["required_fund"] for c in part["cells"]}
    funds = np.array([[_number(metrics[x, y]["estimate"]) for x in xs] for y in ys])
    axes = (figure := style.new_figure(1.5 + 0.75 * max(len(ys), 3))).subplots()
    numbers = _cells(axes, xs, ys, funds, metrics)
    star = axes.plot([1.0], [1.0], marker="*", markersize=15, markerfacecolor="white", markeredgecolor=INK, zorder=6)
    for axis, values in ((axes.xaxis, xs), (axes.yaxis, ys)):
        axis.set_ticks(np.array(values), labels=[f"{plain_tick(v)} ×" for v in values])
        axis.set_ticks(np.array([]), minor=True)
    axes.set_xlabel(f"factor on {SCALED[part['scaling']]}")
    axes.set_ylabel("factor on depth")
    axes.grid(visible=False)
    drawn = _contours(axes, xs, ys, funds, [*numbers, *star])
    lines = "Lines join points of equal fund" if drawn else "No line of equal fund crosses the map"
    return Drawn(figure, f"Fund for a {percent_tick(found['target'])} chance of depletion: estimate, interval below. "
                         f"{lines} (interpolated between cells; no fund counts as a tenth of the smallest). Hatched: "
                         "the paths do not bound the fund from above. Star: the present setting.", _data(part["cells"]))


def _data(cells: list[dict[str, Any]]) -> Columns:
    """A row a cell."""
    return of_metrics([({"factor on margin": c["scale"], "factor on depth": c["depth"]}, c["required_fund"])
                       for c in cells])


def _cells(axes: Axes, xs: list[float], ys: list[float], funds: np.ndarray,
           metrics: dict[Any, Any]) -> list[Artist]:
    """Cells, shaded by the fund; the numbers in them are returned."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    x_edges, y_edges = _edges(xs), _edges(ys)
    positive = funds[np.isfinite(funds) & (funds > 0)]
    norm = LogNorm(float(positive.min()), float(positive.max()) * 1.001) if positive.size else None
    shown = np.ma.masked_invalid(np.where(funds > 0, funds, np.nan))
    axes.pcolormesh(x_edges, y_edges, shown, cmap=FADED, norm=norm, zorder=1)
    numbers: list[Artist] = []
    for (row, column), fund in np.ndenumerate(funds):
        x, metric = xs[column], metrics[xs[column], ys[row]]
        if metric["high"] is None:
            (left, right), (bottom, top) = x_edges[column:column + 2].tolist(), y_edges[row:row + 2].tolist()
            axes.add_patch(Rectangle((left, bottom), right - left, top - bottom, fill=False, hatch="///",
                                     edgecolor="#9aa7b4", linewidth=0, zorder=2))
        high = "no bound" if metric["high"] is None else usd(metric["high"], 2)
        text = f"{usd(fund) if np.isfinite(fund) else '–'}\n{usd(metric['low'], 2)} to {high}"
        numbers.append(axes.annotate(
            text, (x, y_edges[row]), xytext=(0, 3), textcoords="offset points", ha="center", va="bottom", fontsize=7,
            zorder=5, bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.8}))
    axes.set_xlim(x_edges[0], x_edges[-1])
    axes.set_ylim(y_edges[0], y_edges[-1])
    return numbers


def _contours(axes: Axes, xs: list[float], ys: list[float], funds: np.ndarray, around: list[Artist]) -> bool:
    """Lines of equal fund, labelled off the artists ``around``; False where there is none to draw."""
    positive = funds[np.isfinite(funds) & (funds > 0)]
    if len(xs) < 2 or len(ys) < 2 or not positive.size or positive.min() == positive.max():
        return False
    low, high = float(positive.min()), float(positive.max())
    levels = levels_between(low, high)
    if not levels:
        return False
    logs = np.log(np.where(funds > 0, funds, low / 10))  # a fund of zero lies below every line
    heights = np.ma.masked_invalid(logs)
    lines = axes.contour(xs, ys, heights, levels=np.log(levels), colors=INK, linewidths=1.3, zorder=4)
    label_contours(axes, lines, [usd_tick(float(f"{level:.3g}")) for level in levels], around)
    return True


def levels_between(low: float, high: float) -> list[float]:
    """A few round amounts strictly between two."""
    for subs in ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)):
        found = LogLocator(10.0, subs=subs, numticks=50).tick_values(low, high)
        inside = [float(v) for v in found if low < v < high]
        if len(inside) >= 3:
            return inside[::max(1, -(-len(inside) // LINES))]
    return inside


def _edges(values: list[float]) -> np.ndarray:
    """Cell borders on a log axis around the values."""
    logs = np.log(np.array(values))
    if len(logs) == 1:
        return np.exp([logs[0] - 0.3, logs[0] + 0.3])
    middle = (logs[1:] + logs[:-1]) / 2
    return np.exp(np.concatenate([[2 * logs[0] - middle[0]], middle, [2 * logs[-1] - middle[-1]]]))


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)
