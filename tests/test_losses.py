"""What each account costs the fund, recorded: cases computed by hand, and all that the engine can do."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from stress.build.study import Study
from stress.config.insurance import InsuranceConfig
from stress.mc import losses as recorder
from stress.mc.losses import Losses, assert_same_paths, record_losses
from tests.below_zero import CLOSED, FEE, LEFT, SOLD, below_zero
from tests.designs import DESIGNS, MORE_DESIGNS, Design
from tests.quick import block
from tests.random_books import random_study
from tests.reference.building import Row, make_book
from tests.reference.rules import Rules
from tests.reference.venue import simulate
from tests.studies import config, padded, path_study
from tests.tiers import slow

pytestmark = pytest.mark.usefixtures("compiled_soon")

TOGETHER = 5
"""Accounts that all cases have, so that they share a program."""


def recorded(study: Study, measure: str = "fund_drawdown", front: int | None = None) -> Losses:
    """Losses of the first two paths, which are the same."""
    job = study.plan.job if front is None else dataclasses.replace(study.plan.job, front=front)
    found = record_losses(job, study.plan.variants, measure, np.array([0, 1]), lambda _: None)
    np.testing.assert_array_equal(found.lost[0].toarray(), found.lost[1].toarray())
    return found


def case(rows: list[Row], path: list[Any], markets: tuple[str, ...] = ("X",), **protocol: Any) -> Study:
    """A venue with a fund, no impact, 1 % margin and 1 % fee, of which the fund gets all, on a given path."""
    cfg = config(markets=markets, price={"initial_prices": 100.0}, run={"fund_curve": True, "paths": 128, "block_paths": 128},
                 protocol={"insurance_fund": 50.0, "liquidation": {"fee": 0.01, "keeper_share": 0.0}, **protocol})
    return path_study(cfg, padded(make_book(rows, markets), TOGETHER), np.array(path, float).reshape(len(path), len(markets)))


def by_owner(study: Study, losses: Losses) -> dict[str, Any]:
    """USD by owner, one number a market."""
    book = study.book
    lost = losses.lost[0].toarray().reshape(len(book.markets), book.accounts)
    found = {owner: lost[:, book.owner == o].sum(1) for o, owner in enumerate(book.owners)}
    return {owner: values.tolist() if len(values) > 1 else float(values[0]) for owner, values in found.items() if values.any()}


# --- by hand: longs from 100 at 1 % margin; closed at the price of the tick, deficits and fees follow -------------------
A: Row = ("a", 100.0, {"X": (10.0, 100.0)})  # closed at 85: equity -50
B: Row = ("b", 160.0, {"X": (10.0, 100.0)})  # closed at 84.5: equity 5, all of it fee
C: Row = ("c", 170.0, {"X": (10.0, 100.0)})  # closed at 80: equity -30
S: Row = ("s", 1e5, {"X": (-30.0, 100.0)})


@pytest.mark.parametrize(("path", "total", "parts"), [
    pytest.param([100, 85, 84.5, 84.5], 50.0, {"a": 50.0}, id="a fee after the maximum does not count"),
    pytest.param([100, 85, 84.5, 80], 75.0, {"a": 50.0, "b": -5.0, "c": 30.0}, id="a fee before it does"),
    pytest.param([100, 85, 80, 80], 50 + 40 + 30.0, {"a": 50.0, "b": 40.0, "c": 30.0}, id="two deficits in a tick"),
    pytest.param([100, 99, 98, 99], 0.0, {}, id="nobody is closed"),
    pytest.param([100, 90.5, 90.4, 90.4], 0.0, {}, id="a fee alone is no drawdown"),
])
def test_parts_at_the_maximum_over_rounds(path: list[float], total: float, parts: dict[str, float]) -> None:
    study = case([A, B, C, S], path)
    found = recorded(study)
    assert found.total[0] == pytest.approx(total, rel=1e-12)
    assert by_owner(study, found) == pytest.approx(parts, rel=1e-12)


def test_a_maximum_that_is_not_the_last_round_with_a_deficit() -> None:
    """a leaves 50, b pays 5, and a small one leaves 1: the maximum stays that of a alone."""
    small: Row = ("c", 17.0, {"X": (1.0, 100.0)})  # closed at 82: equity -1
    study = case([A, B, small, S], [100, 85, 84.5, 82])
    found = recorded(study)
    assert found.total[0] == pytest.approx(50.0, rel=1e-12)
    assert by_owner(study, found) == pytest.approx({"a": 50.0}, rel=1e-12)
    assert by_owner(study, recorded(study, "bad_debt")) == pytest.approx({"a": 50.0, "c": 1.0}, rel=1e-12)


def test_an_account_in_several_markets_is_split_by_what_its_positions_lost() -> None:
    """Long X 10 and Y 10 from 100, short Z: X loses 150, Y 50, Z gains 10 on 90 USD of wallet: 100 short."""
    row: Row = ("a", 90.0, {"X": (10.0, 100.0), "Y": (10.0, 100.0), "Z": (-1.0, 100.0)})
    other: Row = ("s", 1e5, {"X": (-10.0, 100.0), "Y": (-10.0, 100.0), "Z": (1.0, 100.0)})
    study = case([row, other], [[100, 100, 100], [85, 95, 90]], ("X", "Y", "Z"))
    assert by_owner(study, recorded(study)) == {"a": pytest.approx([75.0, 25.0, 0.0], rel=1e-12)}


def test_fees_of_several_markets_by_what_was_sold_there() -> None:
    """A fee of 1 % of 850 + 475, then another's deficit of 10 in Y: the maximum holds both."""
    row: Row = ("a", 215.0, {"X": (10.0, 100.0), "Y": (5.0, 100.0)})
    late: Row = ("b", 200.0, {"Y": (10.0, 100.0)})
    other: Row = ("s", 1e5, {"X": (-10.0, 100.0), "Y": (-15.0, 100.0)})
    study = case([row, late, other], [[100, 100], [80.0, 98], [80.0, 77]], ("X", "Y"))
    assert by_owner(study, recorded(study)) == {
        "a": pytest.approx([-5.0 * 800 / 1290, -5.0 * 490 / 1290], rel=1e-9), "b": pytest.approx([0.0, 30.0], rel=1e-9)}


def test_what_is_left_is_split_by_the_size_of_what_adl_took_at_a_price_below_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """The case of ``tests.below_zero``; then b is closed at 55 with an equity of -400, more than a's 280."""
    monkeypatch.setitem(recorder.MEASURES, "fund_drawdown", "main")  # an unlimited fund leaves nothing to ADL
    study = below_zero(("b", 50.0, {"Z": (10.0, 100.0)}), (100.0, 55.0), TOGETHER)
    ours = -FEE * SOLD / SOLD.sum() - LEFT * CLOSED / CLOSED.sum()
    found = recorded(study)
    assert found.total[0] == pytest.approx(400 - 8, rel=1e-9)
    assert by_owner(study, found) == {"a": pytest.approx(ours.tolist(), rel=1e-9), "b": pytest.approx([0, 0, 400.0], rel=1e-9)}


@pytest.mark.parametrize(("limit", "parts"), [
    pytest.param({"paid_at_most_usd": 35.0, "paid_at_most_per": "account"}, {"a": 35.0, "b": 35.0, "c": 30.0}, id="of an account"),
    pytest.param({"paid_at_most_usd": 60.0, "paid_at_most_per": "fund"}, {"a": 50.0, "b": 40 * 60 / 70, "c": 30 * 60 / 70}, id="of a tick"),
])
def test_a_fund_that_pays_only_so_much(limit: dict[str, Any], parts: dict[str, float]) -> None:
    """They owe 50, then 40 and 30: what is beyond the limit is nothing that the fund lost."""
    rules = InsuranceConfig(scope="shared", paid_within_seconds=60.0, **limit)
    study = case([A, B, C, S], [100, 85, 80, 80], insurance=rules)
    found = recorded(study)
    assert found.total[0] == pytest.approx(sum(parts.values()), rel=1e-12)
    assert by_owner(study, found) == pytest.approx(parts, rel=1e-12)
    assert by_owner(study, recorded(study, "bad_debt")) == pytest.approx({"a": 50.0, "b": 40.0, "c": 30.0}, rel=1e-12)


# --- a fund for each market, and income: two ticks, X falls to 85 and Y to 88 -------------------------------------------
LONG_X: Row = ("a", 100.0, {"X": (10.0, 100.0)})  # closed at 85: equity -50
LONG_Y: Row = ("b", 100.0, {"Y": (10.0, 100.0)})  # closed at 88: equity -20
SHORT: Row = ("s", 1e5, {"X": (-10.0, 100.0), "Y": (-10.0, 100.0)})
FALLS = [[100, 100], [99, 99], [85, 88], [85, 88]]
TICKS_A_DAY = 1440.0


def of_funds(rows: list[Row], path: list[Any] = FALLS, **rules: Any) -> Study:
    return case(rows, path, ("X", "Y"), insurance=InsuranceConfig(**{"scope": "market", "shares": [3.0, 1.0]} | rules))


@pytest.mark.parametrize(("shares", "total", "parts"), [
    pytest.param([3.0, 1.0], 80.0, {"b": [0.0, 80.0]}, id="20 of a quarter is more than 50 of three"),
    pytest.param([1.0, 1.0], 100.0, {"a": [100.0, 0.0]}, id="50 of a half is more than 20"),
])
def test_of_funds_for_each_market_the_one_that_needs_most(shares: list[float], total: float, parts: dict[str, Any]) -> None:
    study = of_funds([LONG_X, LONG_Y, SHORT], shares=shares)
    found = recorded(study)
    assert found.total[0] == pytest.approx(total, rel=1e-12)
    assert by_owner(study, found) == {name: pytest.approx(lost, rel=1e-12) for name, lost in parts.items()}
    together = recorded(study, "total_drawdown")
    assert together.total[0] == pytest.approx(70.0, rel=1e-12)
    assert by_owner(study, together) == {"a": pytest.approx([50.0, 0.0], rel=1e-12), "b": pytest.approx([0.0, 20.0], rel=1e-12)}


def test_each_market_s_fund_has_a_maximum_of_its_own() -> None:
    """a costs X's fund 50, then b pays it 5; Y's fund, later, is asked for c's 30. The maxima are of different ticks."""
    pays: Row = ("b", 160.0, {"X": (10.0, 100.0)})  # closed at 84.5: equity 5, all of it fee
    late: Row = ("c", 170.0, {"Y": (10.0, 100.0)})  # closed at 80: equity -30
    other: Row = ("s", 1e5, {"X": (-20.0, 100.0), "Y": (-10.0, 100.0)})
    study = of_funds([LONG_X, pays, late, other], [[100, 100], [85, 99], [84.5, 99], [84.5, 80]])
    found = recorded(study, "total_drawdown")
    assert found.total[0] == pytest.approx(80.0, rel=1e-12)
    assert by_owner(study, found) == {"a": pytest.approx([50.0, 0.0], rel=1e-12), "c": pytest.approx([0.0, 30.0], rel=1e-12)}


def test_an_account_in_several_markets_costs_each_fund_its_part_of_the_requirement() -> None:
    """It owes 110, on 850 USD of X and 950 of Y; one fund would split it by the losses, 150 to 50."""
    row: Row = ("a", 90.0, {"X": (10.0, 100.0), "Y": (10.0, 100.0)})
    study = of_funds([row, SHORT], [[100, 100], *[[85, 95]] * 3])
    found = recorded(study, "total_drawdown")
    assert by_owner(study, found) == {"a": pytest.approx([110 * 850 / 1800, 110 * 950 / 1800], rel=1e-12)}


@pytest.mark.parametrize(("scope", "measure", "total", "income"), [
    pytest.param("shared", "fund_drawdown", 70 - 8.0, -8.0, id="one fund, two ticks at 4 USD"),
    pytest.param("market", "total_drawdown", 70 - 8.0, -8.0, id="two funds, 3 and 1 USD a tick"),
    pytest.param("market", "fund_drawdown", 4 * (20 - 2.0), -8.0, id="the fund of Y, a quarter of all"),
])
def test_income_until_the_maximum_is_a_part_of_its_own(scope: str, measure: str, total: float, income: float) -> None:
    rules = {"scope": scope, "income_usd_per_day": 4 * TICKS_A_DAY, "shares": [3.0, 1.0] if scope == "market" else None}
    study = of_funds([LONG_X, LONG_Y, SHORT], **rules)
    found = recorded(study, measure)
    assert (found.total[0], found.income[0]) == pytest.approx((total, income), rel=1e-12)
    assert found.lost[0].sum() == pytest.approx(total - income, rel=1e-12)
    assert recorded(study, "bad_debt").income[0] == 0.0


def test_income_beyond_what_is_owed_leaves_no_drawdown_and_no_parts() -> None:
    found = recorded(of_funds([LONG_X, LONG_Y, SHORT], income_usd_per_day=400 * TICKS_A_DAY), "total_drawdown")
    assert (found.total[0], found.income[0], found.lost.nnz) == (0.0, 0.0, 0)


# --- against the engine and the reference -----------------------------------------------------------------------------
def unlimited(design: Design) -> bool:
    """Whether the venue runs with a fund that has no end, too: nobody leaves because its balance falls."""
    return "depositors" not in design.get("insurance", {}) and design.get("withdrawals", {}).get("begins") != "fund"


ALL = {name: design for name, design in {**DESIGNS, **MORE_DESIGNS}.items() if unlimited(design)}
FAST = ("restore target, rates by size, delayed, ADL without a fund",)
BOOKS, FRONT = 4, 2


@pytest.mark.parametrize("design", slow(ALL, *(set(ALL) - set(FAST))))
def test_totals_are_the_engine_s_and_deficits_the_reference_s(design: str) -> None:
    some, others = 0.0, 0.0
    for number in range(BOOKS):
        study, path = random_study(ALL[design], np.random.default_rng([number, *design.encode()]))
        out = block(study.plan.job, np.uint32(0), 0).outcome
        drawdown, debt = recorded(study, front=FRONT), recorded(study, "bad_debt", front=FRONT)
        assert_same_paths(drawdown, np.asarray(out.drawdown)[-1, :2])
        assert_same_paths(debt, np.asarray(out.bad_debt)[0, :2])
        together = recorded(study, "total_drawdown", front=FRONT)
        some += drawdown.total[0]
        rules = Rules.from_config(study.config, list(study.markets))
        result = simulate(study.book, rules.unlimited(), path, np.ones(len(path) - 1), 60.0)
        ledger, others = result.ledger, others + result.fund_drawdown
        if len(result.fund_drawdowns) > 1:
            assert together.total[0] == pytest.approx(result.fund_drawdowns.sum(), rel=1e-9, abs=1e-6)
        expected = deficits(study, ledger)
        if study.plan.job.venues.adl is None or not any(tick["adl"] for tick in ledger["ticks"]):
            # of the last variant, the one with an unlimited fund
            found = record_losses(study.plan.job, ("twin", "", "main"), "bad_debt", np.array([0, 1]), lambda _: None)
            mine = found.lost.toarray()[0].reshape(-1, study.book.accounts).sum(0)
            np.testing.assert_allclose(mine, expected, rtol=1e-9, atol=1e-6)
    assert some == pytest.approx(others, rel=1e-9)
    assert some > 0 or design not in FAST  # a vault may take all


def deficits(study: Study, ledger: dict[str, Any]) -> np.ndarray:
    """USD by account [N] of the ledger's rows; every owner has one account."""
    found = np.zeros(study.book.accounts)
    for tick in ledger["ticks"]:
        for row in tick["liquidations"]:
            found[study.book.owners.index(row["account"])] += row["deficit"]
    return found


def test_paths_of_a_run_come_to_the_same_bits() -> None:
    """Random prices: paths anywhere in the run, in several batches, one of them twice."""
    row: Row = ("a", 60.0, {"X": (10.0, 100.0)})
    cfg = config(price={"initial_prices": 100.0, "volatility": 8.0},
                 run={"fund_curve": True, "paths": 1024, "block_paths": 512, "step_seconds": 600.0})
    rows = [row, ("b", 90.0, {"X": (10.0, 100.0)}), ("s", 250.0, {"X": (-20.0, 100.0)})]
    study = path_free(cfg, rows)
    drawdown = np.concatenate([np.asarray(block(study.plan.job, np.uint32(b), 0).outcome.drawdown)[-1] for b in (0, 1)])
    paths = np.append(np.argsort(-drawdown)[:70], np.argmax(drawdown))
    assert (drawdown[paths] > 0).all()
    found = record_losses(study.plan.job, study.plan.variants, "fund_drawdown", paths, lambda _: None)
    assert_same_paths(found, drawdown[paths])
    wrong = drawdown[paths] * (1 + 3e-9)
    with pytest.raises(AssertionError, match="simulated again it comes to"):
        assert_same_paths(found, wrong)


def path_free(cfg: Any, rows: list[Row]) -> Study:
    from tests.studies import study

    return study(cfg, padded(make_book(rows), TOGETHER))


def test_parts_that_do_not_add_up_are_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    study = case([A, B, C, S], [100, 85, 84.5, 80])
    honest = recorder._run

    def dishonest(*given: Any) -> Any:
        total, lost, income = honest(*given)
        lost[0, 0] += 1e-6
        return total, lost, income

    monkeypatch.setattr(recorder, "_run", dishonest)
    with pytest.raises(AssertionError, match="what accounts lost differs"):
        recorded(study)
