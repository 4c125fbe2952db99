"""Write ``docs/validation.md`` from the tables of reference values that the tests meet: ``python docs/validation.py``.

A test compares the page with what this makes of the tables.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = Path(__file__).parent / "validation.md"

INTRODUCTION = """\
# Market models against closed forms

This page is written by `docs/validation.py` from the tables of the tests; a test keeps it current. Every value in a
table is met, in each run of the tests, by a simulation of the model named, within {limit:g} standard errors plus the
value's own uncertainty; beside it stand power checks, which ask that a stated wrong parameter (2 % of a volatility,
10 % of an intensity and the like) is rejected. What no simulation here can meet is listed with the reason.

Values are closed forms and exact quadratures of the literature. A year has 365 days; drifts are those of the price.
*Looks* is how often the venue looks at the price: a number of ticks, or *continuous*, where the test bridges between
ticks, exactly or up to the step (`tests/bridges.py`). More about the models: [Market model](concepts/market.md); the
bias of Heston's scheme:
[Heston's scheme](heston.md).

| model | values | met | inapplicable |
|---|---|---|---|
"""
BARRIERS = (
    "liquidated",
    "overshoot",
    "bad debt",
    "liquidated by a jump",
    "one-touch",
    "down-and-out call",
    "correlation of liquidations",
    "any liquidated",
    "both liquidated",
)
"""Quantities that depend on how often one looks."""


@dataclass(frozen=True)
class Part:
    """The values of one model."""

    model: str
    rows: tuple  # of Oracle
    excused: Mapping[str, str]
    tests: str

    @property
    def met(self) -> int:
        """Values of the table, of which one may be several numbers."""
        return len({row.id.partition("#")[0] for row in self.rows})


def parts() -> list[Part]:
    """All models."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    from tests import oracles, oracles_continuous, oracles_garch, oracles_hawkes, oracles_heston, oracles_kou
    from tests import oracles_markets as markets
    from tests.test_bootstrap import FACTS
    from tests.test_oracles_engine import SKIPPED

    excused = {**oracles.NOT_EXPRESSIBLE, **SKIPPED}
    rows = [row for row in (*oracles.ORACLES, *oracles_continuous.CONTINUOUS) if row.id not in SKIPPED]
    both, own = ("test_oracles_price, test_oracles_engine, test_oracles_continuous", ("GBM", "BGK", "MER", "RS-"))

    def of(*starts: str) -> tuple[tuple, dict[str, str]]:
        return (
            tuple(row for row in rows if row.id.startswith(starts)),
            {name: reason for name, reason in excused.items() if name.startswith(starts)},
        )

    assert all(row.id.startswith(own) for row in rows)
    return [
        Part("Geometric Brownian motion", *of("GBM", "BGK"), both),
        Part("Merton", *of("MER"), both),
        Part("Regimes", *of("RS-"), both),
        Part("Kou", (*oracles_kou.KOU, *oracles_kou.KOU_RARE), oracles_kou.KOU_RARE_EXCUSED, "test_oracles_kou"),
        Part("Heston and Bates", oracles_heston.HESTON, {}, "test_oracles_heston"),
        Part("Hawkes", oracles_hawkes.HAWKES, {}, "test_oracles_hawkes"),
        Part("GARCH", oracles_garch.GARCH, {}, "test_oracles_garch"),
        Part("Stationary bootstrap", FACTS, {}, "test_bootstrap"),
        Part("Several markets", markets.MARKETS, {}, "test_oracles_markets"),
        Part("Rare events", markets.RARE, markets.RARE_EXCUSED, "test_oracles_rare"),
    ]


def page() -> str:
    """The whole page."""
    found = parts()
    from tests.z_tests import LIMIT

    lines = [INTRODUCTION.format(limit=LIMIT)]
    lines += [
        f"| {part.model} | {part.met + len(part.excused)} | {part.met} | {len(part.excused)} |\n" for part in found
    ]
    met, excused = sum(part.met for part in found), sum(len(part.excused) for part in found)
    lines.append(f"| all | {met + excused} | {met} | {excused} |\n")
    for part in found:
        lines += _section(part)
    return "".join(lines)


def _section(part: Part) -> Iterable[str]:
    yield f"\n## {part.model}\n\nMet by {', '.join(f'`tests/{name}.py`' for name in part.tests.split(', '))}.\n\n"
    yield "| value | quantity | looks | reference |\n|---|---|---|---|\n"
    for row in part.rows:
        looks = (row.steps or "continuous") if row.quantity in BARRIERS else ""
        yield f"| {row.id} | {row.quantity} | {looks} | {row.value:.10g} |\n"
    if part.excused:
        yield "\n| inapplicable | reason |\n|---|---|\n"
        for name, reason in part.excused.items():
            yield f"| {name} | {reason} |\n"


if __name__ == "__main__":
    text = page()
    PAGE.write_text(text, encoding="utf-8")
    print(PAGE)
