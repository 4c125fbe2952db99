"""The fund by horizon: table and curves."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from stress.report import style
from stress.report.data import of_metrics
from stress.report.decisions.fund.words import bars, between, cells, level
from stress.report.decisions.told import Figure
from stress.report.format import hours, joined, percent, percent_tick, seconds, usd
from stress.report.style import INK, LINES, MARKERS, SHADES, Drawn
from stress.report.tables import Table

USUAL = (1.0, 4.0, 24.0, 72.0, 168.0, 720.0)
"""Hours that a risk committee asks for, an hour to a month."""


def in_short(found: dict[str, Any]) -> list[str]:
    """What the longest horizon takes."""
    rows = _seen(found)
    if len(rows) < 2:
        return []
    last = rows[-1]
    first = last["required"][0]
    ticks = f" with ticks of {seconds(last['step_seconds'])}" if len({row["step_seconds"] for row in rows}) > 1 else ""
    return [f"Over {hours(last['hours'])}{ticks}, for a chance of {percent_tick(first['target'])}: {between(first)}."]


def tables(found: dict[str, Any]) -> list[tuple[str, str, Table]]:
    """The required fund by horizon and target."""
    rows = []
    for row in found["horizons"]:
        if row["reason"]:
            rows.append([hours(row["hours"]), "", "", "", "", "", row["reason"]])
            continue
        chance = row["depletion_probability"]
        rows += [[hours(row["hours"]), seconds(row["step_seconds"]), percent(chance["estimate"]),
                  percent_tick(need["target"]), *cells(need)] for need in row["required"]]
    header = ["horizon", "tick", "configured fund depleted", "target", "fund", "low", "high"]
    note = ("Horizons with the same ticks see the same market paths, a shorter one the beginning of a longer, so that "
            "the fund never falls.")
    return [("By horizon", note, Table(header, rows))]


def figures(found: dict[str, Any]) -> list[Figure]:
    """Required fund over the horizon, a line a target."""
    return [Figure("horizons", "Required fund by horizon", _draw(found))]


def cautions(found: dict[str, Any]) -> list[str]:
    """Horizons that are missing, and what longer ones and longer ticks mean."""
    there = [row["hours"] for row in found["horizons"]]
    missing = [hours(h) for h in USUAL if h not in there]
    out = [f"Not simulated: {joined(missing)} (decide.fund.horizons_hours)."] if missing else []
    ticks = {row["step_seconds"] for row in _seen(found)}
    if len(ticks) > 1:
        out.append("Longer horizons have longer ticks (decide.fund.long_step_seconds). Accounts are then closed later "
                   "and prices gap further, so that funds come out larger, perhaps many times: compare the horizon "
                   "that is there with both before you read an effect of time.")
    if there[-1] > 24:
        out.append("Over days the static book errs both ways: traders who lost would have added margin or left, and "
                   "new positions would have replaced those that were closed.")
    return out


def _seen(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in found["horizons"] if not row["reason"]]


def _draw(found: dict[str, Any]) -> Drawn:
    rows = _seen(found)
    values = np.array([need["estimate"] or 0.0 for row in rows for need in row["required"]])
    if len(rows) < 2 or not values.any():
        return Drawn(None, "Not drawn: one horizon alone, or no fund was needed at any.")
    axes = (figure := style.new_figure(3.8)).subplots()
    axes.set_xscale("log")
    ticks = sorted({row["step_seconds"] for row in rows})
    for step in ticks:
        longer = f", ticks of {seconds(step)}" if len(ticks) > 1 else ""
        _lines(axes, [row for row in rows if row["step_seconds"] == step], longer, hollow=step > ticks[0])
    ends = np.array([need[k] for row in rows for need in row["required"] for k in ("low", "high") if need[k]])
    style.scale_axis(axes, "y", "usd", values[values > 0], ends)
    if axes.get_yscale() == "log":
        axes.set_ylim(top=2 * axes.get_ylim()[1])  # room for arrows
    if found["fund"] > 0:
        axes.axhline(found["fund"], color=INK, linestyle=(0, (5, 4)), linewidth=1,
                     label=f"configured fund {usd(found['fund'])}")
    x = sorted({row["hours"] for row in rows})
    axes.set_xticks(x, [hours(h) for h in x])
    axes.minorticks_off()
    axes.set_xlim(x[0] / 1.5, x[-1] * 1.5)
    axes.set_xlabel("horizon")
    axes.set_ylabel("required fund (USD)")
    axes.legend(loc="upper left")
    return Drawn(figure, f"Bars are intervals of {level(rows[0]['required'][0])}; an arrow: no upper limit from these "
                         "paths. A horizon without a mark needs no fund for that chance. Lines are set slightly apart; "
                         "hollow marks: longer ticks.", of_metrics(
                             [({"horizon (h)": row["hours"], "tick (s)": row["step_seconds"], "chance": need["target"]},
                               need) for row in rows for need in row["required"]]))


def _lines(axes: Axes, rows: list[dict[str, Any]], longer: str, *, hollow: bool) -> None:
    """A line a target, over the horizons with one length of tick."""
    x = np.array([row["hours"] for row in rows])
    for place in range(len(rows[0]["required"])):
        line = [row["required"][place] for row in rows]
        known = [need if need["estimate"] else need | {"estimate": np.nan} for need in line]
        if not any(need["estimate"] for need in line):
            continue
        bars(axes, x * 1.03**place, known, color=SHADES[place % len(SHADES)], linestyle=LINES[place % len(LINES)],
             marker=MARKERS[place % len(MARKERS)], label=f"for {percent_tick(line[0]['target'])}{longer}",
             **({"markerfacecolor": "white"} if hollow else {}))
