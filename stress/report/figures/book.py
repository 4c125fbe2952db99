"""The book at a glance: leverage, sizes, skew, distance to liquidation."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from stress.report import style
from stress.report.data import Columns, stacked
from stress.report.format import count, percent, percent_tick, usd_tick
from stress.report.load import Run
from stress.report.style import DARK, LIGHT, PALE, Drawn
from stress.report.tail import exceedance

TITLE = "The book at the start"
_REACH = 0.6
"""Distances beyond this move are counted in words, not drawn."""
_PANELS = ("leverage of margin accounts (×)", "size of positions", "open interest and skew", "distance to liquidation")


def draw(run: Run) -> Drawn:
    """Four panels over real accounts; the residual account only shows, hatched, in the skew."""
    book = run.book
    if not book or not len(book["notional_usd"]):
        return Drawn(None, "Not drawn: the run folder has no book (data/book.parquet).")
    real = book["residual"] == 0
    if not real.any():
        return Drawn(None, "Not drawn: the book holds nothing but the residual account.")
    notional = np.abs(book["notional_usd"])
    figure = style.new_figure(5.4 + max(0.0, 0.12 * (len(run.markets) - 6)))
    panels = figure.subplots(2, 2)
    parts = [_leverage(panels[0, 0], book["leverage"][real], book["margin_account"][real], notional[real]),
             _sizes(panels[0, 1], notional[real]), _skew(panels[1, 0], run, notional, real)]
    far, near = _distance(panels[1, 1], book["distance"][real], notional[real], book["size"][real] > 0)
    accounts = len(np.unique(book["margin_account"][real]))
    return Drawn(figure, f"{count(accounts)} margin accounts with {count(real.sum())} positions; the residual account "
                         "is left out except in the skew. Leverage: notional over equity of the margin account. "
                         "Distance: the move of that market alone that makes the margin account liquidatable; "
                         f"{percent(far)} of notional is further away than {percent_tick(_REACH)} or never gets there.",
                 stacked(dict(zip(_PANELS, (*parts, near), strict=True)), by="panel"))


def _leverage(axes: Axes, leverage: np.ndarray, account: np.ndarray, notional: np.ndarray) -> Columns:
    usable = np.isfinite(leverage) & (leverage > 0)
    if not usable.any():
        axes.set_title("leverage: no account with equity and positions")
        return {}
    _, first, which = np.unique(account[usable], return_index=True, return_inverse=True)
    value, weight = leverage[usable][first], np.bincount(which, notional[usable])
    edges = np.geomspace(max(value.min() * 0.95, 1e-3), max(value.max() * 1.05, value.min() * 1.2), 29)
    by_count, by_notional = (np.histogram(value, edges, weights=w)[0] for w in (np.ones(len(value)), weight))
    axes.stairs(by_notional / weight.sum(), edges, fill=True, color=PALE, label="by notional")
    axes.stairs(by_count / len(value), edges, color=DARK, linewidth=1.5, label="by accounts")
    style.log_axis(axes, "x", "plain", (float(edges[0]), float(edges[-1])))
    style.linear_axis(axes.yaxis, "percent", 5)
    axes.set_title("leverage of margin accounts")
    axes.set_xlabel("leverage (×)")
    axes.set_ylabel("share a bin")
    axes.legend(loc="upper left")
    return {"bin from": edges[:-1], "bin to": edges[1:], "share by notional": by_notional / weight.sum(),
            "share by accounts": by_count / len(value)}


def _sizes(axes: Axes, notional: np.ndarray) -> Columns:
    x, share = exceedance(notional, np.full(len(notional), 1 / len(notional)), 300)
    if not len(x):
        return {}
    held = np.cumsum(np.sort(notional)[::-1])
    held_share = np.interp(share * len(notional), np.arange(1, len(notional) + 1), held) / held[-1]
    style.scale_axis(axes, "x", "usd", x)
    style.log_axis(axes, "y", "percent", (share.min() / 1.5, 1.3))
    dotted = "." if len(x) < 25 else None
    axes.plot(x, share, color=DARK, label="of positions", marker=dotted)
    axes.plot(x, held_share, color=LIGHT, linestyle="--", label="of notional", marker=dotted)
    axes.set_title("size of positions")
    axes.set_xlabel("notional of a position (USD)")
    axes.set_ylabel("share at least that large")
    axes.legend(loc="lower left")
    return {"notional of a position (USD)": x, "share of positions at least that large": share,
            "share of notional at least that large": held_share}


def _skew(axes: Axes, run: Run, notional: np.ndarray, real: np.ndarray) -> Columns:
    long = run.book["size"] > 0
    names, rows = run.markets, []
    for place, name in enumerate(names):
        here = run.book["market"] == name
        for side, sign, colour, word in ((long, 1, DARK, "long"), (~long, -1, LIGHT, "short")):
            held = notional[here & side & real].sum()
            rest = notional[here & side & ~real].sum()
            rows.append((name, word, held, rest))
            axes.barh([place], [sign * held], color=colour, label=word if place == 0 else None, height=0.7)
            axes.barh([place], [sign * rest], left=[sign * held], color="white", edgecolor=colour, hatch="////",
                      height=0.7, linewidth=0.8, hatchcolor=colour, label=f"{word}, residual" if place == 0 else None)
    axes.axvline(0, color=style.INK, linewidth=0.8)
    axes.set_yticks(range(len(names)), names, fontsize=8 if len(names) < 9 else 6.5)
    axes.invert_yaxis()
    edge = 1.05 * max(abs(v) for v in axes.get_xlim())
    axes.set_xlim(-edge, edge)
    style.linear_axis(axes.xaxis, "usd", 4)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _p: usd_tick(abs(v))))
    axes.set_title("open interest and skew", pad=20)
    axes.set_xlabel("◂ short      USD      long ▸")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 0.985), ncols=4, columnspacing=1, handlelength=1.6,
                fontsize=7.5)
    return dict(zip(("market", "side", "held (USD)", "held by the residual account (USD)"), zip(*rows, strict=True),
                    strict=True)) if rows else {}


def _distance(axes: Axes, distance: np.ndarray, notional: np.ndarray, long: np.ndarray) -> tuple[float, Columns]:
    """Histogram by distance; returns the share of notional outside the panel, and the bins."""
    inside = np.isfinite(distance) & (np.abs(distance) <= _REACH)
    edges = np.linspace(-_REACH, _REACH, 49)
    total = max(float(notional.sum()), 1e-300)
    below = np.zeros(len(edges) - 1)
    bins = {"bin from": edges[:-1], "bin to": edges[1:]}
    for side, colour, hatch, word in ((long, DARK, "", "longs"), (~long, LIGHT, "////", "shorts")):
        heights = np.histogram(distance[inside & side], edges, weights=notional[inside & side])[0] / total
        axes.bar(edges[:-1], heights, width=np.diff(edges), bottom=below, align="edge", color=colour, hatch=hatch,
                 edgecolor="white", linewidth=0.2, label=word)
        below = below + heights
        bins[f"share of notional, {word}"] = heights
    axes.axvline(0, color=style.INK, linewidth=0.8)
    axes.set_ylim(0, 1.12 * max(float(below.max()), 1e-12))
    style.linear_axis(axes.xaxis, "percent", 7)
    style.linear_axis(axes.yaxis, "percent", 5)
    axes.set_title("distance to liquidation")
    axes.set_xlabel("move of the market alone")
    axes.set_ylabel("share of notional a bin")
    axes.legend(loc="upper right")
    return float(notional[~inside].sum()) / total, bins
