"""Facts out of the venues' own tests and documents, with where each is from: inputs and what the venue gets.

Each is computed here by the functions that the engine calls. Tolerances are those of the venue's own test; ``float``
is for numbers that the venue computes in integers and rounds, which floats cannot all represent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

EXACT = 1e-12
"""Relative rounding of doubles where a venue's number is exact."""

Answer = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""From a case's inputs to what the functions of this package say, under the names of what is expected."""


@dataclass(frozen=True)
class Case:
    """One fact."""

    id: str
    venue: str
    mechanism: str
    inputs: dict[str, Any]
    expected: dict[str, Any]
    absolute: float
    relative: float
    source: dict[str, str]

    @property
    def kind(self) -> tuple[str, str]:
        """What answers it: venue and mechanism."""
        return self.venue, self.mechanism


class Noted(Mapping[str, Any]):
    """Inputs of a case that remember what was looked at."""

    def __init__(self, inputs: Mapping[str, Any]) -> None:
        self.inputs, self.read = inputs, set[str]()

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return self.inputs[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.inputs)

    def __len__(self) -> int:
        return len(self.inputs)


@cache
def cases() -> list[Case]:
    """All of them."""
    rows = json.loads((Path(__file__).parent / "cases.json").read_text())
    return [_case(row) for row in rows]


def _case(row: dict[str, Any]) -> Case:
    allowed = {**(row["tolerance"] or {}), **(row["float_tolerance"] or {})}
    absolute = max((v for name, v in allowed.items() if name.startswith("abs")), default=0.0)
    return Case(row["id"], row["venue"], row["mechanism"], row["inputs"], row["expected"], absolute,
                max(allowed.get("rel", 0.0), EXACT), row["source"])


def differences(case: Case, found: Mapping[str, Any], expected: Mapping[str, Any] | None = None, at: str = "") -> list[str]:
    """Where what was ``found`` differs from what a case expects, in words; nothing may be missing."""
    problems = []
    for name, value in (case.expected if expected is None else expected).items():
        place = f"{at}{name}"
        if name not in found:
            problems.append(f"{place}: missing")
        elif isinstance(value, dict):
            problems += differences(case, found[name], value, f"{place}.")
        elif not _same(case, found[name], value):
            problems.append(f"{place}: {found[name]!r}, expected {value!r}")
    return problems


def _same(case: Case, found: Any, expected: Any) -> bool:
    if isinstance(expected, list):
        return len(found) == len(expected) and all(_same(case, f, e) for f, e in zip(found, expected, strict=True))
    if isinstance(expected, bool | str) or expected is None:
        return type(expected)(found) == expected if expected is not None else found is None
    return math.isclose(float(found), float(expected), rel_tol=case.relative, abs_tol=case.absolute)
