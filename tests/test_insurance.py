"""Rules of the insurance funds and of socialised loss, worked out by hand on small books without impact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stress.build.study import Study
from stress.config.insurance import DepositorsConfig, InsuranceConfig, SocialisedLossConfig
from stress.engine.state import NEVER
from stress.session import replay
from tests.below_zero import CLOSED, FEE, LEFT, SOLD, below_zero
from tests.reference.building import LONG, Row, make_book
from tests.studies import config, padded, path_study, simulated

OTHERS: list[Row] = [("B", 1000.0, {"X": (-6.0, 100.0)}), ("C", 100.0, {"X": (-4.0, 100.0)})]
CROSS: list[Row] = [
    ("A", 100.0, {"X": (10.0, 100.0), "Y": (10.0, 100.0)}),
    ("B", 1000.0, {"X": (-10.0, 100.0)}),
    ("C", 1000.0, {"Y": (-10.0, 100.0)}),
]
FALL = np.array([[100.0, 100.0], [85.0, 95.0]])


def insurance(**rules: Any) -> InsuranceConfig:
    return InsuranceConfig(**({"scope": "shared"} | rules))


def study_of(
    rows: list[Row], path: Any, *, step: float = 60.0, run: dict[str, Any] | None = None, **protocol: Any
) -> Study:
    """A venue with a maintenance rate of 1 % and what ``protocol`` says, on prices [T + 1, A] or of one market [T + 1]."""
    path = np.array(path, float).reshape(len(path), -1)
    markets = ("X", "Y")[: path.shape[1]]
    few = {"step_seconds": step, "paths": 128, "block_paths": 128}
    cfg = config(markets=markets, protocol=protocol, run=few | (run or {}))
    return path_study(cfg, padded(make_book(rows, markets), 6), path)


def ledger(rows: list[Row], path: Any, **rest: Any) -> dict[str, Any]:
    """The ledger of a path; asserts conservation."""
    study = study_of(rows, path, **rest)
    out = replay(study)
    assert out["outcome"]["cash_residual"] <= 1e-12 * study.plan.gross_notional
    return out


def funds_of(rows: list[Row], path: Any, **rest: Any) -> Any:
    """Funds at the end of the path of a block, and its outcome."""
    (result,) = simulated(study_of(rows, path, **rest), 1)
    assert result.funds is not None
    return result.funds, result.outcome


def amounts(out: dict[str, Any], *names: str) -> list[Any]:
    return [pytest.approx(out["outcome"][name], rel=1e-11, abs=1e-9) for name in names]


def test_an_income_is_a_drip_and_a_share_of_fees() -> None:
    """1,440 USD a day are 1 USD a minute; half of 0.1 % of twice the open interest of 1,000 USD is 1 USD a day."""
    rules = insurance(income_usd_per_day=1440.0, turnover_per_day=2.0, trading_fee=0.001, fee_share=0.5)
    out = ledger([LONG, *OTHERS], [100.0, 100.0, 100.0], insurance_fund=100.0, insurance=rules)
    assert [tick["fund"] for tick in out["ticks"]] == pytest.approx([101 + 1 / 1440, 102 + 2 / 1440], rel=1e-12)


def test_a_deficit_is_split_by_requirement_and_each_market_s_fund_pays_its_part() -> None:
    """A owes 100: 850 / 1800 of it in X, whose fund has 20, and 950 / 1800 in Y, whose fund has 80."""
    rules = insurance(scope="market", shares={"X": 1.0, "Y": 4.0})
    funds, out = funds_of(CROSS, FALL, insurance_fund=100.0, insurance=rules)
    in_x, in_y = 100 * 850 / 1800, 100 * 950 / 1800
    np.testing.assert_allclose(funds.flow[0, 0], [-20.0, -in_y], rtol=1e-12)
    np.testing.assert_allclose(funds.drawdown[0, 0], [in_x, in_y], rtol=1e-12)
    assert (funds.depleted[0, 0] != NEVER).tolist() == [True, False]
    assert out.insurance_paid[0, 0] == pytest.approx(20 + in_y)
    assert out.uncovered[0, 0] == pytest.approx(in_x - 20)
    assert out.drawdown[0, 0] == pytest.approx(max(in_x / 0.2, in_y / 0.8)), "the sum with which no fund falls short"


def test_what_is_left_goes_where_it_was_closed_also_by_adl_at_a_price_below_zero() -> None:
    """The case of ``tests.below_zero``; funds have as much as their markets owe, in proportion, and pay nothing."""
    rules = insurance(scope="market", shares={"X": 1.0, "Y": 180.0, "Z": 0.0})
    study = below_zero(("b", 500.0, {"Z": (10.0, 100.0)}), (100.0, 100.0), 6, insurance=rules)
    (result,) = simulated(study, 1)
    assert result.funds is not None
    ours = FEE * SOLD / SOLD.sum() + LEFT * CLOSED / CLOSED.sum()
    np.testing.assert_allclose(result.funds.flow[study.plan.variants.index("main"), 0], ours, rtol=1e-9)


def test_a_market_nobody_is_in_gets_no_fund() -> None:
    """Not of an unlimited one either, for which nothing runs out."""
    rows: list[Row] = [LONG, *OTHERS]
    study = study_of(rows, FALL, insurance_fund=40.0, insurance=insurance(scope="market"), run={"fund_curve": True})
    (result,) = simulated(study, 1)
    assert result.funds is not None
    np.testing.assert_allclose(result.funds.flow[:, 0], [[-40.0, 0.0], [-50.0, 0.0]])
    assert (result.outcome.status == 0).all()


def test_adl_takes_what_a_market_s_fund_leaves_in_that_market() -> None:
    """In X a share of 1 - 20 / 47.2 is closed against B at the bankruptcy price; in Y all is sold."""
    rules = insurance(scope="market", shares={"X": 1.0, "Y": 4.0})
    layers, adl = ["insurance_fund", "adl"], {"policy": "pro_rata", "price": "bankruptcy"}
    out = ledger(CROSS, FALL, insurance_fund=100.0, insurance=rules, waterfall=layers, adl=adl)
    in_x = 100 * 850 / 1800
    (won,) = out["ticks"][0]["adl"]
    assert (won["account"], won["market"]) == ("B", "X")
    assert won["size"] == pytest.approx(-10 * (1 - 20 / in_x), rel=1e-12)
    assert won["price"] == pytest.approx(85 + in_x / 10, rel=1e-12)
    assert amounts(out, "bad_debt", "adl_haircut", "insurance_paid", "uncovered") == [100, in_x - 20, 120 - in_x, 0]


def test_fees_and_remainders_go_to_the_fund_of_the_market_they_are_from() -> None:
    """A sells for 920 USD in X and 990 in Y. A fee of 0.2 % leaves 6.18 of its 10 USD, which the fund or A keeps."""
    rules = insurance(scope="market")
    path = [[100.0, 100.0], [92.0, 99.0]]
    terms = {"fee": 0.002, "remaining_equity": "fund"}
    funds, _ = funds_of(CROSS, path, insurance=rules, liquidation=terms)
    left = 100 - 80 - 10
    fee = 0.002 * 1910
    np.testing.assert_allclose(funds.flow[0, 0], [left * 920 / 1910, left * 990 / 1910], rtol=1e-12)
    keeps = {"fee": 0.002, "keeper_share": 0.25}
    funds, _ = funds_of(CROSS, path, insurance=rules, liquidation=keeps)
    np.testing.assert_allclose(funds.flow[0, 0], [0.75 * fee * 920 / 1910, 0.75 * fee * 990 / 1910], rtol=1e-12)


@pytest.mark.parametrize(("limit", "paid"), [
    ({}, [50, 40, 30]),
    ({"paid_at_most_usd": 30.0}, [30, 0, 0]),
    ({"paid_at_most_usd": 30.0, "paid_within_seconds": 120.0}, [30, 0, 30]),
    ({"paid_at_most_usd": 30.0, "paid_within_seconds": 60.0, "paid_at_most_per": "account"}, [30, 30, 30]),
    ({"paid_at_most_usd": 0.75, "paid_within_seconds": 1.0}, [45, 40, 30]),
])
def test_a_limit_holds_for_a_block_of_time(limit: dict[str, Any], paid: list[float]) -> None:
    """Deficits of 50, 40 and 30 USD, a minute apart; a second's limit of 0.75 USD is 45 a minute."""
    rows: list[Row] = [LONG, ("D", 160.0, {"X": (10.0, 100.0)}), ("E", 220.0, {"X": (10.0, 100.0)}),
                       ("S", 9000.0, {"X": (-30.0, 100.0)})]
    out = ledger(rows, [100.0, 85.0, 80.0, 75.0], insurance_fund=1000.0, insurance=insurance(**limit))
    assert [1000.0, *(tick["fund"] for tick in out["ticks"])] == pytest.approx(1000 - np.cumsum([0, *paid]))
    assert amounts(out, "bad_debt", "insurance_paid", "uncovered") == [120, sum(paid), 120 - sum(paid)]
    assert not out["outcome"]["depleted"], "who may not pay has money left"


@pytest.mark.parametrize(("limit", "paid"), [({"X": 30.0, "default": 0.0}, [30.0, 0.0]), ([1e3, 40.0], [100 * 850 / 1800, 40.0])])
def test_each_market_s_fund_has_a_limit_of_its_own(limit: Any, paid: list[float]) -> None:
    """Of 100 USD 47.2 fall on X and 52.8 on Y; both funds hold enough, and who may not pay has money left."""
    rules = insurance(scope="market", paid_at_most_usd=limit)
    out = ledger(CROSS, FALL, insurance_fund=1000.0, insurance=rules)
    assert amounts(out, "bad_debt", "insurance_paid", "uncovered") == [100, sum(paid), 100 - sum(paid)]
    assert not out["outcome"]["depleted"]


def test_depositors_ask_leave_later_and_bear_losses_until_then() -> None:
    """Half of 100 USD is theirs. A deficit of 50 starts the run; half of who is left asks every half day, and waits another.

    So claims of 0.25 leave in the fourth tick, of 0.125 in the fifth, and a loss of 15 in between is shared.
    """
    terms = DepositorsConfig(deposited_share=0.5, starts_below=0.9, leaves_per_day=0.75, delay_hours=12.0)
    rows: list[Row] = [LONG, ("E", 220.0, {"X": (10.0, 100.0)}), ("S", 9000.0, {"X": (-20.0, 100.0)})]
    path = [100.0, 85.0, 85.0, 85.0, 76.5, 76.5]
    out = ledger(rows, path, step=43200.0, insurance_fund=100.0, insurance=insurance(depositors=terms))
    after_loss = 0.75 * 50 - 15
    expected = [50, 50, 50, after_loss, after_loss * 0.625 / 0.75]
    assert [tick["fund"] for tick in out["ticks"]] == pytest.approx(expected, rel=1e-12)


def test_by_equity_everybody_with_a_position_pays() -> None:
    """B has 1,090 USD, C 160 and D 300; E holds nothing. No fund: A's 50 USD are theirs."""
    rows: list[Row] = [LONG, *OTHERS, ("D", 300.0, {"X": (5.0, 85.0)}), ("E", 9999.0, {}), ("S", 0.0, {"X": (-5.0, 85.0)})]
    out = ledger(rows, [100.0, 85.0], waterfall=["socialised_loss"], socialised_loss=SocialisedLossConfig(by="equity"))
    assert out["ticks"][0]["socialised"] == pytest.approx(
        {"B": 50 * 1090 / 1550, "C": 50 * 160 / 1550, "D": 50 * 300 / 1550})


def test_by_contracts_nobody_s_means_are_looked_at() -> None:
    """20 units give up 2.50 USD each. It leaves D 1.50 USD, below its requirement, and D is liquidated in the next round."""
    rows: list[Row] = [LONG, *OTHERS, ("D", 14.0, {"X": (5.0, 85.0)}), ("S", 100.0, {"X": (-5.0, 85.0)})]
    levied = SocialisedLossConfig(by="contracts")
    out = ledger(rows, [100.0, 85.0], waterfall=["socialised_loss"], socialised_loss=levied)
    assert out["ticks"][0]["socialised"] == pytest.approx({"B": 15.0, "C": 10.0, "D": 12.5, "S": 12.5})
    assert [(row["account"], row["size"]) for row in out["ticks"][0]["liquidations"]] == [("A", 10.0), ("D", 5.0)]
    assert (out["final"]["accounts"]["D"]["cash"], out["final"]["accounts"]["D"]["positions"]) == (pytest.approx(1.5), {})
    assert amounts(out, "bad_debt", "socialised_loss", "uncovered") == [50, 50, 0]


def test_by_contracts_each_market_bears_its_own() -> None:
    """47.2 USD of A's deficit fall on the 10 units of X, 52.8 on the 10 of Y; A's own are closed."""
    levied = SocialisedLossConfig(by="contracts")
    out = ledger(CROSS, FALL, waterfall=["socialised_loss"], socialised_loss=levied)
    assert out["ticks"][0]["socialised"] == pytest.approx({"B": 100 * 850 / 1800, "C": 100 * 950 / 1800})
