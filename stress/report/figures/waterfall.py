"""Who pays for the deficits of liquidated accounts."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from stress.report import style
from stress.report.format import count, many, percent, percent_tick, usd
from stress.report.load import Run
from stress.report.style import DARK, LIGHT, MID, PALE, Drawn
from stress.report.tail import weighted_mean, worst_share

TITLE = "Who pays"
PAYERS = {"insurance_paid": "insurance\nfund", "adl_haircut": "deleveraged\nwinners",
          "socialised_loss": "socialised\nloss", "uncovered": "uncovered"}
"""Columns that add up to ``bad_debt``, in the order of the waterfall, with their names."""
TAIL = 0.01
"""Share of paths called the worst."""
_LOOKS = (("#3d6f94", "////"), (LIGHT, ""), ("#8a8f98", "...."), (MID, "xxxx"))


def draw(run: Run) -> Drawn:
    """Deficits handed down the waterfall: mean of all paths and of the worst 1 %."""
    debt = run.column("bad_debt")
    parts = {name: run.column(name) for name in PAYERS}
    if debt is None or any(v is None for v in parts.values()):
        return Drawn(None, "Not drawn: no path without a failure has the columns of the waterfall.")
    if not np.any(debt > 0):
        return Drawn(None, f"No liquidated account ended below zero on any of the {many(len(debt), 'path')}: nobody "
                           f"had to pay.")
    worst = worst_share(debt, run.weight, TAIL)
    figure = style.new_figure(3.6)
    panels = figure.subplots(1, 2)
    everyone = np.arange(len(debt))
    columns = [debt, *(np.asarray(v) for v in parts.values())]
    for axes, chosen, title in ((panels[0], everyone, f"mean of all paths (n = {count(len(debt))})"),
                                (panels[1], worst, f"mean of the worst {percent_tick(TAIL)} (n = "
                                                   f"{count(len(worst))})")):
        _fall(axes, [c[chosen] for c in columns], run.weight[chosen], run.confidence)
        axes.set_title(title)
    panels[0].set_ylabel("USD a path")
    return Drawn(figure, "Deficits of closed accounts (left bar of each panel) and who bears them. Deleveraged "
                         "winners: what "
                         "auto-deleveraging at the bankruptcy price took off the deficits. Uncovered: left on the "
                         "venue's ledger. "
                         f"Worst paths: by deficit. Whiskers: {percent_tick(run.confidence)} normal interval of the "
                         f"mean.")


def _fall(axes: Axes, columns: list[np.ndarray], weight: np.ndarray, confidence: float) -> None:
    means = [weighted_mean(c, weight / weight.sum(), confidence) for c in columns]
    total = means[0][0]
    names, looks = ["deficits", *PAYERS.values()], ((DARK, ""), *_LOOKS)
    top = total
    for place, ((mean, half), (colour, hatch)) in enumerate(zip(means, looks, strict=True)):
        bottom = 0.0 if place == 0 else top - mean
        axes.bar([place], [mean], bottom=[bottom], color=colour, hatch=hatch, edgecolor="white", width=0.66)
        if np.isfinite(half) and mean > 0:
            axes.errorbar([place], [bottom + mean], yerr=[[min(half, mean)], [half]], color=style.INK, linewidth=1,
                          capsize=3)
        label = usd(mean) if place == 0 or not mean else f"{usd(mean)}\n{percent(mean / total)}"
        over = bottom + mean + (half if np.isfinite(half) else 0)
        axes.annotate(label, (place, over), xytext=(0, 3), textcoords="offset points", ha="center",
                      va="bottom", fontsize=8)
        if place:
            axes.plot([place - 0.67, place + 0.33], [top, top], color=PALE, linewidth=1, zorder=0.5)
            top = bottom
    axes.set_xticks(range(len(names)), names, fontsize=8)
    axes.grid(axis="x", visible=False)
    axes.set_ylim(0, max(total + (means[0][1] if np.isfinite(means[0][1]) else 0), 1e-300) * 1.22)
    style.linear_axis(axes.yaxis, "usd")
