"""Simulated ranges of several models at one place of an axis, and what was seen there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from stress.report.data import Columns
from stress.report.style import INK, SHADES

WIDTH = 0.8
"""Of the room between two places that the models share."""


def ranges(axes: Axes, place: float, rows: Sequence[dict[str, Any]]) -> None:
    """A bar from the 5th to the 95th percentile and a dot at the median, a row a model."""
    for number, row in enumerate(rows):
        x, colour = place + WIDTH * ((number + 0.5) / len(rows) - 0.5), SHADES[number % len(SHADES)]
        axes.plot([x, x], [row["simulated_5"], row["simulated_95"]], color=colour, linewidth=2.4,
                  solid_capstyle="butt")
        axes.plot([x], [row["simulated_50"]], marker="o", markersize=3.6, color=colour, markeredgecolor="white",
                  markeredgewidth=0.6, linestyle="none")


def table(rows: Mapping[tuple[str, ...], dict[str, Any]], names: Sequence[str]) -> Columns:
    """Rows by their keys: what was seen, and the simulated percentiles."""
    keys = {name: [key[place] for key in rows] for place, name in enumerate(names)}
    parts = {"data": "data", "simulated_5": "simulated, 5 %", "simulated_50": "simulated, median",
             "simulated_95": "simulated, 95 %"}
    return keys | {title: [row[part] for row in rows.values()] for part, title in parts.items()}


def mark(axes: Axes, place: float, value: float) -> None:
    """A line across the models' places at what was seen."""
    axes.plot([place - 0.5 * WIDTH, place + 0.5 * WIDTH], [value, value], color=INK, linewidth=1.2, zorder=5)
