"""The numbers of a picture as a table that a spreadsheet reads."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from stress.report.format import is_number

Columns = Mapping[str, Sequence[Any] | np.ndarray]
"""Columns of one length by header; the header says the unit, as in ``fund (USD)``. Shares are fractions of one."""


def stacked(parts: Mapping[str, Columns], by: str = "series") -> dict[str, list[Any]]:
    """Tables below one another, the name of each in a first column ``by``; cells that one does not have stay empty."""
    heights = {name: height(columns) for name, columns in parts.items()}
    headers = dict.fromkeys(header for columns in parts.values() for header in columns)
    table: dict[str, list[Any]] = {by: [name for name, rows in heights.items() for _ in range(rows)]}
    for header in headers:
        table[header] = [value for name, columns in parts.items()
                         for value in columns.get(header, [None] * heights[name])]
    return table


def from_rows(rows: Sequence[Mapping[str, Any]], keys: Mapping[str, str]) -> dict[str, list[Any]]:
    """Columns of rows: the key of each by its header."""
    return {header: [row[key] for row in rows] for header, key in keys.items()}


def of_metrics(rows: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> dict[str, list[Any]]:
    """A row a metric, after its labels: estimate, bounds, unit. All rows have the same labels."""
    labels = [labels for labels, _ in rows]
    return {**{name: [row[name] for row in labels] for name in (labels[0] if labels else ())},
            **{part: [metric.get(part) for _, metric in rows] for part in ("estimate", "low", "high")},
            "unit": [str(metric.get("unit") or "") for _, metric in rows]}


def height(columns: Columns) -> int:
    """Number of rows; ValueError where columns differ in length."""
    lengths = {header: len(values) for header, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns of a picture's data differ in length: {lengths}")
    return next(iter(lengths.values()), 0)


def as_csv(columns: Columns) -> str:
    """The table as CSV, numbers with ten digits; what is undefined is empty."""
    height(columns)
    return csv_of(zip(*(map(_cell, values) for values in columns.values()), strict=True), columns)


def csv_of(rows: Iterable[Iterable[Any]], header: Iterable[str]) -> str:
    """Header and rows as CSV."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()


def _cell(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, int | np.integer | str):
        return str(value)
    return f"{float(value) + 0.0:.10g}" if is_number(value) else ""


def read_back(figure: Figure) -> dict[str, list[Any]]:
    """What is drawn, for a picture that came without data: points of lines, scatters and bars, by panel and series.

    The columns are named after the axes, so that the unit is the one of the label.
    """
    found = {}
    for number, axes in enumerate(figure.axes, 1):
        x, y = axes.get_xlabel() or "x", axes.get_ylabel() or "y"
        panel = axes.get_title(loc="left") or axes.get_title() or f"panel {number}"
        for name, points in _artists(axes):
            key = f"{panel}: {name}"
            while key in found:  # two panels or series of one name
                key += "'"
            found[key] = {x: points[:, 0], y if y != x else f"{y} (y)": points[:, 1]}
    return stacked(found)


def _artists(axes: Axes) -> Iterable[tuple[str, np.ndarray]]:
    """Series of an axes with their points [N, 2]; lines of reference in axes coordinates are left out."""
    for number, line in enumerate(axes.lines, 1):
        points = np.asarray(line.get_xydata(), dtype=float)
        if len(points) and line.get_transform() == axes.transData:
            yield _name(line.get_label(), f"line {number}"), points
    for number, dots in enumerate(axes.collections, 1):
        points = np.ma.getdata(dots.get_offsets()).astype(float)
        if len(points) and dots.get_offset_transform() == axes.transData:
            yield _name(dots.get_label(), f"points {number}"), points
    for number, bars in enumerate((c for c in axes.containers if isinstance(c, BarContainer)), 1):
        sideways = bars.orientation == "horizontal"
        points = np.array([_bar(bar, sideways) for bar in bars], dtype=float).reshape(-1, 2)
        yield _name(bars.get_label(), f"bars {number}"), points


def _bar(bar: Rectangle, sideways: bool) -> tuple[float, float]:
    if sideways:
        return bar.get_x() + bar.get_width(), bar.get_y() + bar.get_height() / 2
    return bar.get_x() + bar.get_width() / 2, bar.get_y() + bar.get_height()


def _name(label: Any, otherwise: str) -> str:
    return otherwise if not label or str(label).startswith("_") else str(label)
