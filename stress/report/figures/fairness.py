"""How ADL treats those in profit, over the paths on which there was any."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from stress.report import style
from stress.report.format import many
from stress.report.load import Run
from stress.report.style import DARK, MID, Drawn

TITLE = "How winners are treated"
SHARES = {
    "adl_hit_share": "winners hit",
    "adl_largest_haircut": "largest haircut",
    "adl_gini": "Gini coefficient of haircuts",
}
"""Columns between 0 and 1, with what they are."""


def draw(run: Run) -> Drawn:
    """How many paths have at most a share of winners hit, a haircut, an inequality."""
    known = {name: run.column(name) for name in SHARES}
    if "adl_cost" not in run.paths:
        return Drawn(None, "Not drawn: it was not measured (run.fairness is off, or there is no ADL).")
    if known["adl_hit_share"] is None:
        return Drawn(None, f"Not drawn: no path deleveraged a winner (n = {many(run.drawn, 'path')}).")
    figure = style.new_figure(2.7)
    for axes, (name, title) in zip(figure.subplots(1, 3, sharey=True), SHARES.items(), strict=True):
        axes.set_title(title)
        style.linear_axis(axes.xaxis, "plain" if name == "adl_gini" else "percent", 4)
        _distribution(axes, known[name], run.weight)
    figure.axes[0].set_ylabel("share of paths with at most that")
    with_adl = int(np.isfinite(known["adl_hit_share"]).sum())
    return Drawn(figure, f"Over the {many(with_adl, 'path')} with ADL, as of the last round with it; dashed: the mean. "
                         "Winners: accounts in profit. A haircut is the share of its profit that an account gave up. "
                         "Gini coefficient: 0 where all give up the same share, near 1 where few bear all.")


def _distribution(axes: Axes, values: np.ndarray | None, weight: np.ndarray) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    style.linear_axis(axes.yaxis, "percent", 5)
    if values is None:
        axes.annotate("nobody gave anything up", (0.5, 0.5), ha="center", va="center", fontsize=8)
        return
    chosen = np.isfinite(values)
    order = np.argsort(values[chosen], kind="stable")
    at, mass = values[chosen][order], weight[chosen][order] / weight[chosen].sum()
    x, y = np.concatenate([[0.0], at, [1.0]]), np.concatenate([[0.0], np.cumsum(mass), [1.0]])
    axes.step(x, y, where="post", color=DARK)
    axes.axvline(float((at * mass).sum()), color=MID, linestyle="--")
