"""A tornado: by how much a metric changes at both ends of each parameter's step, the largest effect on top."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from stress.report import style
from stress.report.data import Columns, of_metrics
from stress.report.format import is_number, percent_tick, plain_tick
from stress.report.metrics import kind_of, printed, title_of
from stress.report.style import INK, LIGHT, Drawn

MOST = 14
"""Parameters drawn; the table has all."""
SECTIONS = ("protocol.", "liquidity.", "book.synthetic.")
TOGETHER = "all"
THICK = 0.36
BLUE = "#8fabc4"
"""Pale, so that the lines of intervals stand out on it."""
LOOKS = {"low": (BLUE, "", -0.2, "parameter lower"), "high": (LIGHT, "////", 0.2, "parameter higher")}


def tornado(name: str, base: dict[str, Any], rows: list[dict[str, Any]]) -> Drawn:
    """Bars of the change of a metric at the lower and the higher setting, with intervals; rows by effect.

    Parameters that are zero move by a step of their own, so they have a panel of their own.
    """
    seen = [r for r in rows if effect(r) > 0]
    both = ([r for r in seen if not _from_zero(r)][:MOST], [r for r in seen if _from_zero(r)][:MOST])
    groups = [group for group in both if group]
    if not groups:
        return Drawn(None, "Not drawn: no step changed it.")
    heights = [0.5 + len(g) for g in groups]
    figure = style.new_figure(1.0 + 0.4 * len(groups) + 0.3 * sum(heights))
    panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=heights)[:, 0]
    kind = kind_of(name, base)
    for axes, group in zip(panels, groups, strict=True):
        _panel(axes, group, kind if kind in ("usd", "percent") else "plain")
    panels[-1].set_xlabel(f"change of {_within(title_of(name))} from {printed(name, base)}{_points(kind)}")
    marks = {label: mark for axes in panels for mark, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend([*marks.values()], [*marks], loc="outside lower center", ncols=2)
    left = len(seen) - sum(map(len, groups))
    more = f" {left} smaller effects are in the table only." if left else ""
    return Drawn(figure, "Bars: the metric at the lower and the higher setting, less the base, on the same paths. "
                         f"Lines: the interval of that difference; none where too few paths differ.{more}", _data(seen))


def _data(rows: list[dict[str, Any]]) -> Columns:
    """A row a parameter and end of its step: the change of the metric."""
    return of_metrics([({"parameter": row["key"], "at": row["value"], "moved by": end["by"], "end": LOOKS[which][3]},
                        end["difference"]) for row in rows for which in LOOKS if (end := row[which]) is not None])


def _panel(axes: Axes, rows: list[dict[str, Any]], kind: str) -> None:
    for place, row in enumerate(rows):
        for which in LOOKS:
            _bar(axes, place, row[which], which)
    axes.axvline(0, color=INK, linewidth=0.9)
    axes.set_yticks(range(len(rows)), [f"{short(r['key'])}  {placed(r)}" for r in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    style.linear_axis(axes.xaxis, kind)
    if _from_zero(rows[0]):
        axes.set_title("Parameters that are zero, by a step of their own")


def _within(title: str) -> str:
    """A title within a sentence: ``fund drawdown, 99 % ES``, ``ADL``."""
    return title if title[:2].isupper() else title[0].lower() + title[1:]


def _from_zero(row: dict[str, Any]) -> bool:
    return row["value"] == 0


def _points(kind: str) -> str:
    return " (percentage points)" if kind == "percent" else " (USD)" if kind == "usd" else ""


def _bar(axes: Axes, place: int, end: dict[str, Any] | None, which: str) -> None:
    colour, hatch, offset, label = LOOKS[which]
    difference = None if end is None else end["difference"]
    value = difference["estimate"] if difference is not None else None
    if not is_number(value) or difference is None:
        return
    axes.barh(place + offset, value, THICK, color=colour, hatch=hatch, linewidth=0,
              label=label if label not in axes.get_legend_handles_labels()[1] else None)
    if is_number(difference["low"]) and is_number(difference["high"]):
        axes.plot([difference["low"], difference["high"]], [place + offset] * 2, color=INK, linewidth=0.9, marker="|",
                  markersize=4)


def effect(row: dict[str, Any]) -> float:
    """The larger change of the metric at the two ends."""
    changes = [end["difference"]["estimate"] for end in (row["low"], row["high"]) if end is not None]
    return max((abs(c) for c in changes if is_number(c)), default=0.0)


def short(key: str) -> str:
    """A key without the section that most of them are in."""
    return next((key.removeprefix(s) for s in SECTIONS[:1] if key.startswith(s)), key)


def placed(row: dict[str, Any]) -> str:
    """Where a parameter is and how far it moves: ``0.005 ± 10 %``, ``0 + 120 s``, ``all − 10 %``."""
    value, low, high = row["value"], row["low"], row["high"]
    sign = "±" if low and high else "+" if high else "−"
    by = abs((high or low)["by"])
    where = TOGETHER if value is None else plain_tick(value)
    scale = 1.0 if value is None else value
    share = f"{sign} {percent_tick(round(by / abs(scale), 6))}" if scale else f"{sign} {plain_tick(by)}"
    unit = f" {row['parameter_unit']}" if not scale and row["parameter_unit"] else ""
    return f"{where} {share}{unit}"
