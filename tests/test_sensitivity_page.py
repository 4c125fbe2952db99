"""Sentences of the sensitivity page, from rows that are made up."""

from __future__ import annotations

from typing import Any

import pytest

from stress.report.decisions import sensitivity as page
from stress.report.decisions import tornado

NAME = "depletion_probability"
BASE = {"estimate": 0.001, "low": 0.0, "high": 0.005, "unit": "probability", "n": 1000}
NOTHING: dict[str, Any] = {"estimate": None, "low": None, "high": None}


def of_zero(key: str, change: float, spread: float) -> dict[str, Any]:
    """A delay that is zero, moved up by two minutes."""
    difference = BASE | {"estimate": change, "low": change - spread, "high": change + spread}
    slope = {end: value / 120 for end, value in difference.items() if end in NOTHING}
    return {"key": f"protocol.{key}", "metric": NAME, "value": 0.0, "parameter_unit": "s", "low": None,
            "high": {"by": 120.0, "difference": difference}, "derivative": slope, "elasticity": NOTHING}


def sentence(*rows: dict[str, Any]) -> str:
    return page._sentence(NAME, list(rows), {"metrics": {NAME: BASE}}).replace("\u00a0", " ")


def test_what_is_zero_is_told_where_nothing_else_has_an_effect() -> None:
    said = sentence(of_zero("oracle.lag_seconds", 0.02, 0.01), of_zero("liquidation.keeper_delay_seconds", 0.01, 0.02))
    assert "oracle.lag_seconds (0 + 120 s: +2.00 %, 1.00 % to 3.00 %)" in said
    assert "keeper_delay" not in said, "its interval holds zero"
    assert "tell no effect of a parameter that is not zero" in said


def test_without_any_effect_it_says_so() -> None:
    assert "tell no parameter's effect from none" in sentence(of_zero("oracle.lag_seconds", 0.01, 0.02))


@pytest.mark.parametrize(("reason", "said"), [
    ("protocol.oracle.lag_seconds: got -120.0, allowed is a finite number >= 0 (s).", "it must be a finite number >= 0 (s)."),
    ("the venue does not take it", "the venue does not take it"),
])
def test_what_a_parameter_may_be_is_said_in_words(reason: str, said: str) -> None:
    assert page._allowed(reason) == said


@pytest.mark.parametrize(("title", "within"), [("Fund drawdown, 99 % ES", "fund drawdown, 99 % ES"),
                                              ("ADL over what was needed", "ADL over what was needed")])
def test_titles_keep_their_abbreviations(title: str, within: str) -> None:
    assert tornado._within(title) == within
