"""Runs against a first one, path by path: the tables and words of ``compare.json``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stress.report.format import FORMATS, NOTHING, count, is_number, many, percent_tick, plain, usd
from stress.report.metrics import in_order, kind_of, printed, title_of
from stress.report.tables import Table

EVENTS = {
    "fund_depletion": "the fund runs dry", "cascade": "a cascade", "adl": "ADL", "socialised_loss": "socialised loss",
    "backstop_depletion": "the backstop is depleted",
}
SHOWN = ("depletion_probability", "required_fund_99", "bad_debt", "cascade_probability", "liquidated_notional",
         "adl_probability")
"""Metrics of the sentence and of a sweep's table; the page's own table has all."""


@dataclass(frozen=True)
class Other:
    """A run set against the first one; ``number`` counts from 1."""

    number: int
    name: str
    found: dict[str, Any]

    @property
    def refused(self) -> list[str]:
        """Why it cannot be paired; empty where it can."""
        return self.found.get("refused", [])


def others_of(found: dict[str, Any], names: list[str] | None = None) -> list[Other]:
    """The runs of ``compare.json`` but the first, named by what was changed."""
    return [Other(number, names[number - 1] if names else run.get("name", run["folder"]), run)
            for number, run in enumerate(found["others"], 1)]


def shown(value: Any) -> str:
    """A setting for people; a table by its length, the rows being in the run's own configuration."""
    if is_number(value):
        return f"{value:,.10g}"
    if isinstance(value, list) and any(isinstance(row, dict | list) for row in value):
        return f"a table of {many(len(value), 'row')}"
    return NOTHING if value is None else str(value)


def differences(first: dict[str, Any], other: Other) -> Table:
    """A row a metric: both estimates, the difference with its interval, how much pairing narrowed it."""
    rows = []
    for name in in_order(other.found["differences"]):
        found, a, b = (x.get(name, {}) for x in (other.found["differences"], first["metrics"], other.found["metrics"]))
        change = signed(name, found, "estimate")
        rows.append([title_of(name), printed(name, a), printed(name, b), change, span(name, found),
                     f"{plain(found['narrowing'])} times" if is_number(found.get("narrowing")) else NOTHING,
                     count(found.get("differing")), str(found.get("reason") or "")])
    return Table(["metric", "first run", "this run", "difference", "interval", "narrowed by pairing",
                  "paths that differ", ""], rows, words=1)


def all_differences(others: list[Other]) -> Table:
    """A row a run, a column a metric of :data:`SHOWN`: the difference and its interval."""
    drawn = [other for other in others if not other.refused]
    names = [n for n in SHOWN if any(is_number(o.found["differences"].get(n, {}).get("estimate")) for o in drawn)]
    rows = []
    for other in drawn:
        found = other.found["differences"]
        cells = [f"{signed(n, found.get(n, {}), 'estimate')} ({span(n, found.get(n, {}))})" for n in names]
        rows.append([other.name, *cells])
    return Table(["", *(title_of(n) for n in names)], rows)


def signed(name: str, metric: dict[str, Any], which: str) -> str:
    """A bound or estimate of a difference with its sign and unit."""
    value = metric.get(which)
    text = FORMATS[kind_of(name, metric)](value)
    return f"+{text}" if is_number(value) and value > 0 else text


def span(name: str, metric: dict[str, Any]) -> str:
    """The interval of a difference."""
    low, high = (metric.get(which) for which in ("low", "high"))
    if not is_number(low) and not is_number(high):
        return NOTHING
    ends = [signed(name, metric, which) if is_number(metric.get(which)) else "unbounded" for which in ("low", "high")]
    return f"{ends[0]} to {ends[1]}"


def verdict(metric: dict[str, Any]) -> int | None:
    """+1 or -1 where the whole interval is on one side of zero, 0 where it is not, None where there is none."""
    low, high = metric.get("low"), metric.get("high")
    if is_number(low) and low > 0:
        return 1
    if is_number(high) and high < 0:
        return -1
    return 0 if is_number(low) and is_number(high) else None


def head(others: list[Other]) -> list[tuple[str, str]]:
    """A line a run: which metrics are lower, higher and not told apart."""
    lines = []
    for other in others:
        sides: dict[str, list[str]] = {"lower": [], "higher": [], "not told apart": []}
        for name in SHOWN:
            found = other.found.get("differences", {}).get(name, {})
            side = verdict(found)
            if side is not None or found.get("differing") == 0:
                sides[{1: "higher", -1: "lower"}.get(side or 0, "not told apart")].append(title_of(name).lower())
        said = "; ".join(f"{word}: {', '.join(names)}" for word, names in sides.items() if names)
        lines.append((other.name, "; ".join(other.refused) or said or "nothing can be compared"))
    return lines


def in_short(first: dict[str, Any], other: Other) -> list[str]:
    """Sentences: what is higher or lower with confidence, and what is not told apart."""
    texts, unclear = [], []
    for name in SHOWN:
        found = other.found["differences"].get(name, {})
        side = verdict(found)
        if side in (1, -1):
            texts.append(f"{title_of(name)}, {'higher' if side > 0 else 'lower'}: "
                         f"{printed(name, first['metrics'].get(name, {}))} in the first run, "
                         f"{printed(name, other.found['metrics'].get(name, {}))} here, a difference of "
                         f"{signed(name, found, 'estimate')} ({span(name, found)}).")
        elif side == 0 or found.get("differing") == 0:
            unclear.append(title_of(name).lower())
    if unclear:
        texts.append(f"Not told apart (the interval holds zero, or no path differs): {', '.join(unclear)}.")
    return texts


def flips(other: Other) -> Table:
    """A row an event: on how many paths it happens in both runs, in one, in neither, and why."""
    rows = [[EVENTS[name], *(count(found[key]) for key in ("both", "first_only", "second_only", "neither")),
             "; ".join(f"{why} ({count(n)})" for why, n in found["why"].items()) or NOTHING]
            for name, found in other.found["flips"].items()]
    return Table(["event", "in both runs", "in the first only", "in this one only", "in neither", "what made it so"],
                 rows, words=1)


def flipped_paths(other: Other) -> Table:
    """Paths on which an event happens in one run only, the largest changes first; numbers as first → this run."""
    rows = [_flipped(EVENTS[name], row) for name, found in other.found["flips"].items() for row in found["paths"]]
    return Table(["event", "only in", "path", "deficits", "fees to the fund", "liquidated", "why"], rows, numbers=2,
                 words=1)


def _flipped(event: str, row: dict[str, Any]) -> list[str]:
    amounts = (_pair(row[key]) for key in ("bad_debt", "fees_to_fund", "liquidated_notional"))
    return [event, "this run" if row["in"] == "second" else "the first", count(row["path"]), *amounts, row["why"]]


def _pair(values: list[Any]) -> str:
    return f"{usd(values[0])} → {usd(values[1])}"


def settings(other: Other) -> Table:
    """What was changed."""
    rows = [[key, shown(values[0]), shown(values[1])] for key, values in (other.found.get("changes") or {}).items()]
    return Table(["setting", "first run", "this run"], rows)


def facts(found: dict[str, Any], other: Other) -> str:
    """On how many paths, and whether they are of one market."""
    market = "the same prices in both" if other.found["same_market"] else \
        "another market model: the same noise, not the same prices"
    level = next(iter(other.found["differences"].values()), {}).get("confidence")
    return (f"{many(other.found['paths'], 'path')} in pairs, {market}; intervals at "
            f"{percent_tick(level)}; first run: {found['first']['folder']}; this run: {other.found['folder']}")
