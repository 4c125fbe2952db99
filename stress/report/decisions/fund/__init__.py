"""The page of the command ``fund``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stress.report.decisions.fund import cost, cover, horizons, markets, targets
from stress.report.decisions.told import Told

PARTS = (targets, horizons, markets, cover, cost)
"""From top to bottom. Each says ``in_short``, ``figures``, ``tables`` and ``cautions`` of what was found."""
HELD = ("The book is held as it is for the whole horizon: nobody adds margin, closes, or comes anew, and the fund is "
        "not refilled but by fees and what protocol.insurance lets flow in.")


def tell(found: dict[str, Any], folder: Path) -> Told:
    """What ``decision.json`` says."""
    del folder
    return Told(
        title="How large must the insurance fund be?",
        question="The fund that runs dry with no more than a given chance; by horizon, by market, for the default of "
                 "the largest accounts, and at least cost.",
        in_short=[line for part in PARTS for line in part.in_short(found)],
        figures=[figure for part in PARTS for figure in part.figures(found)],
        tables=[table for part in PARTS for table in part.tables(found)],
        cautions=[HELD, *(line for part in PARTS for line in part.cautions(found))],
    )
