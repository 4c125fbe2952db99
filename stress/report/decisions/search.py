"""The page of the command ``search``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from stress.report import style
from stress.report.data import of_metrics
from stress.report.decisions.told import Figure, Told
from stress.report.format import FORMATS, NOTHING, joined, many, percent_tick, plain_tick, usd_tick
from stress.report.metrics import interval, kind_of, printed, title_of
from stress.report.style import DARK, MID, PALE, Drawn
from stress.report.tables import Table

READINGS = {"met": "with confidence", "estimated": "by the estimate", "possible": "not violated with confidence"}
MONEY = ("usd", "fund")
"""Ends of keys in USD."""
REACH = 4.0
"""Settings beyond so many times the largest value of the answer are not drawn: they would leave no room for it."""
GAP = 0.01
"""Settings closer than this share of the range are one mark in the picture, but for the brackets."""


def tell(found: dict[str, Any], folder: Path) -> Told:
    """What ``decision.json`` says."""
    del folder
    limits = joined([f"{title_of(name).lower()} at most {_limit(found, name)}" for name in found["limits"]])
    return Told(
        title=f"The {found['direction']} {found['key']} that meets the limits",
        question=f"The {found['direction']} value of {found['key']} with {limits}, within "
                 f"{found['horizon_hours']:g} h.",
        in_short=_sentences(found),
        figures=[Figure("search", "Metrics by value, and the limits", _picture(found))],
        tables=_tables(found),
        cautions=_cautions(found),
    )


def _tables(found: dict[str, Any]) -> list[tuple[str, str, Table]]:
    plan = ("Plan with the value that meets the limits with confidence: the last one, coming from the safe side, at "
            "which the whole interval of every metric is within its limit.")
    tables = [("Values", plan, _answers(found)), ("Evaluated settings", f"By {found['method']}.", _points(found))]
    if found["not_monotone"]:
        why = "Neighbours of which the safer one is worse, with the difference path by path."
        tables.append(("Where more was not safer", why, _rises(found)))
    return tables


def _sentences(found: dict[str, Any]) -> list[str]:
    answers, low, high = found["answers"], *found["interval"]
    met, estimated = answers["met"], answers["estimated"]
    first = (f"{found['key']} = {_value(found, met['value'])} meets every limit with confidence{_next(found, met)}."
             if met["value"] is not None else f"No value meets the limits with confidence: {met['reason']}.")
    second = (f"By the estimate {_value(found, estimated['value'])} is enough{_next(found, estimated)}."
              if estimated["value"] is not None else f"Not by the estimate either: {estimated['reason']}.")
    ends = [("from at or below " + _value(found, found["range"][0])) if low is None else f"from {_value(found, low)}",
            ("to beyond " + _value(found, found["range"][1])) if high is None else f"to {_value(found, high)}"]
    return [first, second, f"Interval of the value sought: {' '.join(ends)}."]


def _next(found: dict[str, Any], answer: dict[str, Any]) -> str:
    if answer["fails"] is None:
        return f" ({answer['reason']})"
    return f"; {_value(found, answer['fails'])} does not"


def _cautions(found: dict[str, Any]) -> list[str]:
    rises = found["not_monotone"]
    sure = [rise for rise in rises if rise["beyond_noise"]]
    told = []
    if sure:
        told.append(f"More is not always safer here: between {many(len(sure), 'pair')} of neighbouring settings a "
                    "metric gets worse on the safe side, and not by chance. The value is the last one that meets the "
                    "limits coming from the safe end; there may be others beyond it, and the interval may be wrong.")
    elif rises:
        told.append(f"Between {many(len(rises), 'pair')} of neighbouring settings a metric is a little worse on the "
                    "safe side; the paths cannot tell that from chance.")
    if found["answers"]["met"]["value"] is not None and any(p["verdict"] == "no upper end" for p in found["points"]):
        told.append("At values marked 'no upper end' next to no path adds to a mean, so nothing bounds it from above. "
                    "Those on the safe side count as meeting the limit because a less safe value does.")
    told += [f"{READINGS[reading].capitalize()}: {answer['reason']}." for reading, answer in found["answers"].items()
             if answer["reason"] and answer["reason"].startswith("not narrower")]
    told.append("The interval is that of the simulated paths under this market model and this book: a wrong model is "
                "not in it. Accounts stay who they are under every value.")
    return told


def _answers(found: dict[str, Any]) -> Table:
    rows = [[words, _value(found, answer["value"]), _value(found, answer["fails"]), answer["reason"] or ""]
            for reading, words in READINGS.items() for answer in [found["answers"][reading]]]
    return Table(["limits met", "value", "next value that fails", ""], rows)


def _points(found: dict[str, Any]) -> Table:
    names = list(found["limits"])
    rows = [[_value(found, p["value"]), p["verdict"],
             *(f"{printed(n, p['metrics'][n])} ({interval(n, p['metrics'][n])})" for n in names)]
            for p in found["points"]]
    return Table([found["key"], "limits", *map(title_of, names)], rows, numbers=2)


def _rises(found: dict[str, Any]) -> Table:
    rows = [[title_of(r["metric"]), _value(found, r["from"]), _value(found, r["to"]), printed(r["metric"], r["change"]),
             interval(r["metric"], r["change"])] for r in found["not_monotone"]]
    return Table(["metric", "from", "to", "change", "interval"], rows)


def _value(found: dict[str, Any], value: float | None) -> str:
    """A value of the key."""
    if value is None:
        return NOTHING
    return usd_tick(float(f"{value:.6g}")) if found["key"].endswith(MONEY) else plain_tick(value)


def _limit(found: dict[str, Any], name: str) -> str:
    kind = kind_of(name, found["points"][0]["metrics"][name])
    return percent_tick(found["limits"][name]) if kind == "percent" else FORMATS[kind](found["limits"][name])


def _picture(found: dict[str, Any]) -> Drawn:
    names = list(found["limits"])
    figure = style.new_figure(0.6 + 3.0 * len(names))
    panels = figure.subplots(len(names), 1, squeeze=False, sharex=True)[:, 0]
    for axes, name in zip(panels, names, strict=True):
        _panel(axes, found, name)
    panels[-1].set_xlabel(f"{found['key']}{' (USD)' if found['key'].endswith(MONEY) else ''}")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return Drawn(figure, "Dots: evaluated settings with the interval of each; an arrow: no upper end. The band holds "
                         "the values at which the limits are neither met nor violated with confidence."
                         f"{_left_out(found)}",
                 of_metrics([({found["key"]: p["value"], "metric": title_of(name), "limit": found["limits"][name],
                               "limits": p["verdict"]}, p["metrics"][name])
                             for name in names for p in found["points"]]))


def _panel(axes: Axes, found: dict[str, Any], name: str) -> None:
    points = _apart(found)
    x = np.array([p["value"] for p in points])
    y, low, high = (np.array([p["metrics"][name][end] for p in points], dtype=float)
                    for end in ("estimate", "low", "high"))
    kind = kind_of(name, points[0]["metrics"][name])
    limit = found["limits"][name]
    style.scale_axis(axes, "x", "usd" if found["key"].endswith(MONEY) else "plain", x)
    left, right = axes.get_xlim()
    ends = [edge if end is None else end for end, edge in zip(found["interval"], (left, right), strict=True)]
    axes.axvspan(*ends, color=PALE, alpha=0.6, linewidth=0, label="interval of the value sought")
    spread = np.stack([y - np.fmin(low, y), np.fmax(high, y) - y])
    axes.errorbar(x, y, yerr=spread, color=DARK, marker="o", markersize=4.5, elinewidth=1, capsize=2.5, linewidth=0.8,
                  label="metric")
    for place in np.flatnonzero(np.isnan(high) & np.isfinite(y)):
        axes.annotate("", (x[place], y[place]), xytext=(0, 20), textcoords="offset points",
                      arrowprops={"arrowstyle": "<-", "color": DARK, "linewidth": 1})
    axes.axhline(limit, color=MID, linestyle="--", label="limit")
    for reading, line in (("met", "-."), ("estimated", ":")):
        value = found["answers"][reading]["value"]
        if value is not None:
            axes.axvline(value, color=DARK, linestyle=line, label=f"meets the limits {READINGS[reading]}")
    shown = np.array([*y[np.isfinite(y)], limit])
    style.scale_axis(axes, "y", kind if kind in ("usd", "percent") else "plain", shown, np.concatenate([low, high]))
    axes.set_ylabel(f"{title_of(name)}{' (USD)' if kind == 'usd' else ' (h)' if kind == 'hours' else ''}")


def _near(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The settings that are not far beyond the answer; all where it may lie beyond, or fewer than three are near."""
    if found["interval"][1] is None:
        return found["points"]
    told = [value for answer in found["answers"].values() for value in (answer["value"], answer["fails"])]
    most = REACH * max((v for v in (*told, *found["interval"]) if v is not None), default=0.0)
    near = [point for point in found["points"] if point["value"] <= most]
    return near if len(near) > 2 else found["points"]


def _left_out(found: dict[str, Any]) -> str:
    far = len(found["points"]) - len(_near(found))
    return f" {many(far, 'larger value')} {'is' if far == 1 else 'are'} in the table only." if far else ""


def _apart(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The settings that are drawn, without those of which a neighbour hides the mark."""
    near = _near(found)
    low, high = (pick(point["value"] for point in near) for pick in (min, max))
    ends = {answer["value"] for answer in found["answers"].values()}
    chosen: list[dict[str, Any]] = []
    for point in near:
        if not chosen or point["value"] in ends or abs(point["value"] - chosen[-1]["value"]) > GAP * (high - low):
            chosen.append(point)
    return chosen
