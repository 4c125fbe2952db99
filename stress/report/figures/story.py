"""One path, tick by tick: what happened in which order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from stress.report import style
from stress.report.data import Columns
from stress.report.format import clock, hours, usd_tick
from stress.report.load import Run
from stress.report.metrics import insured
from stress.report.style import DARK, INK, LIGHT, MID, SHADES, Drawn

TITLE = "One path told as a story"
_SHOWN = 3
"""Markets drawn; the rest is in the sums."""
_BINS = 120
_SUMS = {"liquidated_long": "longs liquidated", "liquidated_short": "shorts liquidated", "adl": "winners deleveraged",
         "bad_debt": "deficits", "socialised": "deficits socialised", "fund": "insurance fund"}

Story = dict[str, np.ndarray]


def draw(run: Run) -> Drawn:
    """Rows share time: prices, displacement, liquidations, fund, ADL; left the horizon, right its height."""
    story = run.story
    if story is None or not len(story["time_hours"]):
        return Drawn(None, "Not drawn: the run folder has no story (data/story.npz).")
    shown = loudest(story, _SHOWN)
    lower = [_displacement, liquidations, *([_adl] if story["adl"].any() else []), deficits,
             *([fund] if insured(run) else [])]
    rows = len(shown) + len(lower)
    figure = style.new_figure(1.0 + 1.2 * rows)
    panels = figure.subplots(rows, 2, sharex="col", squeeze=False)
    time, focus = story["time_hours"], _focus(run, story)
    for column, window in enumerate(((float(time[0]), float(time[-1])), focus)):
        part = _prices(panels[:, column], run, story, shown, window)
        for axes, panel in zip(panels[len(shown):, column], lower, strict=True):
            panel(axes, run, part, shown)
        panels[-1, column].set_xlabel("time since the start (h)")
        style.linear_axis(panels[-1, column].xaxis, "plain", 7)
    for axes in panels[:, 0]:
        axes.axvspan(*focus, color="#eef1f4", zorder=0)
    _legends(panels, run, story, len(shown))
    figure.align_ylabels(panels[:, 0])
    others = len(run.markets) - len(shown)
    more = f" The {others} markets with smaller liquidations are in the sums but not drawn." if others > 0 else ""
    after = "the fund is shown after each tick; " if insured(run) else ""
    return Drawn(figure, f"Path {int(story['path'])}; n = 1: an illustration, not an estimate. All rows share time; "
                         f"{after}the shaded part on the left is the right column "
                         f"({hours(round(focus[1] - focus[0], 2))}).{more}",
                 data_of(run, story, range(len(run.markets))))


def data_of(run: Run, story: Story, markets: Sequence[int]) -> Columns:
    """The path tick by tick; bars of the picture are sums over these."""
    columns = {"time (h)": story["time_hours"]}
    for number in markets:
        market = run.markets[number]
        columns |= {f"mark {market} (USD)": story["mark"][:, number],
                    f"fundamental {market} (USD)": story["fundamental"][:, number],
                    f"displacement {market} (share of price)": story["displacement"][:, number]}
    for name, title in _SUMS.items():
        columns[f"{title} (USD)"] = story[name] if story[name].ndim == 1 else story[name].sum(1)
    return columns


def loudest(story: Story, number: int) -> np.ndarray:
    """Indices of the markets with the most liquidations (then the largest moves), in the order of markets."""
    closed = story["liquidated_long"].sum(0) + story["liquidated_short"].sum(0)
    move = np.abs(story["mark"] / story["mark"][0] - 1).max(0)
    return np.sort(np.lexsort((-move, -closed))[:number])


def depletion_time(run: Run, story: Story) -> float | None:
    """When the story's path depleted the fund, in hours; None if it did not."""
    times, path = run.paths.get("time_to_depletion_hours"), run.paths.get("path")
    if times is None or path is None:
        return None
    time = times[path == int(story["path"])]
    return float(time[0]) if len(time) and np.isfinite(time[0]) else None


def _focus(run: Run, story: Story) -> tuple[float, float]:
    """An hour (or 60 ticks, if longer) around the depletion, else the worst tick, else the largest displacement."""
    time, total = story["time_hours"], (story["liquidated_long"] + story["liquidated_short"]).sum(1)
    first, last = float(time[0]), float(time[-1])
    worst = total if total.any() else np.abs(story["displacement"]).max(1)
    centre = depletion_time(run, story) or float(time[int(worst.argmax())])
    width = min(max(1.0, 60 * (last - first) / max(len(time) - 1, 1)), (last - first) / 2)
    start = min(max(first, centre - width / 4), last - width)
    return start, start + width


def _prices(panels: Any, run: Run, story: Story, shown: np.ndarray, window: tuple[float, float]) -> Story:
    """The price rows of one column; returns the part of the story inside its window."""
    inside = (story["time_hours"] >= window[0]) & (story["time_hours"] <= window[1])
    part = {name: values[inside] for name, values in story.items() if np.ndim(values)}
    for axes, market in zip(panels, shown, strict=False):
        price(axes, run, part, market)
    panels[0].set_xlim(*(window if window[1] > window[0] else (window[0] - 0.5, window[0] + 0.5)))
    return part


def price(axes: Axes, run: Run, part: Story, market: int) -> None:
    """Mark and fundamental price of a market."""
    axes.plot(part["time_hours"], part["fundamental"][:, market], color=LIGHT, linestyle="--", label="fundamental")
    axes.plot(part["time_hours"], part["mark"][:, market], color=DARK, linewidth=1.2, label="mark")
    axes.set_title(run.markets[market])
    axes.set_ylabel("price (USD)")
    style.linear_axis(axes.yaxis, "usd", 4)


def _legends(panels: Any, run: Run, story: Story, prices: int) -> None:
    """Legends beside the titles of the left column; the moment of depletion through all rows."""
    depleted = depletion_time(run, story)
    if depleted is not None:
        for axes in panels.flat:
            axes.axvline(depleted, color=MID, linestyle="--", linewidth=1, zorder=1.5,
                         label=f"depleted at {clock(depleted)}" if axes is panels[-1, 0] else None)
    for row, axes in enumerate(panels[:, 0]):
        labels = axes.get_legend_handles_labels()[1]
        if labels and (row == 0 or row >= prices):
            axes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.97), ncols=len(labels), columnspacing=1.2,
                        handlelength=1.8, borderpad=0.1, framealpha=0.0, fontsize=7.8)
    panels[0, 1].set_title(f"{panels[0, 0].get_title(loc='left')}, the shaded part")


def _displacement(axes: Axes, run: Run, part: Story, shown: np.ndarray) -> None:
    for number, market in enumerate(shown):
        axes.plot(part["time_hours"], part["displacement"][:, market], color=SHADES[number], linewidth=1.2,
                  linestyle=style.LINES[number], label=run.markets[market])
    axes.set_title("displacement of mark")
    axes.set_ylabel("share of price")
    style.linear_axis(axes.yaxis, "percent", 4)


def _binned(time: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of ``values`` in at most ``_BINS`` equal bins of time: edges [B+1], sums [B]."""
    step = float(np.median(np.diff(time))) if len(time) > 1 else 1.0
    each = max(1, -(-len(time) // _BINS))
    sums = np.add.reduceat(values, np.arange(0, len(values), each)) if len(values) else np.zeros(0)
    start = (time[0] if len(time) else 0.0) - step
    return start + step * each * np.arange(len(sums) + 1), sums


def _bin_name(edges: np.ndarray) -> str:
    return f"USD in {hours(float(edges[1] - edges[0]))}" if len(edges) > 1 else "USD"


def _money_axis(axes: Axes, *drawn: np.ndarray) -> None:
    """USD ticks without a sign (down is a side, not a debt); a panel of nothing but zeros has one tick."""
    if not any(np.any(values) for values in drawn):
        axes.set_ylim(-1, 1)
        axes.set_yticks([0], ["$0"])
        return
    style.linear_axis(axes.yaxis, "usd", 4)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _position: usd_tick(abs(value))))


def liquidations(axes: Axes, _run: Run, part: Story, _shown: np.ndarray) -> None:
    """Longs up, shorts down, in bins of time."""
    edges, longs = _binned(part["time_hours"], part["liquidated_long"].sum(1))
    shorts = _binned(part["time_hours"], part["liquidated_short"].sum(1))[1]
    axes.stairs(longs, edges, fill=True, color=DARK, label="longs (up)")
    axes.stairs(-shorts, edges, fill=True, facecolor=LIGHT, hatch="////", edgecolor="white", linewidth=0,
                label="shorts (down)")
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.set_title("liquidated")
    axes.set_ylabel(_bin_name(edges))
    _money_axis(axes, longs, shorts)


def _adl(axes: Axes, _run: Run, part: Story, _shown: np.ndarray) -> None:
    edges, notional = _binned(part["time_hours"], part["adl"])
    axes.stairs(notional, edges, fill=True, color="#6d7f92")
    axes.set_title("winners deleveraged (ADL)")
    axes.set_ylabel(_bin_name(edges))
    _money_axis(axes, notional)


def deficits(axes: Axes, _run: Run, part: Story, _shown: np.ndarray) -> None:
    """All deficits and those socialised, in bins of time."""
    edges, deficits = _binned(part["time_hours"], part["bad_debt"])
    socialised = _binned(part["time_hours"], part["socialised"])[1]
    axes.stairs(deficits, edges, fill=True, color=MID, label="all")
    axes.stairs(socialised, edges, color=INK, linestyle="-", linewidth=1.1, label="socialised")
    axes.set_title("deficits")
    axes.set_ylabel(_bin_name(edges))
    _money_axis(axes, deficits, socialised)


def fund(axes: Axes, run: Run, part: Story, _shown: np.ndarray) -> None:
    """The insurance fund after each tick."""
    axes.plot(part["time_hours"], part["fund"], color=DARK, drawstyle="steps-post")
    axes.axhline(0, color="#6b7783", linestyle=":", linewidth=1)
    top = max(run.fund if run.fund > 0 else 0.0, float(part["fund"].max(initial=0)))
    bottom = float(part["fund"].min(initial=top))
    if bottom < top / 2:  # a fund that is nearly lost is shown against zero, a small loss at its own size
        bottom = min(bottom, 0.0)
    if top > bottom:
        axes.set_ylim(bottom - 0.06 * (top - bottom), top + 0.1 * (top - bottom))
    axes.set_title("insurance fund")
    axes.set_ylabel("USD")
    style.linear_axis(axes.yaxis, "usd", 4)
