"""One shared fund against one for each market: table and bars."""

from __future__ import annotations

from typing import Any

import numpy as np

from stress.report import style
from stress.report.data import of_metrics
from stress.report.decisions.fund.words import bars, between, cells, level
from stress.report.decisions.told import Figure
from stress.report.format import percent, percent_tick, usd
from stress.report.style import HATCHES, INK, SHADES, Drawn
from stress.report.tables import Table


def in_short(found: dict[str, Any]) -> list[str]:
    """What pooling saves, for the largest target for which that is a number."""
    told = [row for row in found["markets"].get("rows", []) if row["saved"]["estimate"] is not None]
    if not told:
        return []
    row = next((row for row in told if row["saved"]["high"] is not None), told[0])
    told = f"A fund for each market would take {between(row['sum'])} in all"
    told = f"{told} for a chance of {percent_tick(row['target'])} each"
    return [f"{told}; one for all saves {between(row['saved'], percent)} of that."]


def tables(found: dict[str, Any]) -> list[tuple[str, str, Table]]:
    """Own funds, their sum, the shared one, and what pooling saves."""
    rows = []
    for row in found["markets"].get("rows", []):
        chance = percent_tick(row["target"])
        rows += [[chance, market, *cells(need)] for market, need in row["own"].items()]
        rows += [[chance, "sum of own funds", *cells(row["sum"])], [chance, "shared fund", *cells(row["shared"])],
                 [chance, "saved by sharing", *cells(row["saved"], percent)]]
    if not rows:
        return []
    note = ("Own funds are each sized for the chance by itself; that any of them runs dry is likelier. A deficit of an "
            "account in several markets falls on their funds by its maintenance requirements.")
    return [("By market", note, Table(["chance of depletion", "fund of", "fund", "low", "high"], rows, numbers=2))]


def figures(found: dict[str, Any]) -> list[Figure]:
    """Own funds stacked beside the shared one."""
    return [Figure("markets", "Own funds or a shared one", _draw(found))]


def cautions(found: dict[str, Any]) -> list[str]:
    """What quantiles may do."""
    if found["markets"]["reason"]:
        return []
    return [("Funds for a chance are quantiles, and the quantile of a sum may exceed the sum of quantiles: by this "
             "measure sharing can cost money.")]


def _draw(found: dict[str, Any]) -> Drawn:
    if found["markets"]["reason"]:
        return Drawn(None, f"Not drawn: {found['markets']['reason']}.")
    rows = [row for row in found["markets"]["rows"] if row["sum"]["estimate"]]
    if not rows:
        return Drawn(None, "Not drawn: no market needs a fund for any of the chances.")
    figure = style.new_figure(3.9)
    panels = figure.subplots(1, len(rows), squeeze=False)[0]
    for axes, row in zip(panels, rows, strict=True):
        below = 0.0
        for place, (market, need) in enumerate(row["own"].items()):
            axes.bar(0, need["estimate"], 0.6, below, color=SHADES[place % len(SHADES)],
                     hatch=HATCHES[place % len(HATCHES)], label=market)
            below += need["estimate"]
        axes.bar(1, row["shared"]["estimate"], 0.6, color="white", edgecolor=INK, label="shared")
        for x, metric in ((0, row["sum"]), (1, row["shared"])):
            bars(axes, np.array([x]), [metric], color=INK, linestyle="none")
        top = max(v for m in (row["sum"], row["shared"]) for v in (m["estimate"], m["high"] or 0.0))
        axes.set_ylim(0, 1.25 * top)
        axes.set_xlim(-0.6, 1.6)
        axes.set_xticks([0, 1], ["own funds", "shared"])
        style.linear_axis(axes.yaxis, "usd", 5)
        axes.set_title(f"for {percent_tick(row['target'])}: saves {percent(row['saved']['estimate'])}")
    panels[0].set_ylabel("required fund (USD)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return Drawn(figure, f"Left: the funds that each market would need alone, one on the other; right: one for all, "
                         f"on the same paths. Bars are intervals of {level(rows[0]['shared'])} of the sum and of the "
                         "shared fund; an arrow: no upper limit from these paths. Shares saved: "
                         + "; ".join(f"{percent_tick(row['target'])}: {between(row['saved'], percent)}" for row in rows)
                         + f". The largest sum shown is {usd(max(row['sum']['estimate'] for row in rows))}.",
                 of_metrics([({"chance": row["target"], "fund of": name}, need) for row in rows
                             for name, need in (*row["own"].items(), ("sum of own funds", row["sum"]),
                                                ("shared fund", row["shared"]), ("saved by sharing", row["saved"]))]))
