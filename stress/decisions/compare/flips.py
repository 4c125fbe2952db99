"""Paths on which something happens in one run and not in the other, and what made the difference."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from stress.decisions.compare.outcomes import Outcomes

EVENTS = {
    "depleted": ("depleted", "fund_depletion"),
    "cascade": ("cascade", "cascade"),
    "adl": ("adl_notional", "adl"),
    "socialised_loss": ("socialised_loss", "socialised_loss"),
    "backstop_depleted": ("backstop_depleted", "backstop_depletion"),
}
"""Events: their column, of which any number above zero counts, and the name in compare.json."""
SHOWN = 10
"""Flipped paths written out for each event and direction: those with the largest difference."""
PLAYERS = {
    "bad_debt": "deficits", "fees_to_fund": "fees to the fund", "liquidated_notional": "liquidations",
    "liquidated_notional_twin": "liquidations without impact",
}
"""Columns told for a flipped path."""


def flips(first: Outcomes, second: Outcomes, paths: int) -> dict[str, Any]:
    """By event: how many paths have it in both runs, in one only, in neither, and the paths where they differ."""
    found = {}
    for column, name in EVENTS.values():
        if not all(column in run.columns and np.isfinite(run.columns[column][:paths].astype(float)).any()
                   for run in (first, second)):
            continue
        a, b = (_happens(run, column, paths) for run in (first, second))
        known = np.isfinite(a) & np.isfinite(b)
        gained, gone = known & (b > a), known & (a > b)
        causes = Counter(cause(name, first, second, int(p)) for p in np.flatnonzero(gained | gone))
        found[name] = {
            "both": int((known & (a > 0) & (b > 0)).sum()), "neither": int((known & (a == 0) & (b == 0)).sum()),
            "second_only": int(gained.sum()), "first_only": int(gone.sum()), "unknown": int((~known).sum()),
            "why": dict(causes.most_common()),
            "paths": [*_told(first, second, name, gained, +1), *_told(first, second, name, gone, -1)],
        }
    return found


def cause(event: str, first: Outcomes, second: Outcomes, path: int) -> str:
    """What speaks most for the event in the run that has it, in a few words; by what changed most in USD."""
    a, b = ({name: float(run.columns[name][path]) for name in PLAYERS if name in run.columns}
            for run in (first, second))
    direction = 1.0 if _happens(second, _column(event), path + 1)[path] > 0 else -1.0
    pushes = {
        "more deficits": b["bad_debt"] - a["bad_debt"],
        "fewer fees to the fund": a["fees_to_fund"] - b["fees_to_fund"],
        "a smaller fund": first.fund - second.fund,
    }
    if event == "cascade":
        twins = b["liquidated_notional_twin"] - a["liquidated_notional_twin"]
        pushes = {
            "more liquidations without impact": twins,
            "more liquidations by the venue's own impact": b["liquidated_notional"] - a["liquidated_notional"] - twins,
        }
    name, push = max(pushes.items(), key=lambda item: direction * item[1])
    return name if direction * push > 0 else "when, not how much"


def _column(event: str) -> str:
    return next(column for column, name in EVENTS.values() if name == event)


def _happens(run: Outcomes, column: str, paths: int) -> np.ndarray:
    """1 or 0 for the first paths [P], NaN where the path failed."""
    values = run.columns[column][:paths].astype(float)
    failed = (run.columns["status"][:paths] != 0) | ~np.isfinite(values)
    return np.where(failed, np.nan, (values > 0).astype(float))


def _told(first: Outcomes, second: Outcomes, event: str, flipped: np.ndarray, direction: int) -> list[dict[str, Any]]:
    """The flipped paths [P] with the largest change of deficits, as rows."""
    chosen = np.flatnonzero(flipped)
    size = np.abs(second.columns["bad_debt"][chosen] - first.columns["bad_debt"][chosen])
    rows = []
    for path in chosen[np.argsort(-size, kind="stable")][:SHOWN]:
        row: dict[str, Any] = {"path": int(path), "in": "second" if direction > 0 else "first",
                               "why": cause(event, first, second, int(path))}
        for name in PLAYERS:
            values = [run.columns[name][path] if name in run.columns else None for run in (first, second)]
            row[name] = [None if v is None or not np.isfinite(v) else float(v) for v in values]
        rows.append(row)
    return rows
