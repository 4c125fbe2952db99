"""Who carries the expected shortfall: shares by group, accounts, and what removing and capping them changes."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stress.report import style
from stress.report.data import Columns, of_metrics
from stress.report.format import is_number, percent_tick
from stress.report.style import DARK, INK, MID, PALE, Drawn

PANELS = (("market", "size"), ("tier", "leverage"), ("account_type", "side"))
MOST = 12
"""Rows of a panel, the largest."""
WIDEST = 0.6
"""By how much a share's interval may go beyond the range of the shares; arrows say that it goes on."""
NONE = Drawn(None, "Not drawn: there is no loss to allocate.")


def groups(found: dict[str, Any]) -> Drawn:
    """A panel a kind: bars for shares, lines for intervals, diamonds for shares of notional."""
    kinds = {kind["kind"]: kind for kind in found["groups"]}
    if not kinds:
        return NONE
    kinds = {name: kind | {"rows": _largest(kind["rows"])} for name, kind in kinds.items()}
    heights = [max(len(kinds[name]["rows"]) for name in pair) for pair in PANELS]
    figure = style.new_figure(0.3 + 0.8 * len(PANELS) + 0.23 * sum(heights))
    panels = figure.subplots(len(PANELS), 2, gridspec_kw={"height_ratios": [h + 1 for h in heights]})
    limits = _limits([row for kind in kinds.values() for row in kind["rows"]])
    for pair, line in zip(PANELS, panels, strict=True):
        for name, axes in zip(pair, line, strict=True):
            _shares(axes, kinds[name]["rows"], limits)
            axes.set_title(kinds[name]["title"])
    for axes in panels[-1]:
        axes.set_xlabel("share of the expected shortfall")
    _legend(figure, panels[0, 0])
    whole = "with the income of the fund add up to all of it" if found.get("income") else "add up to all of it"
    return Drawn(figure, f"Bars: shares of the expected shortfall, which {whole} in each panel. Lines: "
                         "intervals; an arrow goes on; without a line too few paths contribute. Diamonds: shares of "
                         "all notional at the start. A bar beyond its diamond costs more than its size.",
                 _shares_data([(kind["title"], row) for kind in kinds.values() for row in kind["rows"]]))


def _shares_data(rows: list[tuple[str, dict[str, Any]]]) -> Columns:
    """A row a group or account: its share of the expected shortfall."""
    return of_metrics([({"by": kind, "name": row["name"], "share of notional": row["notional_share"],
                         "part (USD)": row["part"]["estimate"]}, row["share"]) for kind, row in rows])


def _legend(figure: Figure, axes: Axes) -> None:
    """Below the panels, where it hides no interval."""
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)


def _largest(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if len(rows) <= MOST:
        return rows
    return sorted(rows, key=lambda row: -row["share"]["estimate"])[:MOST]


def _limits(rows: list[dict[str, Any]]) -> tuple[float, float]:
    shares = [x for row in rows for x in (row["share"]["estimate"], row["notional_share"])]
    least, most = min(0.0, *shares), max(shares)
    ends = [row["share"][k] for row in rows for k in ("low", "high") if is_number(row["share"][k])]
    low, high = max(min([least, *ends]), least - WIDEST * most), min(max([most, *ends]), (1 + WIDEST) * most)
    return low - 0.03 * (high - low), high + 0.03 * (high - low)


def _shares(axes: Axes, rows: list[dict[str, Any]], limits: tuple[float, float]) -> None:
    places = np.arange(len(rows))
    axes.barh(places, [row["share"]["estimate"] for row in rows], height=0.62, color=PALE, label="share, with interval")
    for place, row in enumerate(rows):
        _interval(axes, place, row["share"], limits)
    axes.plot([row["notional_share"] for row in rows], places, linestyle="none", marker="D", markersize=4.5, color=MID,
              markeredgecolor="white", markeredgewidth=0.5, label="share of notional")
    axes.axvline(0.0, color=INK, linewidth=0.8)
    axes.set_yticks(places, [_label(row["name"]) for row in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(*limits)
    axes.grid(axis="y", visible=False)
    style.linear_axis(axes.xaxis, "percent", 5)


def _label(name: str) -> str:
    return name if len(name) <= 24 else f"{name[:23]}…"


def _interval(axes: Axes, place: float, row: dict[str, Any], limits: tuple[float, float], **look: Any) -> None:
    """A line from low to high, cut at the limits with arrows; nothing where it has no end at all."""
    low, high = row["low"], row["high"]
    if not (is_number(low) or is_number(high)):
        return
    look = {"color": DARK, "linewidth": 1.4} | look
    left = limits[0] if not is_number(low) else max(low, limits[0])
    right = limits[1] if not is_number(high) else min(high, limits[1])
    axes.plot([left, right], [place, place], solid_capstyle="butt", zorder=4, **look)
    for end, cut, marker in ((left, not is_number(low) or low < limits[0], "<"),
                             (right, not is_number(high) or high > limits[1], ">")):
        axes.plot([end], [place], marker=marker if cut else "|", markersize=4.5 if cut else 6, linestyle="none",
                  zorder=4, color=look["color"], clip_on=False)


def accounts(found: dict[str, Any]) -> Drawn:
    """The largest contributors by name."""
    rows = found["accounts"]
    if not rows:
        return NONE
    figure = style.new_figure(1.3 + 0.25 * len(rows))
    axes = figure.subplots()
    named = [row | {"name": f"{_label(row['name'])}  {_what(row)}"} for row in rows]
    _shares(axes, rows, _limits(rows))
    axes.set_yticks(range(len(rows)), [row["name"] for row in named], fontsize=8)
    axes.set_xlabel("share of the expected shortfall")
    _legend(figure, axes)
    return Drawn(figure, "As above, by name, with markets and leverage at the start. Without a line fewer than two "
                         "paths of the tail have anything of the account.",
                 _shares_data([("account", row) for row in rows]))


def _what(row: dict[str, Any]) -> str:
    markets = row["markets"][0] if len(row["markets"]) == 1 else f"{len(row['markets'])} markets"
    return f"{markets}, {row['leverage']:.3g}x" if row["leverage"] is not None else markets


def changes(found: dict[str, Any]) -> Drawn:
    """Changes of the expected shortfall, with what the parts say, as shares of it."""
    caps = [{"kind": "all", "name": f"at most {cap['leverage']:g}x", "capped": cap}
            for cap in found["leverage_caps"]]
    rows, total = [*found["changes"], *caps], found["shortfall"]["estimate"]
    ways = [way for way in ("removed", "capped") if any(way in row for row in rows)]
    if not ways:
        return Drawn(None, "Not drawn: nothing was removed or capped.")
    figure = style.new_figure(1.3 + 0.34 * len(rows))
    panels = figure.subplots(1, len(ways), squeeze=False, sharey=True)[0]
    shown = {way: {k: _relative(row[way]["difference"], total) for k, row in enumerate(rows) if way in row}
             for way in ways}
    euler = {way: {k: row[way]["euler"] / total for k, row in enumerate(rows) if way in row} for way in ways}
    limits = _reach([r for way in ways for r in shown[way].values()], [x for way in ways for x in euler[way].values()])
    for axes, way in zip(panels, ways, strict=True):
        _changes(axes, shown[way], euler[way], limits)
        axes.set_title("removed" if way == "removed" else "capped")
        axes.set_xlabel("change, as a share of the expected shortfall")
    names = [_label(f"{row['kind'].replace('_', ' ')} {row['name']}") for row in rows]
    panels[0].set_yticks(range(len(rows)), names, fontsize=8)
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    _legend(figure, panels[0])
    capped = f" Capped: to {percent_tick(found['cap'])} of each position, or every account to a leverage." \
        if "capped" in ways else ""
    return Drawn(figure, "Dots with lines: the change when simulated again on the same noise, with its interval. "
                         "Diamonds: what the part of it says. The farther they are apart, the more its "
                         f"liquidations cost others, or spared them.{capped}", _changes_data(rows, ways))


def _changes_data(rows: list[dict[str, Any]], ways: list[str]) -> Columns:
    """A row a change in USD, with what the part says."""
    return of_metrics([({"what": f"{row['kind'].replace('_', ' ')} {row['name']}", "how": way,
                         "its part (USD)": row[way]["euler"]}, row[way]["difference"])
                       for row in rows for way in ways if way in row])


def _reach(rows: list[dict[str, Any]], euler: list[float]) -> tuple[float, float]:
    points = [*(row["estimate"] for row in rows), *euler, 0.0]
    span, least, most = max(points) - min(points) or 1.0, min(points), max(points)
    ends = [row[k] for row in rows for k in ("low", "high") if is_number(row[k])]
    low, high = max(min([least, *ends]), least - 0.5 * span), min(max([most, *ends]), most + 0.5 * span)
    return low - 0.05 * (high - low), high + 0.05 * (high - low)


def _relative(row: dict[str, Any], total: float) -> dict[str, Any]:
    return {k: row[k] / total if is_number(row[k]) else None for k in ("estimate", "low", "high")}


def _changes(axes: Axes, rows: dict[int, dict[str, Any]], euler: dict[int, float],
             limits: tuple[float, float]) -> None:
    """Rows by their place from the top."""
    axes.axvline(0.0, color=INK, linewidth=0.8)
    for place, row in rows.items():
        _interval(axes, place - 0.12, row, limits)
    places = np.array(list(rows), dtype=float)
    axes.plot([row["estimate"] for row in rows.values()], places - 0.12, linestyle="none", marker="o", markersize=5.5,
              color=DARK, zorder=5, label="simulated again")
    axes.plot(list(euler.values()), places + 0.16, linestyle="none", marker="D", markersize=5, color=MID, zorder=5,
              label="its part")
    axes.set_xlim(*limits)
    style.linear_axis(axes.xaxis, "percent", 5)
