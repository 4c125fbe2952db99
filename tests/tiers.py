"""Which cases of a parametrised test are left to ``pytest -m slow``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def slow(cases: Iterable[Any], *which: Any) -> list[Any]:
    """``cases`` with those in ``which`` marked."""
    cases = list(cases)
    unknown = [case for case in which if case not in cases]
    assert not unknown, f"no such cases: {unknown}"
    return [pytest.param(case, marks=pytest.mark.slow) if case in which else case for case in cases]
