"""The fund of least cost: sentence, table and curve."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from stress.report import style
from stress.report.data import from_rows
from stress.report.decisions.fund.words import between, cells, enough, level
from stress.report.decisions.told import Figure
from stress.report.format import count, hours, percent, percent_tick, usd
from stress.report.style import DARK, INK, MID, PALE, Drawn
from stress.report.tables import Table


def in_short(found: dict[str, Any]) -> list[str]:
    """The optimum."""
    cost = found["cost"]
    prices = f"{percent_tick(cost['capital_cost'])} a year for capital and {usd(cost['adl_cost'])} for each USD lacking"
    chance, horizon = percent(min(cost["tail"], 1.0)), hours(found["horizon_hours"])
    told = f"At {prices}, the cheapest fund is {between(cost['optimum'])}"
    return [f"{told}: it runs dry with a chance of {chance} in {horizon}."]


def tables(found: dict[str, Any]) -> list[tuple[str, str, Table]]:
    """The optimum, what the configured fund costs more, and the price at which it is right."""
    cost = found["cost"]
    best = cost["optimum"] | {"paths_needed": cost["paths_needed"]}
    rows = [["cheapest fund", *cells(best), _reason(best)]]
    if cost["excess"] is not None:
        rows.append([f"the configured fund ({usd(found['fund'])}) costs more, a year", *cells(cost["excess"]),
                     _reason(cost["excess"])])
    rows.append(["it is the cheapest if a USD lacking costs", *cells(cost["implied_adl_cost"]),
                 _reason(cost["implied_adl_cost"])])
    capital, lacking, horizon = percent_tick(cost["capital_cost"]), usd(cost["adl_cost"]), hours(found["horizon_hours"])
    note = (f"Cost a year: capital tied up at {capital}, and {lacking} for each USD lacking, with a full fund at the "
            f"start of every {horizon}. The cheapest fund is depleted with a chance of what a USD costs to hold for "
            f"{horizon}, over what one costs to lack (the newsvendor's rule).")
    return [("Fund of least cost", note, Table(["", "estimate", "low", "high", ""], rows))]


def figures(found: dict[str, Any]) -> list[Figure]:
    """The cost curve."""
    return [Figure("cost", "Cost a year by size of the fund", _draw(found))]


def cautions(found: dict[str, Any]) -> list[str]:
    """What the cost of a shortfall leaves out."""
    del found
    return [("The cheapest fund is as good as its two prices. That of the shortfall counts each USD alike: no cost of "
             "an event as such, of customers who leave, or of a large shortfall being worse than in proportion.")]


def _reason(metric: dict[str, Any]) -> str:
    if metric.get("paths_needed") and metric["high"] is None:
        return enough(metric)
    return metric.get("reason") or ""


def _draw(found: dict[str, Any]) -> Drawn:
    cost, best = found["cost"], found["cost"]["optimum"]
    rows = cost["curve"]
    fund, value, low, high = (np.array([np.nan if row[k] is None else row[k] for row in rows], dtype=float)
                              for k in ("fund", "estimate", "low", "high"))
    if not np.isfinite(value).any() or len(fund) < 3:
        return Drawn(None, "Not drawn: nothing was ever lacking, so the cost is that of the capital alone.")
    axes = (figure := style.new_figure(3.8)).subplots()
    limit = _right_end(found, fund)
    shown = fund <= limit
    _regions(axes, fund, value, low, high)
    held, lacking = cost["capital_cost"] * fund, value - cost["capital_cost"] * fund
    axes.plot(fund, held, color=MID, linestyle="--", linewidth=1.1, label="capital")
    axes.plot(fund, lacking, color=INK, linestyle=":", linewidth=1.4, label="expected shortfall")
    top = max(float(np.nanmax(value[shown])), float(np.nanmax(np.where(np.isfinite(high), high, 0.0)[shown])))
    if best["estimate"] is not None:
        _mark(axes, fund, value, best, limit)
    if 0 < found["fund"] <= limit:
        axes.axvline(found["fund"], color=INK, linewidth=1, label=f"configured fund {usd(found['fund'])}")
    axes.set_xlim(0, limit)
    axes.set_ylim(0, 1.15 * min(top, 4 * float(np.nanmin(value)) + float(held[shown][-1])))
    style.linear_axis(axes.xaxis, "usd")
    style.linear_axis(axes.yaxis, "usd")
    axes.set_xlabel("size of the insurance fund (USD)")
    axes.set_ylabel("cost a year (USD)")
    axes.legend(loc="upper right")
    return Drawn(figure, f"Capital tied up and shortfall expected, and their sum with its interval of {level(best)} "
                         f"(n = {count(best['n'])}), where the paths give one. The bar on the axis is the interval of "
                         "the cheapest fund.",
                 from_rows(rows, {"fund (USD)": "fund", "cost (USD a year)": "estimate", "low": "low", "high": "high"})
                 | {"capital (USD a year)": held, "expected shortfall (USD a year)": lacking})


def _right_end(found: dict[str, Any], fund: np.ndarray) -> float:
    """The last fund shown, twice the largest that is spoken of."""
    best = found["cost"]["optimum"]
    spoken = [x for x in (best["estimate"], best["high"], found["fund"]) if x]
    return min(float(fund[-1]), 2 * max(spoken)) if spoken else float(fund[-1])


def _regions(axes: Axes, fund: np.ndarray, value: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
    axes.fill_between(fund, low, high, color=PALE, linewidth=0)
    axes.plot(fund, value, color=DARK, linewidth=2, label="together")


def _mark(axes: Axes, fund: np.ndarray, value: np.ndarray, best: dict[str, Any], limit: float) -> None:
    least = float(np.interp(best["estimate"], fund, value))
    axes.plot([best["estimate"]], [least], color=DARK, marker="o", markersize=7, markeredgecolor="white",
              linestyle="none", label=f"cheapest {usd(best['estimate'])}", zorder=5)
    ends = [best["low"] or 0.0, limit if best["high"] is None else best["high"]]
    axes.plot(ends, [0, 0], color=DARK, linewidth=7, solid_capstyle="butt", alpha=0.7, clip_on=False)
