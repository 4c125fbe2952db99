"""What would be liquidated if one market moved at once."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from stress.report import style
from stress.report.data import Columns
from stress.report.format import percent, percent_tick, usd, usd_tick
from stress.report.load import Run
from stress.report.style import DARK, LIGHT, Drawn

TITLE = "What a sudden move would liquidate"
_SIDES = ("longs", "shorts")


def draw(run: Run) -> Drawn:
    """Liquidated notional by move, market and side: bars for one market, a map for several."""
    if run.heatmap is None:
        return Drawn(None, "Not drawn: the run folder has no data/heatmap.npz.")
    move, notional = run.heatmap["move"], np.nan_to_num(run.heatmap["notional"])
    if not np.any(notional > 0):
        return Drawn(None, f"No market liquidates anybody by moving alone, at moves from {percent(float(move.min()))} "
                           f"to {percent(float(move.max()))}.")
    order = np.argsort(move, kind="stable")
    move, notional = move[order], notional[order]
    figure = _bars(run, move, notional) if notional.shape[1] == 1 else _maps(run, move, notional)
    return Drawn(figure, "Positions of the book at time zero that are liquidatable if only that market jumps by the "
                         "move on the x axis, before any price impact and before the fund, ADL or other accounts "
                         "react.", _data(run.markets, move, notional))


def _data(markets: list[str], move: np.ndarray, notional: np.ndarray) -> Columns:
    """``notional`` [moves, markets, sides], a row a cell."""
    cells = np.indices(notional.shape).reshape(3, -1)
    return {"market": [markets[i] for i in cells[1]], "side": [_SIDES[i] for i in cells[2]], "move": move[cells[0]],
            "liquidated (USD)": notional.ravel()}


def _bars(run: Run, move: np.ndarray, notional: np.ndarray) -> Figure:
    figure = style.new_figure(3.0)
    axes = figure.subplots()
    width = 0.85 * float(np.min(np.diff(move))) if len(move) > 1 else 0.01
    axes.bar(move, notional[:, 0, 0], width=width, color=DARK, label="longs")
    axes.bar(move, notional[:, 0, 1], bottom=notional[:, 0, 0], width=width, color=LIGHT, hatch="////",
             edgecolor="white", linewidth=0, label="shorts")
    style.linear_axis(axes.xaxis, "percent", 9)
    style.linear_axis(axes.yaxis, "usd")
    axes.set_xlabel(f"sudden move of {run.markets[0]}")
    axes.set_ylabel("liquidated notional (USD)")
    axes.legend(loc="upper center")
    return figure


def _maps(run: Run, move: np.ndarray, notional: np.ndarray) -> Figure:
    markets = notional.shape[1]
    figure = style.new_figure(1.5 + 0.32 * max(markets, 4))
    panels = figure.subplots(1, 2, sharey=True)
    top = float(notional.max())
    norm = LogNorm(top / 1e3, top)
    images = []
    for side, axes in enumerate(panels):
        values = np.where(notional[:, :, side].T > 0, notional[:, :, side].T, np.nan)
        images.append(axes.imshow(values, norm=norm, cmap=style.CMAP, aspect="auto", interpolation="nearest",
                                  extent=(-0.5, len(move) - 0.5, markets - 0.5, -0.5)))
        axes.set_title(f"{_SIDES[side]} liquidated")
        _move_ticks(axes, move)
        axes.grid(visible=False)
        _largest(axes, notional[:, :, side])
    panels[0].set_yticks(range(markets), run.markets)
    bar = figure.colorbar(images[0], ax=list(panels), pad=0.01, aspect=14)
    bar.ax.yaxis.set_major_formatter(FuncFormatter(usd_tick))
    bar.ax.minorticks_off()
    bar.set_label("USD (white: nothing)")
    return figure


def _move_ticks(axes: Axes, move: np.ndarray) -> None:
    """Round moves as ticks; cells are evenly wide whatever the grid of moves."""
    nice = MaxNLocator(6).tick_values(float(move[0]), float(move[-1]))
    nice = nice[(nice >= move[0] - 1e-12) & (nice <= move[-1] + 1e-12)] if len(move) > 1 else move
    axes.set_xticks(np.interp(nice, move, np.arange(len(move))), [percent_tick(round(float(v), 9)) for v in nice])
    axes.set_xlabel("sudden move of the market")


def _largest(axes: Axes, values: np.ndarray) -> None:
    """Write the largest value of each row into its cell, where rows are tall enough."""
    if values.shape[1] > 20:
        return
    for row in range(values.shape[1]):
        place = int(np.argmax(values[:, row]))
        if values[place, row] > 0:
            left = place < len(values) / 2
            axes.annotate(usd(float(values[place, row])), (place, row), xytext=(2 if left else -2, 0),
                          va="center", fontsize=7.5, textcoords="offset points", ha="left" if left else "right",
                          color="white" if values[place, row] > 0.03 * values.max() else style.INK)
