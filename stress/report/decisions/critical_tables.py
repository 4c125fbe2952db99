"""Tables of the command ``critical``."""

from __future__ import annotations

import math
from typing import Any

from stress.report.format import NOTHING, count, joined, percent, percent_tick, plain, price, usd
from stress.report.tables import Table

EVENTS = {"depletion": "depletes the fund", "cascade": "starts a cascade"}
WITHOUT_FUND = {**EVENTS, "depletion": "leaves a deficit and no fund to pay it"}
WORDS = {"down": "fall", "up": "rise"}
SHOWN = 10
"""Sizes in the table of losses."""
HOW = {
    "critical": "Between the two sizes the answer changes; all tested shocks below the first are absorbed. A bracket, "
                "not an interval: nothing is random here.",
    "likelihood": "How often the market model moves that far: at any tick within the horizon, and in one tick alone. A "
                  "slow move of that size does less than a sudden one.",
    "depth": "The smallest loss of depth that breaks the venue, at a move of all markets together.",
    "losses": "At some of the sizes; all are in decision.json.",
    "branching": "Of the shock that just starts a cascade, else that just depletes the fund, else of the largest: what "
                 "a round triggers by the fall of prices, over what the round before sold.",
    "clusters": "Runs of liquidation levels where the ratio read off the book is highest.",
    "accounts": "The largest of each cluster.",
    "path": "The largest of the rounds up to the one where the ratio passes one, or is largest.",
}


def all_tables(found: dict[str, Any]) -> list[tuple[str, str, Table]]:
    """Heading, how to read it, and rows."""
    return [
        ("Critical shocks", HOW["critical"], _critical(found)),
        ("Likelihood", HOW["likelihood"], _likelihood(found)),
        ("Loss of depth", HOW["depth"], _depth(found)),
        ("Losses", HOW["losses"], _losses(found)),
        ("Branching", HOW["branching"], _branching(found)),
        ("Clusters", HOW["clusters"], _clusters(found)),
        ("Accounts in the clusters", HOW["accounts"], _accounts(found)),
        ("Accounts closed first on the critical path", HOW["path"], _on_path(found)),
    ]


def does(found: dict[str, Any]) -> dict[str, str]:
    """What a shock does, by event, at this venue."""
    return EVENTS if found["fund"] > 0 else WITHOUT_FUND


def between(bracket: dict[str, Any], tolerance: float) -> str:
    """``5.51 and 5.53 %``, with as many digits as the bracket is narrow; or nothing."""
    if bracket["breaks"] is None:
        return NOTHING
    if bracket["absorbed"] is None:
        return "none needed"
    digits = max(0, -math.floor(math.log10(max(tolerance, 1e-12))) - 2)
    scale, unit = 10**digits, percent_tick(0.0)[1:]
    low = math.floor(100 * bracket["absorbed"] * scale + 1e-6) / scale  # outwards: a bracket must hold the answer
    high = math.ceil(100 * bracket["breaks"] * scale - 1e-6) / scale
    return f"{low:.{digits}f} and {high:.{digits}f}{unit}"


def shared(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Scopes of all markets together; those of a single market where there is one."""
    return [s for s in found["scopes"] if s["name"] not in found["markets"]] or found["scopes"]


def _critical(found: dict[str, Any]) -> Table:
    rows = []
    for s in found["scopes"]:
        cells = [s["name"], s["direction"]]
        for event in EVENTS:
            bracket = s["critical"][event]
            cells += [between(bracket, found["tolerance"]), _pockets(bracket)]
        reasons = [f"{event}: {s['critical'][event]['reason']}" for event in EVENTS if "reason" in s["critical"][event]]
        rows.append([*cells, "; ".join(reasons)])
    return Table(["what moves", "direction", "fund depleted between", "absorbed again",
                  "cascade between", "absorbed again", ""], rows, 2)


def _pockets(bracket: dict[str, Any]) -> str:
    def one(pocket: dict[str, float]) -> str:
        low, high = (percent_tick(round(pocket[key], 5)) for key in ("from", "to"))
        return low if low == high else f"{low} to {high}"

    return ", ".join(one(p) for p in bracket["pockets"]) or NOTHING


def _likelihood(found: dict[str, Any]) -> Table:
    def cells(metric: dict[str, Any]) -> list[str]:
        return [percent(metric["estimate"]), f"{percent(metric['low'])} to {percent(metric['high'])}"]

    rows = [[r["name"], r["direction"], r["event"], percent(r["size"]), *cells(r["within_horizon"]),
             *cells(r["in_one_tick"])] for r in found["likelihood"] or []]
    return Table(["what moves", "direction", "shock of", "size", f"within {found['horizon_hours']:g} h", "interval",
                  f"in one tick of {found['step_seconds']:g} s", "interval"], rows, 3)


def _depth(found: dict[str, Any]) -> Table:
    rows = [[r["direction"], percent_tick(r["size"]), *(cell for event in EVENTS for cell in (
        between(r[event], found["tolerance"]), r[event].get("reason", "")))] for r in found["depth"]]
    return Table(["direction", "move", "fund depleted: loss between", "", "cascade: loss between", ""], rows, 2)


def _losses(found: dict[str, Any]) -> Table:
    rows = []
    for scope in shared(found):
        curve = scope["curve"][1:]
        rows += [[scope["direction"], percent_tick(round(r["size"], 6)), usd(r["bad_debt"]), usd(r["fund_left"]),
                  usd(r["adl_haircut"]), usd(r["socialised_loss"]), usd(r["uncovered"]), percent(r["interest_share"]),
                  plain(r["amplification"]), r["status"]] for r in curve[::max(1, len(curve) // SHOWN)]]
    return Table(["direction", "shock", "deficits", "fund left", "taken off by ADL", "socialised", "uncovered",
                  "share of open interest", "amplification", "status"], rows, 1)


def _branching(found: dict[str, Any]) -> Table:
    rows = []
    for s in found["scopes"]:
        p = s["path"]
        rows.append([s["name"], s["direction"], p["of"], percent(p["size"]), count(len(p["rounds"])),
                     usd(p["by_shock"]), usd(p["by_selling"]), *_ratio(p["largest"], found, s),
                     *_ratio(p["passes_one"], found, s)[1:]])
    return Table(["what moves", "direction", "path of", "size", "rounds", "closed by the shock alone",
                  "closed by the selling", "largest ratio", "at", "passes one at"], rows, 3)


def _ratio(row: dict[str, Any] | None, found: dict[str, Any], scope: dict[str, Any]) -> list[str]:
    if row is None:
        return [NOTHING, NOTHING]
    names = [scope["name"]] if scope["name"] in found["markets"] else found["markets"]
    prices = ", ".join(f"{n} {price(row['mark'][n])} ({percent(row['move'][n])})" for n in names)
    return [plain(row["ratio"]), f"round {row['round']}: {prices}"]


def _clusters(found: dict[str, Any]) -> Table:
    rows = [[c["market"], c["direction"], f"{price(c['from_price'])} to {price(c['to_price'])}",
             f"{percent(c['from_move'])} to {percent(c['to_move'])}", plain(c["largest_ratio"]),
             price(c["at_price"]), usd(c["notional"]), percent(c["interest_share"]), count(c["accounts"]),
             ", ".join(f"{tier}: {usd(amount)}" for tier, amount in c["tiers"].items())]
            for c in found["static"]["clusters"]]
    return Table(["market", "direction", "levels", "moves", "largest ratio", "at", "notional", "of open interest",
                  "accounts", "by margin tier"], rows, 2)


def _accounts(found: dict[str, Any]) -> Table:
    rows = [[c["market"], c["direction"], a["account"], usd(a["notional"]), price(a["price"]), percent(a["move"]),
             str(a["tier"]), plain(a["leverage"])] for c in found["static"]["clusters"] for a in c["largest"]]
    return Table(["market", "direction", "account", "notional", "liquidated at", "move", "margin tier", "leverage"],
                 rows, 3)


def _on_path(found: dict[str, Any]) -> Table:
    rows = [[s["name"], s["direction"], a["account"], joined(a["markets"]), usd(a["volume"]), str(a["round"]),
             "the shock alone" if a["by_shock"] else "the venue's selling"]
            for s in shared(found) for a in s["path"]["accounts"]]
    return Table(["what moves", "direction", "account", "markets", "closed", "round", "by"], rows, 4)
