"""The fund for a probability of depletion: table and curve."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from stress.report import style
from stress.report.data import from_rows
from stress.report.decisions.fund.words import between, cells, enough, level
from stress.report.decisions.told import Figure
from stress.report.format import hours, percent_tick, usd
from stress.report.style import DARK, INK, MARKERS, PALE, SHADES, Drawn
from stress.report.tables import Table


def in_short(found: dict[str, Any]) -> list[str]:
    """A sentence a target."""
    return [f"For a chance of {percent_tick(row['target'])} within {hours(found['horizon_hours'])}: {between(row)}."
            for row in found["required"]]


def tables(found: dict[str, Any]) -> list[tuple[str, str, Table]]:
    """The required funds."""
    rows = [[percent_tick(row["target"]), *cells(row), enough(row)] for row in found["required"]]
    note = f"Interval of {level(found['required'][0])}. Plan with its upper end; where there is none, run more paths."
    return [("Required fund", note, Table(["chance of depletion", "fund", "low", "high", ""], rows))]


def figures(found: dict[str, Any]) -> list[Figure]:
    """The fund curve with the required funds on it."""
    return [Figure("fund_curve", "Chance of depletion by size of the fund", _draw(found))]


def cautions(found: dict[str, Any]) -> list[str]:
    """Of targets that these paths do not bound."""
    short = [row for row in found["required"] if row["high"] is None]
    if not short:
        return []
    told = ", ".join(f"{percent_tick(row['target'])} ({enough(row)})" for row in short)
    return [f"These paths give no upper limit of the fund for a chance of {told}."]


def _draw(found: dict[str, Any]) -> Drawn:
    rows = [row for row in found["curve"] if row["depletion_probability"]]
    if not rows:
        return Drawn(None, "Not drawn: no size of the fund was depleted.")
    fund, share, low, high = (np.array([np.nan if row[k] is None else row[k] for row in rows], dtype=float)
                              for k in ("fund", "depletion_probability", "low", "high"))
    axes = (figure := style.new_figure(3.8)).subplots()
    marked = [row for row in found["required"] if row["estimate"] and row["target"] >= np.nanmin(share) / 2]
    ends = [row[k] for row in marked for k in ("estimate", "high") if row[k]]
    own = [found["fund"]] if found["fund"] > 0 else []
    style.scale_axis(axes, "x", "usd", np.array([*fund[fund > 0], *own, *ends]) if (fund > 0).any() else fund)
    style.log_axis(axes, "y", "percent", (max(np.nanmin(share) / 2, 1e-9), min(1.0, 2 * float(np.nanmax(high)))))
    axes.fill_between(fund, low, high, color=PALE, linewidth=0)
    axes.plot(fund, share, color=DARK)
    _marks(axes, marked)
    if own:
        axes.axvline(found["fund"], color=INK, linestyle="--", label=f"configured fund {usd(found['fund'])}")
    if own or marked:
        axes.legend(loc="lower left")
    axes.set_xlabel("size of the insurance fund at the start (USD)")
    axes.set_ylabel(f"probability of depletion within {hours(found['horizon_hours'])}")
    return Drawn(figure, f"The band is the interval of {level(found['required'][0])} at each size; marks are the funds "
                         "for each target with theirs, open to the right where these paths give no upper limit.",
                 from_rows(found["curve"], {"fund (USD)": "fund", "depletion_probability": "depletion_probability",
                                            "low": "low", "high": "high"}))


def _marks(axes: Axes, rows: list[dict[str, Any]]) -> None:
    for place, row in enumerate(rows):
        style.error_bar(axes, row["estimate"], row["target"], row, color=SHADES[1 + place % 2],
                        marker=MARKERS[place % len(MARKERS)], markersize=7,
                        label=f"for {percent_tick(row['target'])}: {usd(row['estimate'])}")
