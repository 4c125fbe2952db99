"""How much the fund loses: the mass at zero and the tail."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from stress.report import style
from stress.report.data import stacked
from stress.report.format import count, hours, many, percent, percent_tick, usd
from stress.report.load import Run
from stress.report.style import DARK, INK, LIGHT, MID, PALE, Drawn
from stress.report.tail import effective, exceedance, wilson

TITLE = "How much the insurance fund loses"
_SMALLEST = 1e-5
"""Drawdowns below this share of the largest are off the axis."""
_MARKS = (("var_99", "99 % VaR", MID, "o"), ("es_99", "99 % ES", LIGHT, "D"))


def draw(run: Run) -> Drawn:
    """Bar of the shares at zero, above zero and above the fund, over the exceedance curve of the drawdown."""
    losses = run.column("fund_drawdown")
    if losses is None:
        return Drawn(None, "Not drawn: there is no unlimited-fund companion (run.fund_curve is off) or no path without "
                           "a failure.")
    if not np.any(losses > 0):
        return Drawn(None, f"On every one of the {many(len(losses), 'path')} the fees covered the deficits: the fund's "
                           "drawdown is zero throughout, so there is no distribution to draw.")
    figure = style.new_figure(4.3)
    top, main = figure.subplots(2, 1, gridspec_kw={"height_ratios": [1, 6]})
    x, share = exceedance(losses, run.weight)
    band = wilson(share, effective(run.weight), run.confidence)
    _mass_bar(top, losses, run)
    _exceedance(main, run, x, share, band)
    return Drawn(figure, "Drawdown: the largest net amount (deficits less fees) that a fund without limit would have "
                         f"paid out, over {hours(run.horizon_hours)}. Top: how the paths divide. Bottom: share of "
                         "paths that lose at least the amount on the x axis, with a pointwise "
                         f"{percent_tick(run.confidence)} band; bars through the markers are the intervals of VaR and "
                         f"ES. n = {many(len(losses), 'path')}.", _data(run, losses, x, share, band))


def _data(run: Run, losses: np.ndarray, x: np.ndarray, share: np.ndarray, band: tuple[np.ndarray, np.ndarray]) -> Any:
    curve = {"drawdown (USD)": x, "share of paths": share, "share low": band[0], "share high": band[1]}
    parts: dict[str, Any] = {"at or above": curve}
    for label, chosen in _parts(run, losses).items():
        parts[label] = {"share of paths": [run.weight[chosen].sum()], "paths": [int(chosen.sum())]}
    parts["configured fund"] = {"drawdown (USD)": [run.fund]}
    for name, label, *_ in _MARKS:
        metric = run.metric(f"fund_drawdown_{name}")
        parts[label] = {"drawdown (USD)": [metric.get("estimate")], "drawdown low (USD)": [metric.get("low")],
                        "drawdown high (USD)": [metric.get("high")]}
    return stacked(parts)


def _parts(run: Run, losses: np.ndarray) -> dict[str, np.ndarray]:
    """How the paths divide."""
    zero, beyond = losses <= 0, losses > run.fund
    return {"exactly zero": zero, "above zero, covered by the fund": ~zero & ~beyond,
            "more than the fund": beyond & ~zero}


def _mass_bar(axes: Axes, losses: np.ndarray, run: Run) -> None:
    left, looks = 0.0, ((PALE, ""), (LIGHT, "////"), (DARK, ""))
    for (label, chosen), (colour, hatch) in zip(_parts(run, losses).items(), looks, strict=True):
        share = float(run.weight[chosen].sum())
        axes.barh([0], [share], left=left, color=colour, hatch=hatch, edgecolor="white", linewidth=0.8,
                  label=f"{label}: {percent(share)} ({count(chosen.sum())})")
        left += share
    axes.set_xlim(0, max(left, 1e-12))
    axes.axis("off")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 0.95), ncols=3)


def _exceedance(axes: Axes, run: Run, x: np.ndarray, share: np.ndarray, band: tuple[np.ndarray, np.ndarray]) -> None:
    known = [v for v in (run.fund, *(run.metric(f"fund_drawdown_{m}").get(k) for m in ("var_99", "es_99")
                                     for k in ("estimate", "low", "high"))) if v and v > 0 and v < 300 * x.max()]
    style.scale_axis(axes, "x", "usd", np.maximum(np.array([*x, *known]), x.max() * _SMALLEST))
    style.log_axis(axes, "y", "percent", (share.min() / 3, min(2 * share.max(), 1.0)))
    axes.fill_between(x, *band, color=PALE, step=None, linewidth=0)
    axes.plot(x, share, color=DARK, marker="." if len(x) < 40 else None)
    if run.fund > 0:
        axes.axvline(run.fund, color=INK, linewidth=1.8, linestyle="--", label=f"configured fund {usd(run.fund)}")
    for name, label, colour, marker in _MARKS:
        metric = run.metric(f"fund_drawdown_{name}")
        value = metric.get("estimate")
        if value is None or value <= 0:
            axes.plot([], [], linestyle="none", label=f"{label} {usd(value)}")
            continue
        height = float(np.interp(value, x[::-1], share[::-1]))
        style.error_bar(axes, value, height, metric, color=colour, marker=marker, markersize=8,
                        label=f"{label} {usd(value)}")
    axes.set_xlabel("drawdown of the fund (USD)")
    axes.set_ylabel("share of paths at or above")
    axes.legend(loc="upper right")
