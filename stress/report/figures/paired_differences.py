"""Differences from the first run with their intervals: a panel a metric, a row a run."""

from __future__ import annotations

from math import isfinite, nan

import numpy as np
from matplotlib.axes import Axes

from stress.report import style
from stress.report.data import Columns
from stress.report.format import is_number
from stress.report.metrics import kind_of, title_of
from stress.report.paired import Other, verdict
from stress.report.style import DARK, INK, Drawn

TITLE = "Differences from the first run"
_ROWS = 40


def draw(others: list[Other], names: tuple[str, ...]) -> Drawn:
    """Dots: differences; bars: intervals; hollow where the interval holds zero."""
    drawn = [other for other in others if not other.refused][:_ROWS]
    names = tuple(n for n in names if any(is_number(o.found["differences"].get(n, {}).get("estimate")) for o in drawn))
    if not drawn or not names:
        return Drawn(None, "Not drawn: no run can be set against the first.")
    columns = min(len(names), 3)
    rows = -(-len(names) // columns)
    figure = style.new_figure((0.8 + 0.26 * max(len(drawn), 2)) * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes, name in zip(panels.flat, names, strict=False):
        _panel(axes, drawn, name)
    for axes in list(panels.flat)[len(names):]:
        axes.remove()
    for axes in panels[:, 0]:
        axes.set_yticks(range(len(drawn)), [_label(other.name) for other in drawn], fontsize=8)
    panels[0, 0].set_ylim(len(drawn) - 0.5, -0.5)
    return Drawn(figure, "This run less the first, path by path. Bars: intervals of the difference; a filled dot: the "
                         "whole interval is on one side of zero. Arrows: no finite end.", _data(drawn, names))


def _data(others: list[Other], names: tuple[str, ...]) -> Columns:
    """A row a run and metric."""
    rows = [(o.name, title_of(name), found) for name in names for o in others
            if (found := o.found["differences"].get(name))]
    return {"run": [run for run, *_ in rows], "metric": [title for _, title, _ in rows],
            "unit": [str(found.get("unit") or "") for *_, found in rows],
            **{f"difference, {part}": [found.get(part) for *_, found in rows] for part in ("estimate", "low", "high")}}


def _label(name: str) -> str:
    return name if len(name) <= 46 else f"{name[:45]}…"


def _panel(axes: Axes, others: list[Other], name: str) -> None:
    kind, ends = "plain", [0.0]
    for row, other in enumerate(others):
        found = other.found["differences"].get(name, {})
        value, low, high = (_number(found.get(which)) for which in ("estimate", "low", "high"))
        kind = kind_of(name, found) if found else kind
        if not isfinite(value):
            continue
        ends += [x for x in (value, low, high) if isfinite(x)]
        axes.plot([np.fmin(low, value), np.fmax(high, value)], [row, row], color=DARK, linewidth=1.6)
        axes.plot([value], [row], marker="o", markersize=5.5, color=DARK,
                  markerfacecolor=DARK if verdict(found) in (1, -1) else "white")
        for end, shift in ((low, -22), (high, 22)):
            if not isfinite(end):
                axes.annotate("", (value, row), xytext=(shift, 0), textcoords="offset points",
                              arrowprops={"arrowstyle": "<-", "color": DARK, "linewidth": 1})
    axes.axvline(0.0, color=INK, linewidth=1.0, linestyle="--")
    span = max(ends) - min(ends) or 1.0
    axes.set_xlim(min(ends) - 0.08 * span, max(ends) + 0.08 * span)
    style.linear_axis(axes.xaxis, kind if kind in ("usd", "percent") else "plain", 3)
    axes.set_title(f"{title_of(name)}{' (h)' if kind == 'hours' else ''}", fontsize=8.5)


def _number(value: object) -> float:
    return float(value) if is_number(value) else nan
