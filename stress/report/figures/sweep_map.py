"""Metrics over two swept numbers, as maps with the values printed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize

from stress.report import style
from stress.report.figures.sweep_dots import data_of
from stress.report.metrics import interval, printed, title_of
from stress.report.style import CMAP, INK, Drawn
from stress.report.sweep_load import Job, Sweep, shown, with_unit

TITLE = "Maps over the two swept numbers"
_PRINT_VALUES, _PRINT_INTERVALS = 11, 6
"""Most columns at which values, and intervals too, still fit into the cells."""


def draw(sweep: Sweep, names: Sequence[str], across: str, down: str) -> Drawn:
    """A map of each metric: columns ``across``, rows ``down``, dark is much."""
    xs, ys = ([float(v) for v in sorted({sweep.value(j, k) for j in sweep.done})] for k in (across, down))
    cells = {(float(sweep.value(j, across)), float(sweep.value(j, down))): j for j in sweep.done}
    rows = -(-len(names) // 2)
    figure = style.new_figure((0.85 + 0.4 * min(max(len(ys), 2), 14)) * rows)
    panels = figure.subplots(rows, 2, squeeze=False)
    for axes, name in zip(panels.flat, names, strict=False):
        _map(axes, name, [[cells.get((x, y)) for x in xs] for y in ys])
        axes.set_xticks(range(len(xs)), [shown(x) for x in xs], rotation=45 if len(xs) > 8 else 0)
        axes.set_yticks(range(len(ys)), [shown(y) for y in ys])
        axes.set_xlabel(with_unit(across))
        axes.set_ylabel(with_unit(down, sweep.short(down)))
        axes.set_title(title_of(name))
        axes.grid(visible=False)
    for axes in list(panels.flat)[len(names):]:
        axes.remove()
    inside = "Cells hold the estimate" + (" and below it the interval" if len(xs) <= _PRINT_INTERVALS else "")
    note = f"{inside}." if len(xs) <= _PRINT_VALUES else "The values are in the table."
    return Drawn(figure, f"{note} Dark is much; each map has its own scale, wide enough for the intervals. White: no "
                         "result.", data_of(sweep, sweep.done, names))


def _map(axes: Axes, name: str, grid: list[list[Job | None]]) -> None:
    values = np.array([[job.number_of(name) if job else np.nan for job in row] for row in grid])
    known = values[np.isfinite(values)]
    ends = np.array([job.number_of(name, which) for row in grid for job in row if job for which in ("low", "high")])
    norm = Normalize(0, 1)
    if known.size:
        low, high = float(known.min()), float(known.max())
        if low > 0 and high / low > 30:
            norm = LogNorm(low, high)
        else:  # the scale spans the intervals too: a difference smaller than they are must not look large
            wide = np.concatenate([known, ends[np.isfinite(ends)], [low + (abs(low) or 1.0)] if low == high else []])
            norm = Normalize(float(wide.min()), float(wide.max()))
    axes.imshow(values, cmap=CMAP, norm=norm, aspect="auto", interpolation="nearest", origin="lower")
    columns = values.shape[1]
    if columns > _PRINT_VALUES:
        return
    size = 8.0 if columns <= _PRINT_INTERVALS else 6.0
    for (row, column), value in np.ndenumerate(values):
        job = grid[row][column]
        if job is None or not np.isfinite(value):
            axes.text(column, row, "–", ha="center", va="center", color=INK, fontsize=size)
            continue
        colour = "white" if norm(value) > 0.45 else INK
        metric, both = job.metrics[name], columns <= _PRINT_INTERVALS
        axes.text(column, row, printed(name, metric), ha="center", va="bottom" if both else "center", color=colour,
                  fontsize=size, fontweight="bold")
        if both:
            axes.text(column, row - 0.08, interval(name, metric).replace("\u00a0", ""), ha="center", va="top",
                      color=colour, fontsize=6.6 if columns <= 4 else 5.0)

