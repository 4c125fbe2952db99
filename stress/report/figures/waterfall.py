"""Who pays for the deficits of liquidated accounts."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from stress.report import style
from stress.report.data import Columns, stacked
from stress.report.format import count, is_number, many, percent, percent_tick, usd
from stress.report.load import Run
from stress.report.style import DARK, LIGHT, MID, PALE, Drawn
from stress.report.tail import weighted_mean, worst_share

TITLE = "Who pays"
PAYERS = {"insurance_paid": "insurance\nfund", "adl_haircut": "deleveraged\nwinners",
          "socialised_loss": "socialised\nloss", "uncovered": "uncovered"}
"""Columns that add up to ``bad_debt``, in the order of the waterfall, with their names."""
Bar = tuple[float, ...]
"""Mean, low and high; NaN where there is no finite limit."""
TAIL = 0.01
"""Share of paths called the worst."""
WORST = f"worst {percent_tick(TAIL)}"
_LEAST = 1e-4
"""Smaller shares are not written out."""
_LOOKS = (("#3d6f94", "////"), (LIGHT, ""), ("#8a8f98", "...."), (MID, "xxxx"))


def draw(run: Run) -> Drawn:
    """Deficits handed down the waterfall: mean of all paths and of the worst 1 %."""
    why_not, debt = reason(run), run.column("bad_debt")
    if why_not or debt is None:
        return Drawn(None, why_not)
    figure = style.new_figure(3.6)
    panels = figure.subplots(1, 2)
    worst = worst_share(debt, run.weight, TAIL)
    bars = {"all paths": means(run), WORST: [_of_some(run, name, worst) for name in ("bad_debt", *PAYERS)]}
    for axes, heights in zip(panels, bars.values(), strict=True):
        fall(axes, heights)
    panels[0].set_title(f"mean of all paths (n = {count(len(debt))})")
    panels[1].set_title(f"mean of the worst {percent_tick(TAIL)} (n = {count(len(worst))})")
    panels[0].set_ylabel("USD a path")
    return Drawn(figure, "Deficits of closed accounts (left bar of each panel) and who bears them. Deleveraged "
                         "winners: what auto-deleveraging took off the deficits. Uncovered: "
                         "left on the venue's ledger. Worst paths: by deficit. Whiskers: intervals of the means, as in "
                         f"the headline table on the left, {percent_tick(run.confidence)} normal on the right; none "
                         "where there is no finite limit.", data_of(bars))


def reason(run: Run) -> str:
    """Why there is nothing to draw; empty where there is."""
    debt = run.column("bad_debt")
    if debt is None or any(run.column(name) is None for name in PAYERS):
        return "Not drawn: no path without a failure has the columns of the waterfall."
    if not np.any(debt > 0):
        return f"No liquidated account ended below zero on any of the {many(len(debt), 'path')}: nobody had to pay."
    return ""


def means(run: Run) -> list[Bar]:
    """Deficits and what each payer bears, over all paths."""
    return [_of_all(run, name) for name in ("bad_debt", *PAYERS)]


def data_of(bars: dict[str, list[Bar]]) -> Columns:
    """Bars by who pays, panels below one another."""
    words = ["deficits", *(text.replace("\n", " ") for text in PAYERS.values())]
    return stacked({panel: {"who": words, **{f"{name} (USD a path)": [bar[part] for bar in heights]
                                             for part, name in enumerate(("mean", "low", "high"))}}
                    for panel, heights in bars.items()}, by="paths")


def _of_all(run: Run, name: str) -> Bar:
    """Mean over all paths: the metric of the summary, or from the column where the summary has none."""
    metric = run.metric(name)
    if not is_number(metric.get("estimate")):
        return _of_some(run, name, np.arange(run.drawn))
    return tuple(float("nan") if metric.get(k) is None else float(metric[k]) for k in ("estimate", "low", "high"))


def _of_some(run: Run, name: str, chosen: np.ndarray) -> Bar:
    values, weight = run.column(name), run.weight[chosen]
    assert values is not None
    mean, half = weighted_mean(values[chosen], weight / weight.sum(), run.confidence)
    return mean, max(mean - half, 0.0), mean + half


def _share(share: float) -> str:
    return percent(share) if share >= _LEAST else f"< {percent_tick(_LEAST)}"


def fall(axes: Axes, bars: list[Bar]) -> None:
    """Deficits on the left, handed down to those who pay."""
    names, looks = ["deficits", *PAYERS.values()], ((DARK, ""), *_LOOKS)
    total = top = bars[0][0]
    for place, ((mean, low, high), (colour, hatch)) in enumerate(zip(bars, looks, strict=True)):
        bottom = 0.0 if place == 0 else top - mean
        axes.bar([place], [mean], bottom=[bottom], color=colour, hatch=hatch, edgecolor="white", width=0.66)
        whole = mean > 0 and np.isfinite([low, high]).all()
        if whole:
            axes.errorbar([place], [bottom + mean], yerr=[[mean - min(low, mean)], [max(high, mean) - mean]],
                          color=style.INK, linewidth=1, capsize=3)
        label = usd(mean) if place == 0 or not mean else f"{usd(mean)}\n{_share(mean / total)}"
        axes.annotate(label, (place, bottom + max(high, mean) if whole else bottom + mean), xytext=(0, 3), fontsize=8,
                      textcoords="offset points", ha="center", va="bottom")
        if place:
            axes.plot([place - 0.67, place + 0.33], [top, top], color=PALE, linewidth=1, zorder=0.5)
            top = bottom
    axes.set_xticks(range(len(names)), names, fontsize=8)
    axes.grid(axis="x", visible=False)
    axes.set_ylim(0, max(np.nanmax([total, bars[0][2]]), 1e-300) * 1.22)
    style.linear_axis(axes.yaxis, "usd")
