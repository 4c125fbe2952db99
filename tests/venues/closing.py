"""What is closed, at what price, who pays whom: partial liquidations, limits, fees, the fund, whole scenarios."""

from __future__ import annotations

from tests.venues import closing_drift, closing_dydx, closing_mango, closing_others
from tests.venues.cases import Answer

PARTS = (closing_dydx, closing_drift, closing_mango, closing_others)

ANSWERS: dict[tuple[str, str], Answer] = {kind: answer for part in PARTS for kind, answer in part.ANSWERS.items()}
"""By venue and mechanism."""

INAPPLICABLE: dict[tuple[str, str] | str, str] = {}
"""Kinds, or single cases by id, that a Monte Carlo tester has no business with, with the reason."""

OPEN: dict[tuple[str, str], str] = {}
"""Kinds that are to come."""
