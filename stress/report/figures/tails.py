"""Tails of returns: the data against the fitted model."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from stress.report import style
from stress.report.data import stacked
from stress.report.style import DARK, LIGHT, MID, Drawn

TITLE = "Tails of returns, data and fitted model"


def draw(tails: dict[str, np.ndarray] | None, markets: list[str]) -> Drawn:
    """One panel a market: P(|log-return| > x) of the down and up tail, data as markers, model as lines."""
    known = [m for m in markets if tails is not None and f"emp_down_{m}" in tails]
    if tails is None or not known:
        return Drawn(None, "Not drawn: the folder has no tails.npz for these markets.")
    columns = min(len(known), 3)
    rows = -(-len(known) // columns)
    figure = style.new_figure(0.5 + (3.4 if rows == 1 else 2.6) * rows)
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes, name in zip(panels.flat, known, strict=False):
        _panel(axes, tails, name)
    for axes in list(panels.flat)[len(known):]:
        axes.remove()
    for axes in panels[:, 0]:
        axes.set_ylabel("share of returns beyond")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return Drawn(figure, "Share of returns further out than the size on the x axis, both axes logarithmic. Markers: "
                         "the price history; lines: the fitted model. Where the line runs above the markers the model "
                         "is more cautious than the data, below them it understates that tail. Markers at the far "
                         "right rest on few returns.",
                 stacked({name: {"|log-return|": tails["grid"], **{f"share beyond, {side}, {who}":
                                                                   tails[f"{key}_{side}_{name}"]
                                                                   for side in ("down", "up")
                                                                   for key, who in (("emp", "data"), ("fit", "model"))}}
                          for name in known}, by="market"))


def _panel(axes: Axes, tails: dict[str, np.ndarray], name: str) -> None:
    grid = tails["grid"]
    data = {side: tails[f"emp_{side}_{name}"] for side in ("down", "up")}
    seen = np.concatenate([v[v > 0] for v in data.values()])
    floor = float(seen.min()) / 4 if seen.size else 1e-6
    style.scale_axis(axes, "x", "percent", grid[grid > 0])
    style.log_axis(axes, "y", "percent", (floor, 1.0))
    for side, colour, line, marker in (("down", DARK, "-", "v"), ("up", MID, "--", "^")):
        shown = data[side] > 0
        axes.plot(grid[shown], data[side][shown], linestyle="none", marker=marker, markersize=3.5,
                  label=f"{side}, data", markerfacecolor="none", markeredgewidth=0.9,
                  markeredgecolor=DARK if side == "down" else LIGHT)
        fit = np.where(tails[f"fit_{side}_{name}"] > 0, tails[f"fit_{side}_{name}"], np.nan)
        axes.plot(grid, fit, color=colour, linestyle=line, label=f"{side}, model")
    axes.set_title(name)
    axes.set_xlabel("|log-return| of a period")
