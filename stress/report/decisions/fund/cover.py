"""Default of the largest accounts: tables and curves."""

from __future__ import annotations

from typing import Any

import numpy as np

from stress.report import style
from stress.report.decisions.fund.words import between, cells, enough, level
from stress.report.decisions.told import Figure
from stress.report.format import count, hours, percent, percent_tick, usd
from stress.report.style import INK, LINES, MARKERS, SHADES, Drawn
from stress.report.tables import Table


def in_short(found: dict[str, Any]) -> list[str]:
    """The default of the fewest accounts at the rarest target that has an upper limit, and the moves that take it."""
    cover = found["cover"]
    if cover["reason"]:
        return []
    k = cover["accounts"][min(1, len(cover["accounts"]) - 1)]
    mine = [row for row in cover["required"] if row["accounts"] == k]
    row = next((row for row in reversed(mine) if row["high"] is not None), mine[0])
    told = f"If prices move for {hours(cover['hours'])} before anything is closed, the default of the {_who(k)} takes"
    return [f"{told} more than {between(row)} with a chance of {percent_tick(row['target'])}.",
            _survived(cover, k, found["fund"])]


def _survived(cover: dict[str, Any], k: int, fund: float) -> str:
    """The largest moves of the grid, from small ones on, after which the fund pays for the default of ``k``."""
    place, reached = cover["accounts"].index(k), []
    for side, name in ((-1, "fall"), (1, "rise")):
        paid = 0.0
        for row in sorted((row for row in cover["moves"] if row["move"] * side > 0), key=lambda row: abs(row["move"])):
            if row["need"][place] > fund:
                break
            paid = abs(row["move"])
        reached.append(f"a {name} of {percent_tick(paid)}" if paid else f"no {name} that was tried")
    return f"The fund of {usd(fund)} pays for the {_who(k)} after {' and '.join(reached)} of all markets at once."


def _who(k: int) -> str:
    return "account that owes most" if k == 1 else f"{count(k)} accounts that owe most"


def tables(found: dict[str, Any]) -> list[tuple[str, str, Table]]:
    """Needs over simulated moves, and over the grid."""
    cover = found["cover"]
    if cover["reason"]:
        return []
    rows = [[_who(row["accounts"]), percent_tick(row["target"]), *cells(row), enough(row)] for row in cover["required"]]
    rows += [["all who are liquidatable", percent_tick(row["target"]), *cells(row), enough(row)]
             for row in cover["everybody"]]
    note = (f"{count(cover['scenarios'])} simulated moves over {hours(cover['hours'])} in which nothing is closed; "
            "then the accounts that owe most in that move are closed together into "
            f"{percent(cover['depth_share'])} of the usual depth.")
    header = ["default of", "chance of more", "fund", "low", "high", ""]
    return [("Default of the largest accounts", note, Table(header, rows, numbers=2)), _by_move(cover, found["fund"])]


def _by_move(cover: dict[str, Any], fund: float) -> tuple[str, str, Table]:
    header = ["all markets move by", *(_who(k) for k in cover["accounts"]), "all who are liquidatable", "owe most"]
    rows = [[percent(row["move"]), *map(usd, row["need"]), usd(row["everybody"]),
             ", ".join(f"{who['account']} {usd(who['owes'])}" for who in row["who"][:3])] for row in cover["moves"]]
    note = f"What each default takes of the fund, which is {usd(fund)}. Arithmetic on this book: no sampling error."
    return "Default by move", note, Table(header, rows)


def figures(found: dict[str, Any]) -> list[Figure]:
    """Need over the move, a line a number of accounts."""
    return [Figure("cover", "Default of the largest accounts by move", _draw(found))]


def cautions(found: dict[str, Any]) -> list[str]:
    """What the default of the largest is not."""
    if found["cover"]["reason"]:
        return [f"No default of the largest accounts: {found['cover']['reason']}."]
    return [("The default of the largest accounts is a cross-check of concentration, not a chance of depletion: "
             "nothing is closed while prices move, and then only those accounts are; the venue closes all that fall "
             "short.")]


def _draw(found: dict[str, Any]) -> Drawn:
    cover = found["cover"]
    if cover["reason"]:
        return Drawn(None, f"Not drawn: {cover['reason']}.")
    move = np.array([row["move"] for row in cover["moves"]])
    needs = np.array([[*row["need"], row["everybody"]] for row in cover["moves"]])
    if not needs.any():
        return Drawn(None, "Not drawn: no account would owe anything after any of the moves.")
    axes = (figure := style.new_figure(3.8)).subplots()
    names = [*(_who(k) for k in cover["accounts"]), "all who are liquidatable"]
    for place, name in enumerate(names):
        for side in (move < 0, move > 0):  # between them nobody owes anything
            owed = needs[side, place]
            axes.plot(move[side], np.where(owed > 0, owed, np.nan), color=SHADES[place % len(SHADES)], markersize=4,
                      linestyle=LINES[place % len(LINES)], marker=MARKERS[place % len(MARKERS)],
                      label=name if side[0] == (move[0] < 0) else None)
    own = [found["fund"]] if found["fund"] > 0 else []
    style.scale_axis(axes, "y", "usd", np.array([*needs[needs > 0], *own]))
    if axes.get_yscale() == "log":
        axes.set_ylim(top=8 * axes.get_ylim()[1])  # room for the legend
    if own:
        axes.axhline(found["fund"], color=INK, linestyle=(0, (5, 4)), linewidth=1,
                     label=f"configured fund {usd(found['fund'])}")
    style.linear_axis(axes.xaxis, "percent", 10)
    axes.set_xlabel("move of all markets at once")
    axes.set_ylabel("left unpaid (USD)")
    axes.legend(loc="upper center", ncols=2)
    return Drawn(figure, "What accounts would leave unpaid if prices jumped by so much and they were closed together "
                         f"into {percent(cover['depth_share'])} of the usual depth. Exact for this book; simulated "
                         f"moves with intervals of {level(cover['required'][0])} are in the table.",
                 {"move": move, **{f"{name} (USD)": needs[:, place] for place, name in enumerate(names)}})
