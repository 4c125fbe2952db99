"""Metrics of jobs side by side, for sweeps that are not along one or two numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np
from matplotlib.axes import Axes

from stress.report import style
from stress.report.data import Columns
from stress.report.metrics import kind_of, title_of
from stress.report.style import DARK, MARKERS, SHADES, Drawn
from stress.report.sweep_load import Job, Sweep, shown, with_unit

TITLE = "Jobs side by side"
_ROWS = 40
_NARROW = 26
"""Characters of the longest label up to which three panels stand side by side; with longer ones two."""
_WIDE = 40
"""Most characters of a label."""
NONE = {"null": "none", "[]": "none"}
"""Values that say that there is none, in words."""


def draw(sweep: Sweep, names: Sequence[str]) -> Drawn:
    """A row a job, a panel a metric, intervals as bars; jobs grouped by the value of the first key."""
    order = {key: sweep.values(key) for key in sweep.keys}
    jobs = sorted(sweep.done, key=lambda j: [order[key].index(sweep.value(j, key)) for key in sweep.keys])
    shown_jobs = jobs[:_ROWS]
    labels = [_name(sweep, job) for job in shown_jobs]
    columns = min(len(names), 3 if max(map(len, labels)) <= _NARROW else 2)
    rows = -(-len(names) // columns)
    figure = style.new_figure((0.75 + 0.24 * max(len(shown_jobs), 2)) * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    groups = _groups(sweep, shown_jobs)
    for axes, name in zip(panels.flat, names, strict=False):
        _panel(axes, shown_jobs, groups, name)
    for axes in list(panels.flat)[len(names):]:
        axes.remove()
    for axes in panels[:, 0]:
        axes.set_yticks(range(len(shown_jobs)), labels, fontsize=8)
        few = len(sweep.keys) == 1
        axes.set_ylabel("\n".join(with_unit(key, key if few else sweep.short(key)) for key in sweep.keys))
    panels[0, 0].set_ylim(len(shown_jobs) - 0.5, -0.5)
    left = len(jobs) - len(shown_jobs)
    more = f" {left} further jobs are in the table only." if left else ""
    meant = f" Rows: {', '.join(map(sweep.short, sweep.keys))}." if len(sweep.keys) > 1 else ""
    return Drawn(figure, "Dots: estimates; bars: the interval of each job on its own, with an arrow where there is no "
                         f"finite upper end.{meant}{more}", data_of(sweep, shown_jobs, names))


def data_of(sweep: Sweep, jobs: Sequence[Job], names: Sequence[str]) -> Columns:
    """A row a job and metric, with the swept values."""
    rows = [(job, name, job.metrics[name]) for name in names for job in jobs if name in job.metrics]
    swept = {key: [shown(sweep.value(job, key)) for job, *_ in rows] for key in sweep.keys}
    return {"job": [job.number for job, *_ in rows], **swept, "metric": [title_of(name) for _, name, _ in rows],
            "unit": [str(metric.get("unit") or "") for *_, metric in rows],
            **{part: [metric.get(part) for *_, metric in rows] for part in ("estimate", "low", "high", "n")}}


def _name(sweep: Sweep, job: Job) -> str:
    """The values of a job, in the order of the keys, which stand at the axis; each cut where they are long together."""
    values = [NONE.get(value, value) for value in (shown(sweep.value(job, key)) for key in sweep.keys)]
    if sum(map(len, values)) > _WIDE:
        most = _WIDE // len(values)
        values = [value if len(value) <= most else f"{value[:most - 1]}…" for value in values]
    return ", ".join(values) or f"job {job.number}"


def _groups(sweep: Sweep, jobs: list[Job]) -> list[int]:
    """Running number of the first key's value, by job."""
    values = [sweep.value(j, sweep.keys[0]) if sweep.keys else "" for j in jobs]
    order = list(dict.fromkeys(values))
    return [order.index(v) for v in values]


def _panel(axes: Axes, jobs: list[Job], groups: list[int], name: str) -> None:
    kind = kind_of(name, next((j.metrics[name] for j in jobs if name in j.metrics), {}))
    values = np.array([j.number_of(name) for j in jobs])
    ends = np.array([j.number_of(name, which) for j in jobs for which in ("low", "high")])
    for row, (job, group) in enumerate(zip(jobs, groups, strict=True)):
        value, low, high = (job.number_of(name, which) for which in ("estimate", "low", "high"))
        if row and groups[row - 1] != group:
            axes.axhline(row - 0.5, color="#9aa7b4", linewidth=0.7)
        if not isfinite(value):
            continue
        colour = SHADES[group % len(SHADES)] if max(groups) else DARK
        axes.plot([np.fmin(low, value), np.fmax(high, value)], [row, row], color=colour, linewidth=1.6)
        axes.plot([value], [row], color=colour, marker=MARKERS[group % len(MARKERS)], markersize=5.5, linestyle="none")
        if not isfinite(high):
            axes.annotate("", (value, row), xytext=(22, 0), textcoords="offset points",
                          arrowprops={"arrowstyle": "<-", "color": colour, "linewidth": 1})
    if np.isfinite(values).any():
        scale = kind if kind in ("usd", "percent") else "plain"
        style.scale_axis(axes, "x", scale, values[np.isfinite(values)], ends, narrow=True)
    axes.set_title(f"{title_of(name)}{' (h)' if kind == 'hours' else ''}", fontsize=8.5)
