"""The venues' own numbers, by the functions that the engine calls."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from tests.venues.answers import ANSWERS, INAPPLICABLE, OPEN
from tests.venues.cases import Case, Noted, cases, differences

ANSWERED = [case for case in cases() if case.kind in ANSWERS and case.id not in INAPPLICABLE]


UNREAD = {
    "binance_usdm": {"symbol"},  # names the market
    "bitmex": set(),
    "bybit": set(),
    "deribit": set(),
    "dydx_v4": {"oracle_price"},  # every position has it
    "hyperliquid": {"leverage"},  # what was chosen, not what is allowed
    "nibiru_perp_v2": set(),
    "okx": set(),
    "perpetual_curie": set(),
    "drift_v2": {"tier", *(f"{of}_{kind}" for of in ("margin", "hlm") for kind in ("initial", "maintenance")),
                 "user_ratio", "position_ratio"},  # the band is given; rates of the other kind of margin
    "gmx_v2": {"min_pnl_factor_after_adl"},  # where deleveraging ends
    "mango_v4": set(),
    "synthetix_v3_perps": {"one_per_block"},  # one is all that there is
}
"""Venues whose answers must look at all that a case gives, and what of it says nothing about the number."""


@cache
def answered(name: str) -> tuple[Mapping[str, Any], set[str]]:
    """What is said of a case, and which of its inputs were looked at."""
    case = next(case for case in ANSWERED if case.id == name)
    inputs = Noted(case.inputs)
    return ANSWERS[case.kind](inputs), inputs.read


@pytest.mark.parametrize("case", ANSWERED, ids=lambda case: case.id)
def test_case(case: Case) -> None:
    found, _ = answered(case.id)
    assert not differences(case, found), case.source


@pytest.mark.parametrize("case", [case for case in ANSWERED if case.venue in UNREAD and "outcome" not in case.expected], ids=lambda case: case.id)
def test_no_input_is_ignored(case: Case) -> None:
    """A key that the answer does not look at may be a fact of the venue that it leaves out."""
    _, read = answered(case.id)
    assert set(case.inputs) - read <= UNREAD[case.venue], case.source


def test_every_case_is_answered_or_listed_with_a_reason() -> None:
    kinds, ids = {case.kind for case in cases()}, {case.id for case in cases()}
    assert set(ANSWERS) | {key for key in INAPPLICABLE if isinstance(key, tuple)} | set(OPEN) == kinds
    assert not set(ANSWERS) & (set(INAPPLICABLE) | set(OPEN)) and not set(INAPPLICABLE) & set(OPEN)
    assert {key for key in INAPPLICABLE if isinstance(key, str)} <= ids
    assert all(reason.strip() for reason in (*INAPPLICABLE.values(), *OPEN.values()))


@pytest.mark.parametrize("case", ANSWERED, ids=lambda case: case.id)
def test_a_wrong_number_is_told(case: Case) -> None:
    """No tolerance is so wide that a number off by 5 % and the tolerance would pass."""
    for wrong in _wronged(case.expected, case):
        assert differences(case, wrong)


def _wronged(value: dict[str, Any], case: Case) -> list[dict[str, Any]]:
    found = []
    for name, entry in value.items():
        inner = _wronged(entry, case) if isinstance(entry, dict) else [_wrong(entry, case)]
        for wrong in inner:
            copied = copy.deepcopy(value)
            copied[name] = wrong
            found.append(copied)
    return found


def _wrong(entry: Any, case: Case) -> Any:
    if isinstance(entry, bool):
        return not entry
    if isinstance(entry, list):
        return [*entry[:-1], _wrong(entry[-1], case)] if entry else [1]
    if isinstance(entry, str):
        try:
            float(entry)
        except ValueError:
            return f"{entry}?"
        return str(int(float(entry)) + 1 + int(abs(float(entry))))
    return 0.0 if entry is None else 1.05 * float(entry) + math.copysign(1.01 * case.absolute + 1e-9, float(entry))
