"""Metrics along one swept number, one line a value of a second key."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from stress.report import style
from stress.report.figures.sweep_dots import data_of
from stress.report.metrics import kind_of, title_of
from stress.report.style import LINES, MARKERS, SHADES, Drawn
from stress.report.sweep_load import Job, Sweep, shown, with_unit

TITLE = "Metrics along the sweep"
_GROUPS = len(SHADES)
_ACROSS, _MARK, _LONGEST = 120, 8, 100
"""Characters that fit into a row of the legend, what a mark takes of them, and the longest text that is not cut."""
_TICKS = 7
"""With no more swept values than this, the ticks are the values."""
_TICK_LABEL = 10
"""Characters of a value on a tick: longer ones, as a search comes up with, would cover each other."""


def draw(sweep: Sweep, names: Sequence[str], along: str, by: str | None) -> Drawn:
    """Small multiples of ``names`` against the number ``along``; intervals as bars."""
    groups = sweep.values(by) if by else [""]
    rows = -(-len(names) // 2)
    figure = style.new_figure(0.5 + 2.35 * rows)
    panels = figure.subplots(rows, 2, squeeze=False)
    for axes, name in zip(panels.flat, names, strict=False):
        _prepare(axes, sweep, name, along)
        for number, group in enumerate(groups[:_GROUPS]):
            chosen = [job for job in sweep.done if by is None or sweep.value(job, by) == group]
            _line(axes, sweep, chosen, name, along, number, "" if by is None else _cut(shown(group)))
    for axes in list(panels.flat)[len(names):]:
        axes.remove()
    if by is not None:
        handles, labels = panels[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", title=by, title_fontsize=8.2,
                      ncols=min(len(labels), max(1, _ACROSS // (max(map(len, labels)) + _MARK))))
    left = len(groups) - _GROUPS
    more = f" {left} further values of {by} are in the table only." if left > 0 else ""
    return Drawn(figure, "Bars: the interval of each job on its own. Jobs with the same seed and block size see the "
                         "same noise, so the difference between two of them is better known than the bars suggest "
                         "(compare pairs them). Lines of one panel are set slightly apart sideways. An arrow marks an "
                         f"interval without a finite upper end.{more}", data_of(sweep, sweep.done, names))


def _cut(text: str) -> str:
    """A text that fits into the legend."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST - 1]}…"


def _line(axes: Axes, sweep: Sweep, jobs: list[Job], name: str, along: str, number: int, label: str) -> None:
    points = [(float(sweep.value(j, along)), j.metrics[name]) for j in jobs if np.isfinite(j.number_of(name))]
    if not points:
        axes.plot([], [], color=SHADES[number], linestyle=LINES[number], marker=MARKERS[number], label=label)
        return
    points.sort(key=lambda p: p[0])
    x = np.array([p[0] for p in points])
    if number:  # beside the first line, so that bars of equal x stay apart
        x = x * 1.02 ** number if axes.get_xscale() == "log" else x + 0.008 * number * np.ptp(axes.get_xlim())
    y, low, high = (np.array([p[1].get(k) for p in points], dtype=np.float64) for k in ("estimate", "low", "high"))
    open_end = np.isnan(high)
    spread = np.stack([y - np.fmin(low, y), np.fmax(high, y) - y])
    axes.errorbar(x, y, yerr=spread, color=SHADES[number], linestyle=LINES[number], marker=MARKERS[number],
                  markersize=4.5, linewidth=1.3, elinewidth=1, capsize=3, label=label or None)
    for place in np.flatnonzero(open_end):
        axes.annotate("", (x[place], y[place]), xytext=(0, 22), textcoords="offset points",
                      arrowprops={"arrowstyle": "<-", "color": SHADES[number], "linewidth": 1})


def _prepare(axes: Axes, sweep: Sweep, name: str, along: str) -> None:
    kind = kind_of(name, next((j.metrics[name] for j in sweep.done if name in j.metrics), {}))
    unit = {"usd": " (USD)", "hours": " (h)"}.get(kind, "")
    axes.set_title(f"{title_of(name)}{unit}")
    axes.set_xlabel(with_unit(along))
    at = np.unique([float(sweep.value(j, along)) for j in sweep.done])
    style.scale_axis(axes, "x", "plain", at)
    labels = [shown(v) for v in at.tolist()]
    short = len(at) <= _TICKS and max(map(len, labels)) <= _TICK_LABEL
    if short and (axes.get_xscale() == "log" or np.diff(at).min() > 0.05 * (at[-1] - at[0])):
        axes.set_xticks(at, labels)
        axes.minorticks_off()
    values = np.array([j.number_of(name) for j in sweep.done])
    ends = np.array([j.number_of(name, which) for j in sweep.done for which in ("low", "high")])
    if np.isfinite(values).any():
        style.scale_axis(axes, "y", kind if kind in ("usd", "percent") else "plain", values[np.isfinite(values)], ends)
