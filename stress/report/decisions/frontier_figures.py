"""Pictures of the command ``frontier``: risk against leverage offered, a mark a setting."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from stress.report import style
from stress.report.data import Columns, of_metrics
from stress.report.format import TICKS, plain_tick
from stress.report.style import DARK, INK, LIGHT, Drawn

FILLS = {"efficient": DARK, "cannot be told apart": LIGHT, "dominated": "white"}
SHAPES = {"present": "*", "ratio": "o", "spread": "^", "maintenance": "s", "flat": "D",
          "table": "P"}
FAMILIES = {"present": "present setting", "ratio": "both rates scaled", "spread": "spread kept",
            "maintenance": "maintenance scaled", "flat": "flat rates",
            "table": "tier tables"}
SCALED = ("ratio", "spread", "maintenance")
NAMED = (*SCALED, "table")
PANELS = (("depletion_probability", "percent", "probability of depletion"),
          ("insolvent_notional", "usd", "insolvent notional (USD, mean)"),
          ("capital_efficiency", "plain", "capital efficiency"))
DODGE = 1.035
"""Settings that offer the same leverage stand beside each other by this factor."""

Row = dict[str, Any]


def frontier(found: dict[str, Any]) -> Drawn:
    """Depletion, insolvency and capital efficiency against leverage offered."""
    rows = found["settings"]
    places = dodged([row["leverage"] for row in rows], [row["scale"] or 0.0 for row in rows])
    figure = style.new_figure(4.3)
    for axes, (key, kind, label) in zip(figure.subplots(1, 3), PANELS, strict=True):
        _panel(axes, rows, places, key, kind)
        axes.set_ylabel(label)
        axes.set_xlabel("maximum leverage offered (×)")
    figure.legend(handles=_legend(rows), loc="outside lower center", ncols=4)
    return Drawn(figure, "Bars are intervals; a triangle stands at the upper end where nothing was seen, a small one "
                         "where there is no end. Numbers are factors on the present rates, names those of tables. "
                         "Settings of equal leverage are drawn side by side.", _data(rows))


def _data(rows: list[Row]) -> Columns:
    """A row a setting and quantity."""
    return of_metrics([({"setting": row["setting"], "verdict": row["status"], "quantity": label,
                         "maximum leverage offered (x)": row["leverage"]}, row[key])
                       for key, _, label in PANELS for row in rows])


def dodged(leverages: list[float], order: list[float]) -> np.ndarray:
    """Places on a log axis, those of equal leverage apart and in ``order``."""
    found, ranks = np.array(leverages, dtype=float), np.array(order)
    for value in np.unique(found):
        same = np.flatnonzero(np.array(leverages) == value)
        same = same[np.argsort(ranks[same], kind="stable")]
        found[same] = value * DODGE ** (np.arange(len(same)) - (len(same) - 1) / 2)
    return found


def _panel(axes: Axes, rows: list[Row], places: np.ndarray, key: str, kind: str) -> None:
    _scale(axes, rows, places, key, kind)
    for family in dict.fromkeys(row["family"] for row in rows if row["family"] in SCALED):
        line = sorted((row["scale"], x, row[key]["estimate"]) for row, x in zip(rows, places, strict=True)
                      if row["family"] in ("present", family) and row[key]["estimate"])
        axes.plot([x for _, x, _ in line], [y for *_, y in line], color="#9aa7b4", linewidth=0.8, zorder=2)
    shared = [row["leverage"] for row in rows]
    for row, x in zip(rows, places, strict=True):
        crowded = kind == "plain" and shared.count(row["leverage"]) > 1  # there they lie on one another
        _mark(axes, row, float(x), row[key], named=not crowded and row["family"] in NAMED)


def _scale(axes: Axes, rows: list[Row], places: np.ndarray, key: str, kind: str) -> None:
    ends = [row[key][end] for row in rows for end in ("low", "estimate", "high") if row[key][end]]
    seen = [row[key]["estimate"] for row in rows if row[key]["estimate"]]
    axes.set_xscale("log")
    axes.set_xlim(float(places.min()) / 1.25, float(places.max()) * 1.25)
    marks = sorted({row["leverage"] for row in rows})
    shown = [x for k, x in enumerate(marks) if k == 0 or x / marks[k - 1] > 1.15]
    axes.set_xticks(shown, [plain_tick(float(f"{x:.3g}")) for x in shown])
    axes.set_xticks([], minor=True)
    if kind == "plain":
        style.scale_axis(axes, "y", kind, np.array(ends))
    else:
        bottom = min(seen or ends or [1e-6]) / 4
        top = max(ends, default=1.0) * 1.5
        style.log_axis(axes, "y", kind, (max(bottom, top / 1e5), top), narrow=True)
    axes.yaxis.set_major_formatter(TICKS[kind])


def _mark(axes: Axes, row: Row, x: float, metric: Row, *, named: bool) -> None:
    floor, ceiling = axes.get_ylim()
    low, estimate, high = (metric[k] for k in ("low", "estimate", "high"))
    if estimate is None:
        return
    axes.plot([x, x], [max(low or floor, floor), high if high is not None else ceiling], color=DARK, linewidth=1.1,
              zorder=3)
    for end, edge, arrow in ((high, ceiling, "^"), (low, floor, "v")):
        if end is None:
            axes.plot([x], [edge], marker=arrow, color=DARK, markersize=4, clip_on=False, zorder=3)
    if estimate <= 0:
        y, shape = (high if high is not None else floor), "v"
    else:
        y, shape = max(estimate, floor), SHAPES[row["family"]]
    axes.plot([x], [y], marker=shape, markersize=12 if shape == "*" else 6.5, markerfacecolor=FILLS[row["status"]],
              markeredgecolor=INK, markeredgewidth=0.9, linestyle="none", zorder=5)
    if named:
        text = row["setting"].removeprefix("table ") if row["scale"] is None else f"{row['scale']:g}"
        axes.annotate(text, (x, y), xytext=(5, 3), textcoords="offset points", fontsize=6.8, zorder=6)


def _legend(rows: list[Row]) -> list[Line2D]:
    families = [Line2D([], [], marker=SHAPES[f], linestyle="none", markerfacecolor="white", markeredgecolor=INK,
                       markersize=10 if f == "present" else 6.5, label=FAMILIES[f])
                for f in dict.fromkeys(row["family"] for row in rows)]
    fills = [Line2D([], [], marker="o", linestyle="none", markerfacecolor=FILLS[s], markeredgecolor=INK, markersize=6.5,
                    label=s) for s in FILLS]
    return [*families, *fills]
