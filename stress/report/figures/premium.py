"""Funding rates: their history, and their law beside the fitted premium's."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from stress.report import style
from stress.report.data import stacked
from stress.report.style import DARK, MID, Drawn

TITLE = "Funding rates, paid and fitted"
YEAR = 365.2425 * 86_400.0
BASIS_POINTS = 1e4


def draw(arrays: dict[str, np.ndarray] | None, fit: dict[str, Any]) -> Drawn:
    """One panel a market: the share of payments below a rate, of the data and of the fitted process."""
    markets = [m for m in fit.get("markets", {}) if arrays is not None and f"seen_{m}" in arrays]
    if arrays is None or not markets:
        return Drawn(None, "Not drawn: the folder has no funding.npz for these markets.")
    columns = min(len(markets), 4)
    rows = -(-len(markets) // columns)
    figure = style.new_figure(0.6 + 2.3 * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes, market in zip(panels.flat, markets, strict=False):
        _panel(axes, arrays, market)
    for axes in list(panels.flat)[len(markets) :]:
        axes.remove()
    for axes in panels[:, 0]:
        axes.set_ylabel("share of payments below")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return Drawn(
        figure,
        "Share of payments at or below the rate on the x axis, in basis points a payment. The step is the "
        "interest: there the clamp hides the premium. Where it is higher in the data than in the fit, "
        "premiums stay within the clamp more often than a normal law has them.",
        stacked({market: {"rate (bp)": BASIS_POINTS * arrays[f"grid_{market}"],
                          "share of payments below, paid": arrays[f"seen_{market}"],
                          "share of payments below, fitted": arrays[f"fitted_{market}"]} for market in markets},
                by="market"),
    )


def _panel(axes: Axes, arrays: dict[str, np.ndarray], market: str) -> None:
    grid = BASIS_POINTS * arrays[f"grid_{market}"]
    axes.step(grid, arrays[f"seen_{market}"], where="post", color=DARK, label="paid")
    axes.step(grid, arrays[f"fitted_{market}"], where="post", color=MID, linestyle="--", label="fitted process")
    axes.set_title(market)
    axes.set_xlabel("rate (bp)")
    style.linear_axis(axes.xaxis, "plain", 4)
    style.linear_axis(axes.yaxis, "percent", 5)
