"""Tables of forecasts tested on what the fit has not seen."""

from __future__ import annotations

from typing import Any

from stress.report.format import NOTHING, is_number
from stress.report.tables import Table

HEADER = ["model", "market", "bars: p", "24 h: p", "99 % VaR long: violations", "share: p", "one by one: p",
          "short: violations", "share: p", "one by one: p"]

EXPLAINED = (
    "p of the bars and of 24 h: Kolmogorov and Smirnov's test that what came is a fair draw from the forecast. Value "
    "at risk over 24 h that do not overlap, at 99 %, of a long and of a short position: violations seen of those "
    "expected, p of Kupiec's test that their share is 1 %, and of Christoffersen's that they also come one by one. A p "
    "below 1 % speaks against the model; with many bars even small faults do.")


def table(tested: dict[str, dict[str, Any]], markets: list[str]) -> Table | None:
    """A row a model and market; None when nothing was held out."""
    rows = [[model, market, *_row(test["markets"][market])] for market in markets for model, test in tested.items()]
    return Table(HEADER, rows, numbers=2) if rows else None


def _row(test: dict[str, Any]) -> list[str]:
    cells = [_p(test.get("pit_bar")), _p(test.get("pit_day"))]
    for side in ("var_long", "var_short"):
        found = test.get(side)
        if not found:
            cells += [NOTHING] * 3
            continue
        cells += [f"{found['violations']} of {found['expected']:.1f}", _p(found["kupiec"]),
                  _p(found["christoffersen"]["conditional_coverage"])]
    return cells


def _p(test: dict[str, Any] | None) -> str:
    value = (test or {}).get("p_value")
    if not is_number(value):
        return NOTHING
    return "< 0.0001" if value < 1e-4 else f"{value:.2g}"
