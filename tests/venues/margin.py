"""Margin requirements, account health, triggers, liquidation prices, marks."""

from __future__ import annotations

from tests.venues.cases import Answer
from tests.venues.margins import drift, dydx, exchanges, mango, pools, tiers

ANSWERS: dict[tuple[str, str], Answer] = {
    kind: answer for part in (drift, dydx, exchanges, mango, pools, tiers) for kind, answer in part.ANSWERS.items()
}
"""By venue and mechanism."""

INAPPLICABLE: dict[tuple[str, str] | str, str] = {}
"""Kinds, or single cases by id, that a Monte Carlo tester has no business with, with the reason."""

OPEN: dict[tuple[str, str], str] = {}
"""Kinds that are to come."""
