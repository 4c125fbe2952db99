"""How large liquidations get, and how much of that is the venue's own selling."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from stress.report import style
from stress.report.data import Columns, stacked
from stress.report.format import count, many, percent_tick, plain
from stress.report.load import Run
from stress.report.style import DARK, LIGHT, MID, PALE, Drawn
from stress.report.tail import effective, exceedance, wilson

TITLE = "Cascades: how large, and how much of it is self-made"
_DOTS = 2500
_SMALLEST = 1e-6
"""Amounts below this share of the largest are off the axis."""
_AMOUNT, _SHARE = "liquidated a path (USD)", "share of paths at or above"
_LOOKS = ((DARK, PALE, "-"), (MID, LIGHT, "--"))


def draw(run: Run) -> Drawn:
    """Exceedance of liquidated notional, main and twin; and one against the other, path by path."""
    main, twin = _amounts(run)
    if main is None or not np.any(main > 0):
        return Drawn(None, f"Not drawn: no position was liquidated on any of the {many(run.drawn, 'path')}.")
    figure = style.new_figure(3.7)
    sizes = ("share of paths that liquidate at least the amount on the x axis over the whole horizon, with "
             f"{percent_tick(run.confidence)} bands")
    if twin is None:
        _sizes(figure.subplots(), _curves(run))
        return Drawn(figure, f"Curve: {sizes}. The twin (the same prices without the venue's own impact) was not run "
                             f"(run.twin is off). n = {many(len(main), 'path')}.", stacked(_curves(run)))
    left, right = figure.subplots(1, 2)
    curves = _curves(run)
    _sizes(left, curves)
    shown = _some(main > 0, run.column("cascade"))
    dots = _pairs(right, run, main, twin, shown)
    return Drawn(figure, f"Left: {sizes}. The twin is the same venue on the same price noise without price impact: the "
                         "gap between the curves is what the venue's own selling adds. Right: each dot a path "
                         f"({dots}); paths on the diagonal liquidate what prices alone cause, the further above it the "
                         f"more is self-made. n = {many(len(main), 'path')}.",
                 stacked({**curves, "paths": _paths(run, shown)}))


def _amounts(run: Run) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Liquidated notional of the run and of its twin [P]."""
    return run.column("liquidated_notional"), run.column("liquidated_notional_twin")


def _curves(run: Run) -> dict[str, Columns]:
    """Share of paths that liquidate at least an amount, by curve."""
    curves = {}
    for name, values in zip(("with price impact", "twin: without"), _amounts(run), strict=True):
        if values is not None and np.any(values > 0):
            x, share = exceedance(values, run.weight, 300)
            low, high = wilson(share, effective(run.weight), run.confidence)
            curves[name] = {_AMOUNT: x, _SHARE: share, "share low": low, "share high": high}
    return curves


def _paths(run: Run, shown: np.ndarray) -> Columns:
    """The dots: what each path liquidates with and without impact."""
    columns = {"path": run.column("path"), _AMOUNT: run.column("liquidated_notional"),
               "liquidated in the twin (USD)": run.column("liquidated_notional_twin"), "cascade": run.column("cascade")}
    return {name: values[shown] for name, values in columns.items() if values is not None}


def _sizes(axes: Axes, curves: dict[str, Columns]) -> None:
    every = np.concatenate([np.asarray(c[_AMOUNT]) for c in curves.values()])
    largest = max(next(iter(curves.values()))[_AMOUNT])
    style.scale_axis(axes, "x", "usd", np.maximum(every, largest * _SMALLEST))
    style.log_axis(axes, "y", "percent", (min(min(c[_SHARE]) for c in curves.values()) / 2, 1.0))
    for (label, curve), (colour, band, line) in zip(curves.items(), _LOOKS, strict=False):
        x, share, low, high = (np.asarray(values) for values in curve.values())
        axes.fill_between(x, low, high, color=band, alpha=0.6, linewidth=0)
        axes.plot(x, share, color=colour, linestyle=line, label=label, marker="." if len(x) < 40 else None)
    axes.set_xlabel("liquidated notional a path (USD)")
    axes.set_ylabel("share of paths at or above")
    axes.legend(loc="lower left")


def _pairs(axes: Axes, run: Run, main: np.ndarray, twin: np.ndarray, shown: np.ndarray) -> str:
    """Scatter of main against twin; paths without liquidations in the twin sit at the left edge."""
    cascade = run.column("cascade")
    both = main > 0
    floor = float(np.min(np.concatenate([main[both], twin[twin > 0]]))) / 2
    floor = max(floor, float(main.max()) * _SMALLEST)
    x, y = np.maximum(twin[shown], floor), np.maximum(main[shown], floor)
    limits = (floor / 1.6, float(max(main.max(), twin.max())) * 2)
    style.log_axis(axes, "x", "usd", limits)
    style.log_axis(axes, "y", "usd", limits)
    axes.plot(limits, limits, color="#6b7783", linewidth=1, linestyle=":", label="no amplification")
    flagged = np.zeros(len(shown), dtype=bool) if cascade is None else cascade[shown] == 1
    axes.scatter(x[~flagged], y[~flagged], s=5, color="#8fa3b5", linewidth=0, rasterized=True, label="path")
    axes.scatter(x[flagged], y[flagged], s=14, marker="^", facecolor="none", edgecolor=MID, linewidth=0.8,
                 label="path with a cascade")
    axes.set_xlabel("liquidated in the twin (USD)")
    axes.set_ylabel("liquidated with price impact (USD)")
    axes.legend(loc="lower right")
    ratio = run.metric("amplification")
    if ratio.get("estimate") is not None:
        axes.set_title(f"amplification {plain(ratio['estimate'])} ({plain(ratio.get('low'))} to "
                       f"{plain(ratio.get('high'))})")
    return f"{count(len(shown))} of the {count(both.sum())} with liquidations; left edge: none in the twin"


def _some(both: np.ndarray, cascade: np.ndarray | None) -> np.ndarray:
    """At most ``_DOTS`` indices, evenly through the run, cascades first."""
    index = np.flatnonzero(both)
    if cascade is not None:
        index = np.concatenate([index[cascade[index] == 1][:_DOTS // 2], index[cascade[index] != 1]])
    first = int(np.sum(cascade[index] == 1)) if cascade is not None else 0
    rest = index[first:]
    step = max(1, -(-len(rest) // _DOTS))
    return np.concatenate([index[:first], rest[::step]])
