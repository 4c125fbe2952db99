"""Forecasts out of sample: where what came fell in the simulated law, as histograms."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from stress.report import style
from stress.report.data import Columns, stacked
from stress.report.style import DARK, INK, PALE, Drawn

TITLE = "Forecasts out of sample"
AHEAD = {"pit_bar": "one bar ahead", "pit_day": "24 h ahead"}


def draw(tested: dict[str, dict[str, Any]], markets: list[str]) -> Drawn:
    """A row a market, a column a model: bars of one bar ahead, a line for a day ahead."""
    if not tested:
        return Drawn(None, "Not drawn: nothing was held out (calibrate.split=DATE).")
    figure = style.new_figure(0.8 + 1.35 * len(markets))
    panels = figure.subplots(len(markets), len(tested), squeeze=False, sharex=True, sharey=True)
    for row, market in zip(panels, markets, strict=True):
        for axes, (model, test) in zip(row, tested.items(), strict=True):
            _panel(axes, test["markets"][market])
            if market == markets[0]:
                axes.set_title(model, fontsize=8.5)
        row[0].set_ylabel(market)
    panels[0, 0].set_xticks([0, 0.5, 1])
    panels[0, 0].set_ylim(0, 2.5)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return Drawn(figure, "Share of forecasts, relative to a perfect model's, by where in the forecast's law the return "
                         "came to lie (left: a fall, right: a rise). A perfect model is flat at one; a hump in the "
                         "middle means forecasts that are too wide, raised ends forecasts that are too narrow.",
                 _data(tested, markets))


def _data(tested: dict[str, dict[str, Any]], markets: list[str]) -> Columns:
    """A row a bin of each histogram; heights relative to a perfect model's."""
    parts = {}
    for market in markets:
        for model, test in tested.items():
            for name, label in AHEAD.items():
                if found := test["markets"][market].get(name):
                    height = np.array(found["histogram"])
                    edges = np.linspace(0, 1, len(height) + 1)
                    parts[f"{market}, {model}, {label}"] = {"bin from": edges[:-1], "bin to": edges[1:],
                                                            "relative share": height * len(height)}
    return stacked(parts)


def _panel(axes: Axes, test: dict[str, Any]) -> None:
    for name, label in AHEAD.items():
        if not test.get(name):
            continue
        height = np.array(test[name]["histogram"])
        edges = np.linspace(0, 1, len(height) + 1)
        if name == "pit_bar":
            axes.stairs(height * len(height), edges, fill=True, color=PALE, label=label)
        else:
            axes.stairs(height * len(height), edges, color=DARK, linewidth=1.0, label=label)
    axes.axhline(1.0, color=INK, linewidth=0.8, linestyle=":", label="perfect")
