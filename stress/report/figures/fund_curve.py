"""How large the fund must be: depletion probability as a function of its size."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from stress.report import style
from stress.report.data import Columns, stacked
from stress.report.format import many, percent, percent_tick, usd
from stress.report.load import Run
from stress.report.style import DARK, INK, LIGHT, MID, PALE, Drawn

TITLE = "How large the insurance fund must be"
LEVELS = {"required_fund_99": 0.01, "required_fund_999": 1e-3, "required_fund_9999": 1e-4}
"""Depletion probability that each required-fund metric stands for."""
_LOOKS = ((MID, "o"), (LIGHT, "D"), (DARK, "s"))


def draw(run: Run) -> Drawn:
    """Depletion probability against fund size with its band, the configured fund and the required ones."""
    rows = [r for r in run.summary.get("fund_curve") or [] if r.get("depletion_probability") is not None]
    if not rows:
        return Drawn(None, "Not drawn: the summary has no fund curve (run.fund_curve is off).")
    if not any(r["depletion_probability"] for r in rows):
        return Drawn(None, f"No fund size on the grid was depleted, not even {usd(min(r['fund'] for r in rows))}: "
                           "there is no curve to draw.")
    figure = style.new_figure(4.0)
    plot(figure.subplots(), run)
    at_zero = [r["depletion_probability"] for r in rows if r["fund"] <= 0]
    note = ""
    if at_zero:
        note = f" Without any fund, {percent(float(at_zero[0]))} of paths have a deficit that fees do not cover."
    return Drawn(figure, "Read from right to left: the smaller the fund, the likelier its depletion within the "
                         f"horizon. Band: {percent_tick(run.confidence)} interval at each size; markers: the fund for "
                         "a 1 %, 0.1 % and 0.01 % chance with its interval (an open end: no finite limit at this "
                         f"n).{note} n = {many(run.summary.get('paths'), 'path')}.", data_of(run))


def data_of(run: Run) -> Columns:
    """The curve, the fund that is needed for each level, and the configured one."""
    rows = run.summary.get("fund_curve") or []
    sizes = {"fund (USD)": [r["fund"] for r in rows], "probability of depletion": [r["depletion_probability"]
                                                                                  for r in rows],
             "probability low": [r.get("low") for r in rows], "probability high": [r.get("high") for r in rows]}
    needed = {name: level for name, level in LEVELS.items() if run.metric(name)}
    metrics = [run.metric(name) for name in needed]
    required = {"fund (USD)": [m.get("estimate") for m in metrics], "probability of depletion": list(needed.values()),
                "fund low (USD)": [m.get("low") for m in metrics], "fund high (USD)": [m.get("high") for m in metrics]}
    return stacked({"curve": sizes, "required fund": required, "configured fund": {"fund (USD)": [run.fund]}})


def plot(axes: Axes, run: Run) -> None:
    """The curve with its band and the funds on it; some size must have been depleted."""
    rows = [r for r in run.summary["fund_curve"] if r.get("depletion_probability") is not None]
    fund, share, *ends = (np.array([np.nan if r.get(k) is None else r[k] for r in rows], dtype=np.float64)
                          for k in ("fund", "depletion_probability", "low", "high"))
    _curve(axes, run, fund, share, np.stack(ends))


def _curve(axes: Axes, run: Run, fund: np.ndarray, share: np.ndarray, band: np.ndarray) -> None:
    seen, positive = share > 0, fund > 0
    floor = float(share[seen].min()) / 4
    ends = [float(v) for k in LEVELS for v in (run.metric(k).get(b) for b in ("estimate", "high")) if v and v > 0]
    shown = fund[positive] if positive.any() else np.array([1.0])
    last = shown[np.searchsorted(-share[positive], 0.0, side="left") - 1] if positive.any() else 1.0
    keep = [v for v in (*ends, run.fund) if 0 < v < 100 * max(float(last), 1e-300)]
    style.scale_axis(axes, "x", "usd", np.array([shown.min(), last, *keep]))
    style.log_axis(axes, "y", "percent", (floor, min(1.0, 2 * float(np.nanmax(band[1])))))
    axes.fill_between(fund, np.maximum(np.nan_to_num(band[0], nan=floor), floor), np.nan_to_num(band[1], nan=1.0),
                      color=PALE, linewidth=0)
    axes.plot(fund[seen], share[seen], color=DARK, label="probability of depletion")
    for edge in band:
        axes.plot(fund, np.where(edge > 0, edge, np.nan), color=DARK, linewidth=0.7, linestyle=":")
    if run.fund > 0:
        axes.axvline(run.fund, color=INK, linewidth=1.8, linestyle="--", label=f"configured fund {usd(run.fund)}")
    for (name, level), (colour, marker) in zip(LEVELS.items(), _LOOKS, strict=True):
        metric = run.metric(name)
        value = metric.get("estimate")
        if value and value > 0 and level > floor:
            style.error_bar(axes, value, level, metric, color=colour, marker=marker, markersize=7.5,
                            label=f"for {percent_tick(level)}: {usd(value)}")
    axes.set_xlabel("size of the insurance fund at the start (USD)")
    axes.set_ylabel("probability of depletion")
    axes.legend(loc="upper right")
