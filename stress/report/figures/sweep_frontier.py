"""Jobs by their objectives, those on the frontier marked."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from stress.report import style
from stress.report.metrics import kind_of
from stress.report.style import DARK, MID, Drawn
from stress.report.sweep_frontier import Frontier, Objective

TITLE = "Objectives against each other"
_LABELLED = 12
"""Most jobs on the frontier whose numbers fit beside their marks."""


def draw(frontier: Frontier) -> Drawn:
    """The first objective against each further one, a panel each."""
    first, *others = frontier.objectives
    columns = min(len(others), 2)
    rows = -(-len(others) // columns)
    figure = style.new_figure(4.0 * rows)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, other in zip(panels, others, strict=False):
        _panel(axes, first, other, frontier)
    for axes in panels[len(others):]:
        axes.remove()
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return Drawn(figure, "Filled: jobs that no other one is at least as good as in every objective and better in one, "
                         "by the estimates, with their numbers. Bars: the interval of each metric on its own.")


def _panel(axes: Axes, across: Objective, up: Objective, frontier: Frontier) -> None:
    jobs = [job for job, value in across.values.items() if value["estimate"] is not None
            and up.values[job]["estimate"] is not None]
    rest = [job for job in jobs if job not in frontier.best]
    _marks(axes, across, up, rest, color=MID, markerfacecolor="white", marker="s", label="other jobs")
    _marks(axes, across, up, frontier.best, color=DARK, marker="o", label="frontier")
    if len(frontier.objectives) == 2:
        axes.plot(_column(across, frontier.best), _column(up, frontier.best), color=DARK, linewidth=1, zorder=1)
    for objective, which in ((across, "x"), (up, "y")):
        kind = _kind(objective)
        ends = np.concatenate([_column(objective, jobs, end) for end in ("low", "high")])
        style.scale_axis(axes, which, kind if kind in ("usd", "percent") else "plain", _column(objective, jobs), ends)
        unit = {"usd": " (USD)", "hours": " (h)"}.get(kind, "")
        name = f"{objective.title}{unit}, {'more' if objective.maximised else 'less'} is better"
        (axes.set_xlabel if which == "x" else axes.set_ylabel)(name)
    for job in frontier.best if len(frontier.best) <= _LABELLED else []:
        axes.annotate(str(job), (_column(across, [job])[0], _column(up, [job])[0]), xytext=(6, 5),
                      textcoords="offset points", fontsize=8)


def _marks(axes: Axes, across: Objective, up: Objective, jobs: list[int], **look: object) -> None:
    if not jobs:
        return
    x, y = _column(across, jobs), _column(up, jobs)
    bars = {"x": _spread(across, jobs, x), "y": _spread(up, jobs, y)}
    axes.errorbar(x, y, xerr=bars["x"], yerr=bars["y"], linestyle="none", markersize=5.5, elinewidth=0.8, capsize=0,
                  **look)  # pyright: ignore[reportArgumentType]


def _column(objective: Objective, jobs: list[int], end: str = "estimate") -> np.ndarray:
    return np.array([objective.values[job][end] for job in jobs], dtype=np.float64)


def _spread(objective: Objective, jobs: list[int], centre: np.ndarray) -> np.ndarray:
    low, high = (_column(objective, jobs, end) for end in ("low", "high"))
    return np.stack([centre - np.fmin(low, centre), np.fmax(high, centre) - centre])


def _kind(objective: Objective) -> str:
    """Of a metric by its unit; a setting in USD by its name."""
    value = next(iter(objective.values.values()))
    if "unit" in value:
        return kind_of(objective.name, value)
    return "usd" if objective.name.endswith(("usd", "insurance_fund")) else "plain"
