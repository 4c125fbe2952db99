"""How ADL treats those in profit, over the paths on which there was any."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from stress.report import style
from stress.report.data import stacked
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
_VALUE, _BELOW = "value", "share of paths with at most that"


def draw(run: Run) -> Drawn:
    """How many paths have at most a share of winners hit, a haircut, an inequality."""
    known = {name: run.column(name) for name in SHARES}
    if "adl_cost" not in run.paths:
        return Drawn(None, "Not drawn: it was not measured (run.fairness is off, or there is no ADL).")
    if known["adl_hit_share"] is None:
        return Drawn(None, f"Not drawn: no path deleveraged a winner (n = {many(run.drawn, 'path')}).")
    figure = style.new_figure(2.7)
    curves = {title: _curve(known[name], run.weight) for name, title in SHARES.items()}
    for axes, (name, title) in zip(figure.subplots(1, 3, sharey=True), SHARES.items(), strict=True):
        axes.set_title(title)
        style.linear_axis(axes.xaxis, "plain" if name == "adl_gini" else "percent")
        axes.set_xticks([0, 0.5, 1])
        _distribution(axes, curves[title], _mean(known[name], run.weight))
    figure.axes[0].set_ylabel("share of paths with at most that")
    with_adl = int(np.isfinite(known["adl_hit_share"]).sum())
    return Drawn(figure, f"Over the {many(with_adl, 'path')} with ADL, as of the last round with it; dashed: the mean. "
                         "Winners: accounts in profit. A haircut is the share of its profit that an account gave up. "
                         "Gini coefficient: 0 where all give up the same share, near 1 where few bear all.",
                 stacked({**curves, **{f"mean of {title}": {_VALUE: [_mean(known[name], run.weight)]}
                                       for name, title in SHARES.items()}}))


def _curve(values: np.ndarray | None, weight: np.ndarray) -> dict[str, np.ndarray]:
    """Share of the paths that have a value at or below each; empty where none has."""
    if values is None:
        return {_VALUE: np.empty(0), _BELOW: np.empty(0)}
    chosen = np.isfinite(values)
    order = np.argsort(values[chosen], kind="stable")
    at, mass = values[chosen][order], weight[chosen][order] / weight[chosen].sum()
    return {_VALUE: at, _BELOW: np.cumsum(mass)}


def _mean(values: np.ndarray | None, weight: np.ndarray) -> float:
    """Over the paths that have a value; NaN where none has."""
    if values is None:
        return float("nan")
    chosen = np.isfinite(values)
    return float((values[chosen] * weight[chosen]).sum() / weight[chosen].sum())


def _distribution(axes: Axes, curve: dict[str, np.ndarray], mean: float) -> None:
    axes.set_xlim(-0.04, 1.04)
    axes.set_ylim(0, 1.02)
    style.linear_axis(axes.yaxis, "percent", 5)
    if not len(curve[_VALUE]):
        axes.annotate("nobody gave anything up", (0.5, 0.5), ha="center", va="center", fontsize=8)
        return
    x, y = np.concatenate([[0.0], curve[_VALUE], [1.0]]), np.concatenate([[0.0], curve[_BELOW], [1.0]])
    axes.step(x, y, where="post", color=DARK)
    axes.axvline(mean, color=MID, linestyle="--")
