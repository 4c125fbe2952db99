"""When the fund is depleted."""

from __future__ import annotations

import numpy as np

from stress.report import style
from stress.report.format import count, hours, many, percent_tick
from stress.report.load import Run
from stress.report.style import DARK, MID, PALE, Drawn
from stress.report.tail import effective, wilson

TITLE = "When the fund is depleted"


def draw(run: Run) -> Drawn:
    """Share of all paths depleted by each time, with a pointwise band."""
    times = run.paths.get("time_to_depletion_hours")
    times = times[run.ok] if times is not None else np.empty(0)
    chosen = np.isfinite(times)
    if not chosen.any():
        return Drawn(None, f"Not drawn: no path depleted the fund (n = {many(run.drawn, 'path')}).")
    order = np.argsort(times[chosen], kind="stable")
    at, share = times[chosen][order], np.cumsum(run.weight[chosen][order])
    at = np.concatenate([[0.0], at, [max(run.horizon_hours, at[-1])]])
    share = np.concatenate([[0.0], share, share[-1:]])
    low, high = wilson(share, effective(run.weight), run.confidence)
    figure = style.new_figure(3.2)
    axes = figure.subplots()
    axes.fill_between(at, low, high, step="post", color=PALE, linewidth=0)
    axes.step(at, share, where="post", color=DARK)
    median = float(np.median(times[chosen]))
    axes.axvline(median, color=MID, linestyle="--", label=f"half of the depletions by {hours(median)}")
    axes.set_xlim(0, at[-1])
    axes.set_ylim(0, float(high[-1]) * 1.12)
    style.linear_axis(axes.yaxis, "percent")
    style.linear_axis(axes.xaxis, "plain", 9)
    axes.set_xlabel("time since the start (h)")
    axes.set_ylabel("share of paths depleted so far")
    axes.legend(loc="upper left")
    return Drawn(figure, f"Cumulative, over all paths; {percent_tick(run.confidence)} pointwise band. "
                         f"{count(chosen.sum())} of {many(run.drawn, 'path')} deplete the fund; the curve ends at the "
                         "depletion probability of the horizon.",
                 {"time (h)": at, "share of paths depleted so far": share, "low": low, "high": high})
