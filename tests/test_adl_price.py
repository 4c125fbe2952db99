"""At which price ADL closes, where fewer units are eligible than losers have: by hand, a case for each price.

A has 10 units from 100 with 100 USD, of which W can take 6; V's 4 are at a loss and not eligible. The rest of A's goes
to the book.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stress.session import replay
from tests.reference.building import Row, make_book
from tests.studies import config, padded, path_study

ROWS: list[Row] = [
    ("A", 100.0, {"X": (10.0, 100.0)}),
    ("W", 1000.0, {"X": (-6.0, 100.0)}),
    ("V", 100.0, {"X": (-4.0, 80.0)}),
]


def near(value: Any) -> Any:
    return pytest.approx(value, rel=1e-9, abs=1e-9)


def ledger(*prices: float, price: str, fund: float = 0.0, lag: float = 0.0) -> dict[str, Any]:
    protocol = {
        "maintenance_margin": 0.01,
        "insurance_fund": fund,
        "waterfall": ["insurance_fund", "adl"],
        "adl": {"policy": "profit_leverage", "price": price},
        "oracle": {"lag_seconds": lag},
    }
    return replay(path_study(config(protocol=protocol), padded(make_book(ROWS), 5), np.array(prices)[:, None]))


def closed(out: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """What was closed in the last tick: of the loser by ADL and on the book, of the winner."""
    tick = out["ticks"][-1]
    return [(row["account"], near(row["size"]), near(row["price"])) for row in [*tick["liquidations"], *tick["adl"]]]


def cash(out: dict[str, Any], *names: str) -> list[float]:
    return [out["final"]["accounts"][name]["cash"] for name in names]


def test_at_the_bankruptcy_price() -> None:
    """90: six units leave nothing behind, four at 85 leave 20 USD of the 50."""
    out = ledger(100.0, 85.0, price="bankruptcy")
    assert closed(out) == [("A", 4.0, 85.0), ("A", 6.0, 90.0), ("W", -6.0, 90.0)]
    assert cash(out, "A", "W") == near([-20.0, 1060.0])
    result = out["outcome"]
    assert (result["bad_debt"], result["adl_haircut"], result["uncovered"]) == near((50.0, 30.0, 20.0))


def test_at_the_mark() -> None:
    """85, which is where the book fills too: nothing comes off the deficit, and the winner keeps its profit of 90."""
    out = ledger(100.0, 85.0, price="mark")
    assert closed(out) == [("A", 4.0, 85.0), ("A", 6.0, 85.0), ("W", -6.0, 85.0)]
    assert cash(out, "A", "W") == near([-50.0, 1090.0])
    result = out["outcome"]
    assert (result["bad_debt"], result["adl_haircut"], result["uncovered"]) == near((50.0, 0.0, 50.0))


def test_at_the_oracle_price() -> None:
    """It lags a tick: A, healthy at 100, is checked at 85 when the mark is 84, and its deficit there would be 60.

    Six units at 85 take 6 USD off it, at the winner's expense.
    """
    out = ledger(100.0, 85.0, 84.0, price="oracle", lag=60.0)
    assert closed(out) == [("A", 4.0, 84.0), ("A", 6.0, 85.0), ("W", -6.0, 85.0)]
    assert cash(out, "A", "W") == near([-54.0, 1090.0])
    result = out["outcome"]
    assert (result["bad_debt"], result["adl_haircut"], result["uncovered"]) == near((60.0, 6.0, 54.0))


def test_the_fund_pays_what_too_few_winners_leave() -> None:
    """A fund of 15 leaves 0.7 of 50: seven units are to be matched, six are; it pays 15 of the 20 that remain."""
    out = ledger(100.0, 85.0, price="bankruptcy", fund=15.0)
    assert closed(out) == [("A", 4.0, 85.0), ("A", 6.0, 90.0), ("W", -6.0, 90.0)]
    result = out["outcome"]
    assert (result["adl_haircut"], result["insurance_paid"], result["uncovered"]) == near((30.0, 15.0, 5.0))
