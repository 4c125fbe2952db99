"""Prices: the fan of all paths and the worst ones."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from stress.report import style
from stress.report.data import stacked
from stress.report.format import count, many, percent_tick
from stress.report.load import Run
from stress.report.style import DARK, INK, LINES, MID, Drawn

TITLE = "Price paths"
_ENOUGH = 20
"""Below this many paths single lines are drawn instead of quantile bands."""
_LINES = 4
_LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def draw(run: Run) -> Drawn:
    """One panel a market: quantile bands of the mark price and the worst paths."""
    if run.prices is None or run.prices["sample"].shape[0] + run.prices["worst"].shape[0] == 0:
        return Drawn(None, "Not drawn: the run folder has no sample of prices (data/prices.npz).")
    markets = run.markets
    columns = min(len(markets), 3 if len(markets) <= 9 else 4)
    rows = -(-len(markets) // columns)
    figure = style.new_figure(0.45 + (3.0 if rows == 1 else 2.15 if rows == 2 else 1.75) * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True)
    for place, name in enumerate(markets):
        _panel(panels.flat[place], run.prices, place, name)
    for axes in panels.flat[len(markets):]:
        axes.remove()
    for axes in panels.flat[max(len(markets) - columns, 0):len(markets)]:
        axes.set_xlabel("time (h)")
        axes.tick_params(labelbottom=True)
    for axes in panels[:, 0]:
        axes.set_ylabel("mark price (USD)")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    kept, worst = run.prices["sample"].shape[0], run.prices["worst"].shape[0]
    return Drawn(figure, "Mark prices, the venue's own impact included. Bands: quantiles at each time over "
                         f"{count(kept)} stored paths of {count(run.summary.get('paths'))}. Lines: the worst "
                         f"{many(min(worst, _LINES), 'path')} of the whole run.",
                 stacked({name: _lines(run.prices, place) for place, name in enumerate(markets)}, by="market"))


def _lines(prices: dict[str, np.ndarray], market: int) -> dict[str, np.ndarray]:
    """What is drawn of a market, mark prices in USD by time."""
    sample = prices["sample"][:, :, market]
    found = {"time (h)": prices["time_hours"]}
    if len(sample) >= _ENOUGH:
        found |= {f"{percent_tick(level)} quantile (USD)": line
                  for level, line in zip(_LEVELS, np.nanquantile(sample, _LEVELS, axis=0), strict=True)}
    else:
        found |= {f"stored path {int(path)} (USD)": line
                  for path, line in zip(prices["sample_path"], sample, strict=True)}
    return found | {f"path {int(path)} (USD)": line for path, line in zip(
        prices["worst_path"][:_LINES], prices["worst"][:_LINES, :, market], strict=True)}


def _panel(axes: Axes, prices: dict[str, np.ndarray], market: int, name: str) -> None:
    hours, sample = prices["time_hours"], prices["sample"][:, :, market]
    if len(sample) >= _ENOUGH:
        levels = np.nanquantile(sample, _LEVELS, axis=0)
        for depth, (colour, label) in enumerate((("#e6ecf2", "1–99 %"), ("#c9d6e2", "5–95 %"), ("#9db4c9", "25–75 %"))):
            axes.fill_between(hours, levels[depth], levels[6 - depth], color=colour, linewidth=0, label=label)
        axes.plot(hours, levels[3], color=DARK, linewidth=1.2, label="median")
    else:
        for number, line in enumerate(sample):
            axes.plot(hours, line, color="#9db4c9", linewidth=0.9, label="stored paths" if number == 0 else None)
    for number, line in enumerate(prices["worst"][:_LINES, :, market]):
        axes.plot(hours, line, color=(MID, INK, MID, INK)[number], linewidth=1.0, linestyle=LINES[number],
                  label=f"path {int(prices['worst_path'][number])}")
    axes.set_title(name)
    axes.set_xlim(hours[0], hours[-1])
    style.linear_axis(axes.yaxis, "usd", 5)
    style.linear_axis(axes.xaxis, "plain", 5)
