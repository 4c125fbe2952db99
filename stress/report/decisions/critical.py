"""The page of the command ``critical``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from stress.report.decisions import critical_figures as figures
from stress.report.decisions.told import Figure, Told
from stress.report.format import NOTHING, count, joined, percent, percent_tick, plain, usd
from stress.report.tables import Table

EVENTS = {"depletion": "depletes the fund", "cascade": "starts a cascade"}
WORDS = {"down": "fall", "up": "rise"}
SHOWN = 10
"""Sizes in the table of losses."""


def tell(found: dict[str, Any], folder: Path) -> Told:
    """What ``decision.json`` says."""
    del folder
    return Told(
        title="Which shock breaks the venue?",
        question=f"The smallest sudden move, loss of depth, or both, that depletes the fund of {usd(found['fund'])} or "
                 f"starts a cascade, in {found['quiet_minutes']:g} min after it.",
        in_short=_in_short(found),
        figures=[
            Figure("losses", "Losses by size of the shock", figures.losses(found)),
            Figure("frontier", "Move and loss of depth that break the venue", figures.frontier(found)),
            Figure("rounds", "What the venue's own selling triggers", figures.rounds(found)),
            Figure("levels", "Branching ratio read off the book", figures.levels(found)),
        ],
        tables=[
            ("Critical shocks", "Between the two sizes the answer changes; all tested shocks below the first are "
                                "absorbed. A bracket, not an interval: nothing is random here.", _critical(found)),
            ("Likelihood", "How often the market model moves that far, at any tick within the horizon and in one tick "
                           "alone. A slow move of that size does less than a sudden one.", _likelihood(found)),
            ("Loss of depth", "The smallest loss of depth that breaks the venue, at a move of all markets together.",
             _depth(found)),
            ("Losses", "At some of the sizes; all are in decision.json.", _losses(found)),
            ("Branching", "Of the shock that just starts a cascade, else that just depletes the fund, else of the "
                          "largest: what a round triggers by the fall of prices over what the round before sold.",
             _branching(found)),
            ("Clusters", "Runs of liquidation levels where the ratio read off the book is highest.", _clusters(found)),
            ("Accounts in the clusters", "The largest of each.", _accounts(found)),
            ("Accounts closed first on the critical path", "The largest of the rounds up to the one where the ratio "
             "passes one, or is largest.", _on_path(found)),
        ],
        cautions=_cautions(found),
    )


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


def _in_short(found: dict[str, Any]) -> list[str]:
    lines = [_sentence(found, scope) for scope in _shared(found)]
    alone = [s for s in found["scopes"] if s["name"] in found["markets"]]
    if len(found["markets"]) > 1:
        lines += [_absorbed(alone, direction) for direction in WORDS]
    lines += [_depth_sentence(found, direction) for direction in WORDS]
    lines.append(_ratio_sentence(found))
    return [line for line in lines if line]


def _shared(found: dict[str, Any]) -> list[dict[str, Any]]:
    shared = [s for s in found["scopes"] if s["name"] not in found["markets"]]
    return shared or found["scopes"]


def _sentence(found: dict[str, Any], scope: dict[str, Any]) -> str:
    word, parts = WORDS[scope["direction"]], []
    for event, does in EVENTS.items():
        bracket = scope["critical"][event]
        if bracket["breaks"] is None:
            parts.append(f"none up to {percent_tick(bracket['absorbed'])} {does} ({_shortest(bracket['reason'])})")
        else:
            odds = _odds(found, scope, event)
            again = " (some larger ones do not)" if bracket["pockets"] else ""
            parts.append(f"one between {between(bracket, found['tolerance'])} {does}{again}{odds}")
    return f"A sudden {word} of {scope['name']}: {'; '.join(parts)}."


def _shortest(reason: str) -> str:
    return reason.split(": ", 1)[-1]


def _odds(found: dict[str, Any], scope: dict[str, Any], event: str) -> str:
    row = next((r for r in found["likelihood"] or [] if (r["name"], r["direction"], r["event"]) ==
                (scope["name"], scope["direction"], event)), None)
    if row is None:
        return ""
    p = row["within_horizon"]
    return (f", which prices do within {found['horizon_hours']:g} h with a chance of {percent(p['estimate'])} "
            f"({percent(p['low'])} to {percent(p['high'])})")


def _absorbed(alone: list[dict[str, Any]], direction: str) -> str:
    rows = [s for s in alone if s["direction"] == direction]
    parts = [f"{s['name']} {percent(s['critical']['depletion']['absorbed'])}" for s in rows]
    return f"Largest {WORDS[direction]} of one market alone that the fund survives: {joined(parts)}."


def _depth_sentence(found: dict[str, Any], direction: str) -> str:
    rows = [r for r in found["depth"] if r["direction"] == direction]
    parts = []
    for row in rows:
        done = [(event, row[event]) for event in EVENTS if row[event]["breaks"] is not None
                and row[event]["absorbed"] is not None]
        parts += [f"at {percent_tick(row['size'])} between {between(b, found['tolerance'])} {EVENTS[event]}"
                  for event, b in done]
    return (f"Depth that must be gone, at a {WORDS[direction]} that is absorbed otherwise: {joined(parts)}."
            if parts else "")


def _ratio_sentence(found: dict[str, Any]) -> str:
    clusters = found["static"]["clusters"]
    if not clusters:
        return ""
    top = clusters[0]
    over = "passes one" if top["passes_one"] else "stays below one"
    return (f"The branching ratio of the book {over}: at most {plain(top['largest_ratio'])}, in {top['market']} at "
            f"{usd(top['at_price'], 4)} ({percent_tick(round(top['at_move'], 4))}), where {count(top['accounts'])} "
            f"accounts with {usd(top['notional'])} stand.")


def _critical(found: dict[str, Any]) -> Table:
    rows = []
    for s in found["scopes"]:
        cells = [s["name"], s["direction"]]
        for event in EVENTS:
            bracket = s["critical"][event]
            cells += [between(bracket, found["tolerance"]), _pockets(bracket)]
        reasons = [f"{event}: {s['critical'][event]['reason']}" for event in EVENTS if "reason" in s["critical"][event]]
        rows.append([*cells, "; ".join(reasons)])
    return Table(["what moves", "direction", "fund depleted", "absorbed again", "cascade", "absorbed again", ""], rows, 2)


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
    return Table(["direction", "move", "depth gone: fund depleted", "", "depth gone: cascade", ""], rows, 2)


def _losses(found: dict[str, Any]) -> Table:
    rows = []
    for scope in _shared(found):
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
    prices = ", ".join(f"{n} {usd(row['mark'][n], 4)} ({percent(row['move'][n])})" for n in names)
    return [plain(row["ratio"]), f"round {row['round']}: {prices}"]


def _clusters(found: dict[str, Any]) -> Table:
    rows = [[c["market"], c["direction"], f"{usd(c['from_price'], 4)} to {usd(c['to_price'], 4)}",
             f"{percent(c['from_move'])} to {percent(c['to_move'])}", plain(c["largest_ratio"]),
             usd(c["at_price"], 4), usd(c["notional"]), percent(c["interest_share"]), count(c["accounts"]),
             ", ".join(f"{tier}: {usd(amount)}" for tier, amount in c["tiers"].items())]
            for c in found["static"]["clusters"]]
    return Table(["market", "direction", "levels", "moves", "largest ratio", "at", "notional", "of open interest",
                  "accounts", "by margin tier"], rows, 2)


def _accounts(found: dict[str, Any]) -> Table:
    rows = [[c["market"], c["direction"], a["account"], usd(a["notional"]), usd(a["price"], 4), percent(a["move"]),
             str(a["tier"]), plain(a["leverage"])] for c in found["static"]["clusters"] for a in c["largest"]]
    return Table(["market", "direction", "account", "notional", "liquidated at", "move", "margin tier", "leverage"],
                 rows, 3)


def _on_path(found: dict[str, Any]) -> Table:
    rows = [[s["name"], s["direction"], a["account"], joined(a["markets"]), usd(a["volume"]), str(a["round"]),
             "the shock alone" if a["by_shock"] else "the venue's selling"]
            for s in _shared(found) for a in s["path"]["accounts"]]
    return Table(["what moves", "direction", "account", "markets", "closed", "round", "by"], rows, 4)


def _cautions(found: dict[str, Any]) -> list[str]:
    odd = sorted({r["status"] for s in found["scopes"] for r in s["curve"]} - {"ok"})
    lines = [
        "A shock comes in one tick and prices stand still after it, but for the venue's own selling and the recovery "
        "of its order book. The same move over an hour does far less.",
        "The critical shock is the smallest of those tested that does it: one that hides between two points of a curve "
        "is not seen. Pockets are where a larger shock does not: what it liquidates by itself the venue's selling "
        "cannot trigger any more, a fee is earned first, or ADL takes over instead of the order book.",
        "A cascade is what the configured rule calls one: of the open interest of all markets, and more than half of "
        "it the venue's own doing. A sudden shock large enough liquidates more by itself.",
        "Depth is that of liquidity.depth_usd, less the loss: regimes of the price model with thinner books are not "
        "in it. Deposits, withdrawals and orders of traders stand still.",
        "The ratio read off the book takes each market alone, sells whole positions to the book, and knows neither "
        "ADL nor backstop; that along the path is the engine's own.",
    ]
    if not any(s["path"]["largest"] for s in found["scopes"]):
        lines.append("No path has a branching ratio: nobody is liquidated after the first round.")
    if "reason" in found["static"]:
        lines.append(f"No ratio read off the book: {found['static']['reason']}.")
    if odd:
        lines.append(f"Some shocks ended with status {joined(odd)}.")
    return lines
