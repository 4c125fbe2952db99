"""Pictures of the command ``critical``."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from stress.report import style
from stress.report.data import from_rows, stacked
from stress.report.format import percent_tick, price, usd
from stress.report.style import DARK, INK, LIGHT, LINES, MID, PALE, SHADES, Drawn

SIGN = {"down": -1.0, "up": 1.0}
EVENTS = ("depletion", "cascade")
TITLES = {"down": "prices fall", "up": "prices rise"}


def losses(found: dict[str, Any]) -> Drawn:
    """Fund needed, liquidated share and amplification by shock."""
    axes = (figure := style.new_figure(7.2)).subplots(3, 2, sharex="col", sharey="row")
    names = list(dict.fromkeys(s["name"] for s in found["scopes"]))
    for column, direction in enumerate(SIGN):
        for scope in (s for s in found["scopes"] if s["direction"] == direction):
            place = names.index(scope["name"])
            look = {"color": SHADES[place % len(SHADES)], "linestyle": LINES[place % len(LINES)],
                    "linewidth": 2.0 if place == 0 else 1.3, "label": scope["name"]}
            for row, value in enumerate(("fund_needed", "interest_share", "amplification")):
                axes[row, column].plot(*_line(scope["curve"], value), **look)
            _cross(axes[0, column], scope, look["color"], found["fund"])
        axes[0, column].set_title(TITLES[direction])
        if found["fund"] > 0:
            axes[0, column].axhline(found["fund"], color=INK, linestyle=":", linewidth=1.2)
        axes[2, column].axhline(1.0, color=INK, linestyle=":", linewidth=0.9)
        axes[2, column].set_xlabel("size of the shock")
        style.linear_axis(axes[2, column].xaxis, "percent")
    _needed_axis(axes[0, 0], found)
    style.linear_axis(axes[1, 0].yaxis, "percent")
    style.linear_axis(axes[2, 0].yaxis, "plain")
    axes[0, 0].set_ylabel("fund that pays all deficits\n(USD)")
    axes[1, 0].set_ylabel("liquidated, of the open\ninterest of one side")
    axes[2, 0].set_ylabel("amplification: liquidated\nover that without impact")
    axes[0, 0].legend(loc="lower right")
    return Drawn(figure, f"One simulated path a shock. Dotted above: the configured fund of {usd(found['fund'])}, and "
                         "the marks where it is depleted. Markets alone: of that market's open interest.",
                 stacked({f"{s['name']} {s['direction']}": from_rows(s["curve"], {
                     "size": "size", "fund needed (USD)": "fund_needed", "liquidated share": "interest_share",
                     "amplification": "amplification"}) for s in found["scopes"]}, by="shock"))


def _line(curve: list[dict[str, Any]], value: str) -> tuple[np.ndarray, np.ndarray]:
    return (np.array([r["size"] for r in curve]),
            np.array([np.nan if r[value] is None else r[value] for r in curve], dtype=float))


def _cross(axes: Axes, scope: dict[str, Any], color: str, fund: float) -> None:
    size = scope["critical"]["depletion"]["breaks"]
    if size is not None and fund > 0:
        axes.plot([size], [fund], marker="o", markersize=6, color=color, markeredgecolor="white", zorder=5)


def _needed_axis(axes: Axes, found: dict[str, Any]) -> None:
    values = [r["fund_needed"] for s in found["scopes"] for r in s["curve"] if r["fund_needed"]]
    if values:
        low = min(*values, found["fund"] or values[0])
        style.log_axis(axes, "y", "usd", (max(low, max(values) / 1e5) / 2, 2 * max(*values, found["fund"])))


def frontier(found: dict[str, Any]) -> Drawn:
    """Smallest move that breaks the venue by loss of depth."""
    if not found["frontier"]:
        return Drawn(None, f"Not drawn: {found['no_depth']}.")
    directions = [d for d in SIGN if any(r["direction"] == d for r in found["frontier"])]
    panels = np.atleast_1d((figure := style.new_figure(3.6)).subplots(1, len(directions), sharey=True))
    names = {r["name"] for r in found["scopes"]} - set(found["markets"])
    for axes, direction in zip(panels, directions, strict=True):
        rows = [r for r in found["frontier"] if r["direction"] == direction]
        loss = np.array([r["depth_loss"] for r in rows])
        for event, look in (("depletion", {"color": DARK, "marker": "o"}),
                            ("cascade", {"color": MID, "marker": "s", "linestyle": "--"})):
            size = np.array([np.nan if r[event]["breaks"] is None else r[event]["breaks"] for r in rows])
            label = {"depletion": "depletes the fund", "cascade": "starts a cascade"}[event]
            axes.plot(loss, size, label=label, markersize=5, **look)
            if event == "depletion" and np.isfinite(size).any():
                axes.fill_between(loss, size, 1.0, color=PALE, alpha=0.6, linewidth=0)
        axes.set_title(f"all markets together: {TITLES[direction]}" if names else TITLES[direction])
        axes.set_xlabel("depth that is gone")
        style.linear_axis(axes.xaxis, "percent")
    style.linear_axis(panels[0].yaxis, "percent")
    panels[0].set_ylim(0, 1.2 * max(r[e]["breaks"] or 0.0 for r in found["frontier"] for e in EVENTS) or 1.0)
    panels[0].set_ylabel("smallest move that does it")
    panels[0].legend(loc="lower left")
    return Drawn(figure, "Below both lines the venue absorbs the move. No mark: no move up to the largest does it. "
                         f"Brackets of {percent_tick(found['tolerance'])} are narrower than the marks.",
                 {"direction": [r["direction"] for r in found["frontier"]],
                  "depth that is gone": [r["depth_loss"] for r in found["frontier"]],
                  **{f"{end} by {event}": [r[event][key] for r in found["frontier"]] for event in EVENTS
                     for end, key in (("absorbed", "absorbed"), ("breaks", "breaks"))}})


def rounds(found: dict[str, Any]) -> Drawn:
    """Volume closed by round, and the branching ratio: of each direction the path with the largest ratio."""
    rated = [s for s in found["scopes"] if s["path"]["largest"]]
    chosen = [max(same, key=lambda s: s["path"]["largest"]["ratio"]) for direction in SIGN
              if (same := [s for s in rated if s["direction"] == direction])]
    if not chosen:
        return Drawn(None, "Not drawn: no shock liquidates anybody after the first round.")
    panels = (figure := style.new_figure(4.6)).subplots(2, len(chosen), squeeze=False, sharex="col")
    for column, scope in enumerate(chosen):
        rows = scope["path"]["rounds"]
        number = np.array([r["round"] for r in rows])
        own = np.array([r["triggered"] for r in rows])
        other = np.array([r["closed"] for r in rows]) - own
        volume, ratio = panels[:, column]
        volume.bar(number, other, color=DARK, label="the shock alone", width=0.7)
        volume.bar(number, own, bottom=other, color=LIGHT, hatch="////", edgecolor="white", linewidth=0,
                   label="triggered by the selling", width=0.7)
        ratio.plot(number, [np.nan if r["ratio"] is None else r["ratio"] for r in rows], color=MID, marker="o")
        ratio.axhline(1.0, color=INK, linestyle=":", linewidth=1)
        ratio.set_ylim(bottom=0, top=max(1.3, *(1.2 * (r["ratio"] or 0) for r in rows)))
        volume.set_ylim(0, 1.3 * float(np.max(own + other)))
        volume.set_title(f"{scope['name']} {scope['direction']} by {percent_tick(round(scope['path']['size'], 4))}")
        ratio.set_xlabel("round of liquidation")
        style.linear_axis(volume.yaxis, "usd", 5)
        _whole(ratio, number)
        _passes(ratio, scope)
    panels[0, 0].set_ylabel("closed in the round (USD)")
    panels[1, 0].set_ylabel("triggered over\nsold in the round before")
    panels[0, -1].legend(loc="upper right")
    what = {"cascade": "just starts a cascade", "depletion": "just depletes the fund", "largest": "is the largest"}
    texts = dict.fromkeys(what[s["path"]["of"]] for s in chosen)
    return Drawn(figure, "Of each direction the path with the largest ratio; the shock "
                         f"{' or '.join(f'that {text}' for text in texts)}. Above one a round triggers more than the "
                         "one before sold. Prices: where the ratio first passes one, or is largest.",
                 stacked({f"{s['name']} {s['direction']}": from_rows(s["path"]["rounds"], {
                     "round": "round", "closed (USD)": "closed", "triggered (USD)": "triggered", "ratio": "ratio"})
                     for s in chosen}, by="shock"))


def _passes(axes: Axes, scope: dict[str, Any]) -> None:
    """Write the price level at which the ratio first passes one, or is largest."""
    at = scope["path"]["passes_one"] or scope["path"]["largest"]
    markets = [scope["name"]] if scope["name"] in at["mark"] else list(at["mark"])
    text = "\n".join(f"{m} {price(at['mark'][m])}" for m in markets)
    right = at["round"] < len(scope["path"]["rounds"]) / 2 + 1
    axes.annotate(text, (at["round"], at["ratio"]), xytext=(7 if right else -7, 4), textcoords="offset points",
                  ha="left" if right else "right", va="bottom", fontsize=8,
                  bbox={"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.0})


def _whole(axes: Axes, number: np.ndarray) -> None:
    step = max(1, len(number) // 10)
    axes.set_xticks(number[::step])
    axes.set_xlim(0.4, len(number) + 0.6)


def levels(found: dict[str, Any]) -> Drawn:
    """The static ratio by move of each market."""
    rows = found["static"]["levels"]
    if not rows:
        return Drawn(None, f"Not drawn: {found['static'].get('reason', 'no levels')}.")
    panels = (figure := style.new_figure(3.8)).subplots(1, 2, sharey=True)
    for axes, direction in zip(panels, SIGN, strict=True):
        for row in (r for r in rows if r["direction"] == direction):
            place = found["markets"].index(row["market"]) + (len(found["markets"]) > 1)  # look as in the losses
            axes.plot(SIGN[direction] * np.array(row["distance"]), row["ratio"], label=row["market"],
                      color=SHADES[place % len(SHADES)], linestyle=LINES[place % len(LINES)], linewidth=1.3)
        _spans(axes, [c for c in found["static"]["clusters"] if c["direction"] == direction])
        axes.axhline(1.0, color=INK, linestyle=":", linewidth=1.1)
        axes.set_title(TITLES[direction])
        axes.set_xlabel("price level, as a move from the start")
        style.linear_axis(axes.xaxis, "percent")
    panels[0].invert_xaxis()
    panels[0].set_ylim(bottom=0)
    style.linear_axis(panels[0].yaxis, "plain")
    panels[0].set_ylabel("price move by selling what is\nliquidated in a window, over the window")
    panels[1].legend(loc="upper right")
    return Drawn(figure, f"Windows of {percent_tick(found['cluster_width'])} of the price, each market moved alone. "
                         "Above one (dotted) a slow move feeds itself when it gets there. Shaded: the clusters below.",
                 stacked({f"{r['market']} {r['direction']}": {
                     "move": SIGN[r["direction"]] * np.array(r["distance"]), "ratio": r["ratio"]} for r in rows},
                     by="market"))


def _spans(axes: Axes, clusters: list[dict[str, Any]]) -> None:
    for cluster in clusters:
        axes.axvspan(cluster["from_move"], cluster["to_move"], color=PALE, alpha=0.45, linewidth=0)
