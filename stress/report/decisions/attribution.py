"""The page of the command ``attribution``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stress.report.decisions.told import Figure, Told
from stress.report.figures import attribution as drawings
from stress.report.format import count, is_number, percent, percent_tick, plain, usd
from stress.report.tables import Table

NAMES = {"fund_drawdown": "the fund's drawdown", "total_drawdown": "the sum of the drawdowns of each market's fund",
         "bad_debt": "bad debt"}
WORST = "what all funds must have together for the one that needs most"
"""The fund's drawdown with a fund for each market."""
NO_END = "no bound"
SAID = 3
"""Accounts and groups of which a sentence is said."""


def tell(found: dict[str, Any], folder: Path) -> Told:
    """What ``decision.json`` says."""
    del folder
    name, tail = _measure(found), percent_tick(1 - found["level"])
    return Told(
        title="Who carries the expected shortfall?",
        question=f"Which positions cause the mean of {name} over the worst {tail} of paths within "
                 f"{found['horizon_hours']:g} h, and what would go with them.",
        in_short=_in_short(found, name, tail),
        figures=[
            Figure("attribution", "Shares of the expected shortfall", drawings.groups(found)),
            Figure("attribution_accounts", "Accounts that carry most", drawings.accounts(found)),
            Figure("attribution_changes", "What removing and capping changes", drawings.changes(found)),
        ],
        tables=_tables(found),
        cautions=_cautions(found),
    )


def _measure(found: dict[str, Any]) -> str:
    """The loss that is allocated, in words."""
    worst = found["measure"] == "fund_drawdown" and found.get("funds") == "market"
    return WORST if worst else NAMES[found["measure"]]


def between(row: dict[str, Any], printed: Any) -> str:
    """Estimate with its interval, as printed."""
    low, high = (printed(row[k]) if is_number(row[k]) else NO_END for k in ("low", "high"))
    if not (is_number(row["low"]) or is_number(row["high"])):
        return f"{printed(row['estimate'])} ({row.get('reason', 'no interval')})"
    return f"{printed(row['estimate'])} ({low} to {high})"


def _in_short(found: dict[str, Any], name: str, tail: str) -> list[str]:
    said = [f"The mean of {name} over the worst {tail} of paths is {between(found['shortfall'], usd)}."]
    if not found["groups"]:
        return [*said, f"Nothing is allocated: {found['reason']}."]
    if found.get("income"):
        taken = _less(found["income"]["part"])
        said.append(f"Income that flows in whatever happens takes {between(taken, usd)} off it.")
    rows = [(kind, max(kind["rows"], key=lambda r: r["share"]["estimate"])) for kind in found["groups"]]
    for kind, row in rows:
        if kind["kind"] in ("market", "leverage"):
            said.append(f"{kind['title']}: {row['name']} carries {between(row['share'], percent)} of it, with "
                        f"{percent(row['notional_share'])} of all positions.")
    some = [row for row in found["top"] if row["accounts"] in (1, 10)]
    said += [f"{'The largest contributor carries' if row['accounts'] == 1 else 'The ten largest carry together'} "
             f"{between(row['share'], percent)} of it." for row in some]
    said += [f"Without {_called(row)} it changes by {between(row['removed']['difference'], usd)}; "
             f"its part of it is {usd(-row['removed']['euler'])}." for row in found["changes"][:SAID]]
    said += [f"With every account at no more than {plain(cap['leverage'])}x leverage it changes by "
             f"{between(cap['difference'], usd)}: {count(cap['margin_accounts'])} margin accounts close "
             f"{percent(cap['notional_cut'])} of all positions." for cap in found["leverage_caps"]]
    return said


def _less(row: dict[str, Any]) -> dict[str, Any]:
    """A part with the other sign."""
    low, high = (-row[k] if is_number(row[k]) else row[k] for k in ("high", "low"))
    return row | {"estimate": -row["estimate"], "low": low, "high": high}


def _called(row: dict[str, Any]) -> str:
    return f"{row['kind'].replace('_', ' ')} {row['name']}"


ADDS_UP = (
    "Parts of a kind add up to the expected shortfall. A negative part earned the fund more in fees than it cost. "
    "Beside it the share of all notional at the start."
)
WITH_INCOME = (
    "Parts of a kind and the income of the fund add up to the expected shortfall. A negative part earned the fund more "
    "in fees than it cost. Beside it the share of all notional at the start."
)
INCOME = (
    "What flows into the fund, or the funds, whatever happens: its part of trading fees, and protocol.insurance."
    "income_usd_per_day, up to the round of the drawdown. No account pays it, so it is a part of its own, below zero."
)
BY_NAME = "The largest contributors, with all their margin accounts; leverage is that of the largest."
CHANGED = (
    "Simulated again on the same noise, path by path. What is removed or capped (to {cap} of each position) is held by "
    "an account that is never liquidated, so open interest and everybody else stay; the account keeps its equity. The "
    "part says what would go if nothing else changed; prices do, since fewer liquidations move them less."
)


CAPPED = (
    "Every account above the cap closes the same share of all its positions at the starting price, until it is there, "
    "and keeps its equity; simulated again on the same noise. The part is what the closed shares carry."
)


def _tables(found: dict[str, Any]) -> list[tuple[str, str, Table]]:
    if not found["groups"]:
        return []
    how = WITH_INCOME if found.get("income") else ADDS_UP
    tables = [(kind["title"], how, _groups(kind["rows"])) for kind in found["groups"]]
    if found.get("income"):
        tables.append(("Income of the fund", INCOME, Table(_PART[:4], [_part_alone(found["income"])], 0)))
    tables.append(("Accounts", BY_NAME, _accounts(found["accounts"])))
    tops = [[count(r["accounts"]), percent(r["share"]["estimate"]), _ends(r["share"], percent)] for r in found["top"]]
    tables.append(("Common share", "Of the largest contributors.", Table(["accounts", "share", "interval"], tops)))
    if found["changes"]:
        how = CHANGED.format(cap=percent_tick(found["cap"]))
        tables.append(("Removed and capped", how, _changes(found["changes"])))
    if found["leverage_caps"]:
        tables.append(("Caps on leverage", CAPPED, _caps(found["leverage_caps"])))
    return tables


def _ends(row: dict[str, Any], printed: Any) -> str:
    if not (is_number(row["low"]) or is_number(row["high"])):
        return row.get("reason", NO_END)
    return " to ".join(printed(row[k]) if is_number(row[k]) else NO_END for k in ("low", "high"))


def _part(row: dict[str, Any]) -> list[str]:
    return [*_part_alone(row), percent(row["notional_share"])]


def _part_alone(row: dict[str, Any]) -> list[str]:
    return [usd(row["part"]["estimate"]), _ends(row["part"], usd), percent(row["share"]["estimate"]),
            _ends(row["share"], percent)]


_PART = ["part", "interval", "share", "interval", "share of notional"]


def _groups(rows: list[dict[str, Any]]) -> Table:
    return Table(["", "margin accounts", *_PART], [[r["name"], count(r["margin_accounts"]), *_part(r)] for r in rows])


def _accounts(rows: list[dict[str, Any]]) -> Table:
    return Table(["account", "markets", "leverage", *_PART],
                 [[r["name"], ", ".join(r["markets"]), plain(r["leverage"]), *_part(r)] for r in rows], 2)


def _changes(rows: list[dict[str, Any]]) -> Table:
    header = ["what", "", "its part", "change", "interval", "expected shortfall then", "paths that differ"]
    return Table(header, [_change(row, way) for row in rows for way in ("removed", "capped") if way in row], 2)


def _change(row: dict[str, Any], way: str) -> list[str]:
    now = row[way]
    return [_called(row), way, usd(now["euler"]), usd(now["difference"]["estimate"]), _ends(now["difference"], usd),
            usd(now["shortfall"]["estimate"]), count(now["differing_paths"])]


def _caps(rows: list[dict[str, Any]]) -> Table:
    header = ["most leverage", "margin accounts above", "positions closed", "their part", "change", "interval",
              "expected shortfall then", "paths that differ"]
    return Table(header, [[f"{plain(row['leverage'])}x", count(row["margin_accounts"]), percent(row["notional_cut"]),
                           usd(row["euler"]), usd(row["difference"]["estimate"]), _ends(row["difference"], usd),
                           usd(row["shortfall"]["estimate"]), count(row["differing_paths"])] for row in rows])


SELECTED = (
    "Which groups and accounts are the largest was found on these paths, so what is said of them is somewhat too much. "
    "Another run.seed shows who stays on top."
)
NOT_CHARGED = (
    "A loss is booked where it falls. Who moved the price by being liquidated before is not charged; removing and "
    "capping show that."
)
SPLIT = "The deficit of an account with several markets is split by what its open positions had lost since time zero."
OF_FUNDS = (
    "The deficit of an account with several markets is split as the funds pay it, by maintenance requirements. What is "
    "removed or capped leaves the parts of the funds and their income as they are."
)
WORST_ONLY = (
    "Of each path only the market whose fund needs most, for its share of all funds, has parts. What others cost "
    "theirs counts under decide.attribution.measure=total_drawdown."
)


def _cautions(found: dict[str, Any]) -> list[str]:
    tail = found["tail"]
    few = (f"The tail is the worst {plain(tail['paths'])} paths; with a loss {count(tail['with_loss'])} enter, those "
           "on its edge in part. Small parts of few paths are hardly known: look at the intervals.")
    failed = [f"{count(tail['failed'])} paths failed. They are left out of parts and shares."] if tail["failed"] else []
    return [few, SELECTED, NOT_CHARGED, *_of_funds(found), *failed]


def _of_funds(found: dict[str, Any]) -> list[str]:
    if found.get("funds") != "market" or found["measure"] == "bad_debt":
        return [SPLIT]
    return [OF_FUNDS, WORST_ONLY] if found["measure"] == "fund_drawdown" else [OF_FUNDS]
