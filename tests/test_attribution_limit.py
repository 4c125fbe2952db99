"""Attribution where the fund refuses to pay a part of what is owed; compiled as runs are, for parts must be the run's."""

from __future__ import annotations

import pytest

import stress


@pytest.mark.slow
def test_what_a_fund_refuses_to_pay_is_no_part_of_its_drawdown() -> None:
    """dYdX pays an account so much a block. The command itself holds parts against each path's drawdown."""
    words = ["protocol=dydx_v4", "price.markets=[BTC]", "price=merton", "price.jump.intensity=3000", "price.jump.mean=-0.12",
             "price.jump_duration_seconds=0", "run.paths=128", "run.horizon_hours=0.1", "run.step_seconds=10",
             "book.accounts=60", "run.progress=false", "decide.attribution.level=0.9", "decide.attribution.accounts=0",
             "decide.attribution.changed=[]", "decide.attribution.leverage_caps=[]"]
    shortfalls = []
    for most in (50, 1000, 1e9):
        found = stress.decide("attribution", [*words, f"protocol.insurance.paid_at_most_usd={most}"]).found
        assert sum(row["share"]["estimate"] for row in found["groups"][1]["rows"]) == pytest.approx(1.0, rel=1e-9)
        shortfalls.append(found["shortfall"]["estimate"])
    assert 0 < 2 * shortfalls[0] < shortfalls[1] < shortfalls[2], "the limit binds"
