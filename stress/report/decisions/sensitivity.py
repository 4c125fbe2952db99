"""The page of the command ``sensitivity``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stress.report.decisions.told import Figure, Told
from stress.report.decisions.tornado import effect, placed, short, tornado
from stress.report.format import NOTHING, count, is_number, joined, many, percent_tick, significant
from stress.report.metrics import interval, printed, title_of
from stress.report.tables import Table

PERCENT = 10
"""Elasticities are told for so many percent more of a parameter."""
METHODS = {"pathwise": "path by path", "density": "density", "central": "both sides", "forward": "upwards only",
           "backward": "downwards only"}
AGREE = {True: "as one", False: "no: half a step moves nothing", None: "cannot tell"}


def tell(found: dict[str, Any], folder: Path) -> Told:
    """What ``decision.json`` says."""
    del folder
    names = list(found["metrics"])
    by_metric = {name: sorted((r for r in found["rows"] if r["metric"] == name), key=effect, reverse=True)
                 for name in names}
    return Told(
        title="By how much does each parameter move each metric?",
        question=f"Each number of the venue {percent_tick(found['step'])} down and up on the same paths, all others as "
                 "they are: which ones matter, which way, and how surely?",
        in_short=[*(_sentence(name, rows, found) for name, rows in by_metric.items()), *_of_the_rest(found)],
        figures=[Figure(f"tornado_{name}", f"{title_of(name)} by parameter",
                        tornado(name, found["metrics"][name], rows)) for name, rows in by_metric.items()],
        tables=[*((f"Derivatives of {name}", _reading(name), _derivatives(rows))
                  for name, rows in by_metric.items()), *_others(found)],
        cautions=_cautions(found),
    )


def _sentence(name: str, rows: list[dict[str, Any]], found: dict[str, Any]) -> str:
    base = f"{title_of(name)} ({printed(name, found['metrics'][name])})"
    known = [r for r in rows if _sure(r["derivative"]) and is_number(r["elasticity"]["estimate"])]
    of_zero = [r for r in rows if _sure(r["derivative"]) and r["value"] == 0]
    if not known and of_zero:
        parts = [f"{short(r['key'])} ({placed(r)}: {_moved(name, r)})" for r in of_zero[:2]]
        return f"{base} moves most with {joined(parts)}; these paths tell no effect of a parameter that is not zero."
    if not known:
        return f"{base}: these paths tell no parameter's effect from none."
    ranked = sorted(known, key=lambda r: -abs(r["elasticity"]["estimate"]))[:2]
    parts = [f"{short(r['key'])} ({_change(r['elasticity'])})" for r in ranked]
    return (f"{base} moves most with {joined(parts)}; in brackets its change when the parameter grows by {PERCENT} %, "
            "with its interval.")


def _moved(name: str, row: dict[str, Any]) -> str:
    """The change of a metric at the end of the step of a parameter that is zero."""
    difference = (row["high"] or row["low"])["difference"]
    sign = "+" if difference["estimate"] > 0 else ""
    return f"{sign}{printed(name, difference)}, {interval(name, difference)}"


def _of_the_rest(found: dict[str, Any]) -> list[str]:
    same, unseen = ([r for r in found["without_effect"] if r["identical"] is flag] for flag in (True, False))
    told = []
    if same or unseen:
        left = len(found["skipped"])
        fixed = f" {count(left)} more could not be moved." if left else ""
        told.append(f"{many(len(same) + len(unseen), 'parameter')} changed no outcome on any path: {len(same)} cannot "
                    f"as configured, {len(unseen)} did not on these paths.{fixed} Reasons are below.")
    bent = sorted({short(r["key"]) for r in found["rows"] if r["agree"] is False})
    if bent:
        told.append(f"The full step is too long for {joined(bent)} in some metric: the effect is curved, or comes in "
                    "jumps. There the half step is told, unless it moves nothing.")
    return told


def _sure(metric: dict[str, Any]) -> bool:
    low, high = metric["low"], metric["high"]
    return is_number(low) and is_number(high) and low * high > 0


def _change(elasticity: dict[str, Any]) -> str:
    low, middle, high = (_signed(elasticity[name]) for name in ("low", "estimate", "high"))
    return middle if NOTHING in (low, high) else f"{middle}, {low} to {high}"


def _signed(value: float | None) -> str:
    """Change in percent for so many percent more."""
    if not is_number(value):
        return NOTHING
    return f"{'+' if value > 0 else ''}{significant(PERCENT * value, 2)} %"


def _reading(name: str) -> str:
    return (f"By effect. Derivative: change of {name} for one more of the parameter (for numbers by market or tier: "
            "for their common factor, 1 being a doubling), with its interval. Made: path by path where the metric is "
            "smooth, by a density of the drawdown at the fund, or by a difference on common noise. Half step: the same "
            "by half of the step, and whether the paths can tell the two apart.")


def _derivatives(rows: list[dict[str, Any]]) -> Table:
    header = ["parameter", "at", "made", "derivative", "low", "high", "unit", f"for +{PERCENT} %", "low", "high",
              "full step", "half step", "agree"]
    cells = [[short(r["key"]), placed(r), METHODS[r["method"]] + (f" ({r['note']})" if r["note"] else ""),
              *(_number(r["derivative"][key]) for key in ("estimate", "low", "high")), r["derivative"]["unit"],
              *(_signed(r["elasticity"][key]) for key in ("estimate", "low", "high")),
              _number(r["full"]["estimate"]), _number(r["half"]["estimate"]) if r["half"] else NOTHING,
              _agreement(r)] for r in rows]
    return Table(header, cells, 3)


def _agreement(row: dict[str, Any]) -> str:
    if not row["half"]:
        return "whole numbers"
    return "no: half step taken" if row["shorter"] else AGREE[row["agree"]]


def _number(value: float | None) -> str:
    return significant(value) if is_number(value) else NOTHING


def _others(found: dict[str, Any]) -> list[tuple[str, str, Table]]:
    unmoved = [[r["key"], "cannot" if r["identical"] else f"none on {count(r['paths'])} paths", r["reason"]]
               for r in found["without_effect"]]
    skipped = [[r["key"], r["reason"]] for r in found["skipped"]]
    tables = []
    if unmoved:
        note = ("Cannot: the venue that is simulated is the same to the last bit. None: no outcome of any path "
                "changed, at either end of the step. The reason is a candidate.")
        tables.append(("Without effect", note, Table(["parameter", "effect", "why, probably"], unmoved, 3)))
    if skipped:
        tables.append(("Not moved", "Give such a number a value to see what it does.",
                       Table(["parameter", "why"], skipped, 2)))
    return tables


def _allowed(reason: str) -> str:
    """What a parameter may be, of the message that refuses the other side."""
    _, found, allowed = reason.partition(", allowed ")
    return f"it must be {allowed.removeprefix('is ')}" if found else reason


def _cautions(found: dict[str, Any]) -> list[str]:
    refused = {(r["key"], r["pathwise_reason"]) for r in found["rows"] if r["pathwise_reason"]}
    refused |= {(r["key"], r["reason"]) for r in found["not_pathwise"]}
    sided = sorted({(short(r["key"]), r["one_sided"]) for r in found["rows"] if r["one_sided"]})
    return [
        ("Accounts are those of the base at every setting, unless a parameter of the book is moved: traders who would "
         "choose another leverage under other rules do not."),
        ("Each interval is for one number alone: of a hundred with 95 % confidence five miss. Parameters move one at a "
         "time, so what two do together is not in here."),
        "A derivative is local. It says little about a setting far from the base: sweep there.",
        "Percentages take the metric at the base as it is; its own interval is not in theirs.",
        *(f"{short(key)} moves to one side only: {_allowed(reason)}" for key, reason in sided),
        *(f"{short(key)} has no pathwise derivative: {reason}." for key, reason in sorted(refused)),
    ]


