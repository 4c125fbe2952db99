"""The page of the command ``frontier``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stress.report.decisions.frontier_figures import frontier
from stress.report.decisions.frontier_map import isoquants
from stress.report.decisions.told import Figure, Told
from stress.report.format import count, joined, percent, percent_tick, plain, usd
from stress.report.tables import Table

BOOKS = {
    "held": "The accounts are today's under every setting; those that a setting puts under water are liquidated in "
            "the first tick.",
    "offered": "Each setting has the synthetic population that its initial margins let in: the same traders with the "
               "same wish for leverage, cut off where the setting cuts it off.",
}
STATUSES = {"efficient": "Efficient", "cannot be told apart": "Cannot be told apart from a better one",
            "dominated": "Dominated"}
AGAINST = "This setting less the present one, path by path. An interval on one side of zero is a difference."
PRINTED = {"depletion_probability": percent, "capital_efficiency": plain}

Row = dict[str, Any]


def tell(found: dict[str, Any], folder: Path) -> Told:
    """What ``decision.json`` says."""
    del folder
    target, hours = percent_tick(found["target"]), found["horizon_hours"]
    return Told(
        title="How much leverage can be offered?",
        question=f"Maximum leverage offered against the chance that the {found['payer']} is depleted within {hours:g} "
                 f"h and the notional of accounts that end below zero. {BOOKS[found['book']]}",
        in_short=_in_short(found),
        figures=[Figure("frontier", "Leverage offered against what it costs", frontier(found)),
                 Figure("isoquants", f"Fund for a {target} chance, by margin and depth", isoquants(found))],
        tables=[("Settings", _note(found), _settings(found)),
                ("Capital", _of_capital(found), _capital(found)),
                ("Against the present setting", AGAINST, _against(found)),
                ("Required fund by margin and depth", "Plan with the upper end.", _map(found)), *_refused(found)],
        cautions=[*_cautions(found)],
    )


def _in_short(found: dict[str, Any]) -> list[str]:
    present, *others = found["settings"]
    risk, notional, ratio, fund = (_interval(present, name) for name in (
        "depletion_probability", "insolvent_notional", "capital_efficiency", "required_fund"))
    first = (f"The present setting offers {plain(present['leverage'])}× on average over markets and is "
             f"{_verdict(present)}: chance of depletion {risk}, insolvent notional {notional}, capital efficiency "
             f"{ratio}.")
    groups = [(word, [r["setting"] for r in others if r["status"] == status]) for status, word in STATUSES.items()]
    reason = present["required_fund"].get("reason")
    last = (f"Fund that the present setting needs for a {percent_tick(found['target'])} chance: {fund}"
            + (f"; {reason}." if reason else "."))
    return [first, *(f"{word}: {joined(names)}." for word, names in groups if names), last]


def _verdict(row: Row) -> str:
    match row["status"]:
        case "efficient":
            return "efficient"
        case "dominated":
            return f"dominated by {joined(row['by'])}"
    return f"not certain to be efficient (it cannot be told apart from {joined(row['by'])})"


def _interval(row: Row, name: str) -> str:
    show, metric = PRINTED.get(name, usd), row[name]
    if metric["estimate"] is None:
        return "unknown"
    low, high = (show(metric[end]) if metric[end] is not None else "no bound" for end in ("low", "high"))
    return f"{show(metric['estimate'])} ({low} to {high})"


def _note(found: dict[str, Any]) -> str:
    level, all_together = f"{100 * found['joint_confidence']:.6g} %", percent_tick(found["confidence"])
    return ("Leverage: one over the initial rate of a small position, averaged over markets by open interest. "
            "Insolvent notional: what is closed of accounts that end below zero, mean over paths. At once: accounts "
            f"that are liquidatable before anything moves. Settings are compared at {level}, so that all verdicts "
            f"hold together at {all_together}.")


def _settings(found: dict[str, Any]) -> Table:
    header = ["setting", "verdict", "leverage", "depletion", "insolvent notional", "liquidated notional", "at once"]
    names = ("depletion_probability", "insolvent_notional", "liquidated_notional")
    rows = [[r["setting"], r["status"] + (f" by {joined(r['by'])}" if r["status"] == "dominated" else ""),
             f"{plain(r['leverage'])}×", *(_interval(r, name) for name in names), count(r["liquidatable_at_once"])
             + (f" ({usd(r['liquidatable_at_once_notional'])})" if r["liquidatable_at_once"] else "")]
            for r in found["settings"]]
    return Table(header, rows, numbers=2)


def _of_capital(found: dict[str, Any]) -> str:
    return ("Capital efficiency: notional of all positions over margin posted plus required fund (for a "
            f"{percent_tick(found['target'])} chance). Margin posted: the initial margin that the setting asks for "
            "these positions. Leverage used: notional over the accounts' equity.")


def _capital(found: dict[str, Any]) -> Table:
    rows = [[r["setting"], usd(r["notional"]), usd(r["margin_posted"]), _interval(r, "required_fund"),
             _interval(r, "capital_efficiency"), f"{plain(r['leverage_used'])}×"] for r in found["settings"]]
    return Table(["setting", "notional", "margin posted", "required fund", "capital efficiency", "leverage used"], rows)


def _against(found: dict[str, Any]) -> Table:
    names = ("depletion_probability", "insolvent_notional")
    rows = [[r["setting"], *(_interval(r["against_present"], name) for name in names)]
            for r in found["settings"] if r["against_present"]]
    return Table(["setting", "depletion", "insolvent notional"], rows)


def _map(found: dict[str, Any]) -> Table:
    rows = [[f"{plain(c['scale'])} ×", f"{plain(c['depth'])} ×", usd(m["estimate"]), usd(m["low"]), usd(m["high"]),
             m.get("reason") or ""] for c in found["map"]["cells"] for m in [c["required_fund"]]]
    return Table(["margin", "depth", "fund", "low", "high", ""], rows)


def _refused(found: dict[str, Any]) -> list[tuple[str, str, Table]]:
    rows = [[r["setting"], r["reason"]] for r in found["refused"]]
    table = Table(["setting", "reason"], rows, numbers=2)
    return [("Settings left out", "The venue's rules do not take them.", table)] if rows else []


def _cautions(found: dict[str, Any]) -> list[str]:
    capped = [r["setting"] for r in found["settings"] if r["capped_rates"]]
    refused = [r["setting"] for r in found["refused"]]
    told = {
        "Earlier liquidation protects the fund at the traders' expense: a setting that dominates here may close more "
        "positions. Look at the liquidated notional, too.": True,
        "Whether traders come or leave because of the margins is not modelled: open interest is the same under every "
        "setting.": True,
        "The population is synthetic and one draw of it: vary book.synthetic.seed, or use your own book with "
        "book=file.": found["book"] == "offered",
        "This venue's backstop takes bankrupt accounts over: depletion and required fund are of its capital, from its "
        "largest loss on each path.": found["payer"] == "backstop",
        f"Some rates stopped at the most that can be asked for in: {joined(capped)}.": bool(capped),
        f"Left out, since the venue's rules do not take them: {joined(refused)}.": bool(refused),
    }
    return [text for text, holds in told.items() if holds]
