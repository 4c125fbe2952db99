"""Traders who take free collateral out, and the gate that stops them, worked out by hand on books without impact."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from stress.build.engine import kernel_obstacles
from stress.cli.compose import load
from stress.config.shock import ShockConfig
from stress.config.withdrawals import WithdrawalGateConfig, WithdrawalRunConfig, WithdrawalsConfig
from stress.engine.state import NEVER
from stress.errors import UserError
from stress.mc.columns import path_columns
from stress.session import replay
from tests.reference.building import LONG, Row
from tests.studies import path_study, simulated
from tests.test_insurance import ledger, study_of

HALF_HOUR = 1800.0
LATER: list[Row] = [("B", 1000.0, {"X": (-6.0, 100.0)}), ("C", 100.0, {"X": (-4.0, 100.0)})]
GAINER: Row = ("D", 50.0, {"X": (-1.0, 300.0)})
FALL = [100.0, 85.0, 85.0, 85.0, 85.0, 85.0]
"""LONG owes 50 USD in the first tick. Initial margin is half of notional."""


def leaving(gate: dict[str, Any] | None = None, window: float | None = None, **run: Any) -> WithdrawalsConfig:
    """Three quarters of who is left ask in an hour, so half in a tick; from the fund's fall unless ``run`` says else."""
    begins = {} if "move_above" in run else {"fund_below": 0.9}
    terms = {"leaves_per_hour": 0.75, "delay_hours": 0.0, "every_minutes": 30.0, "unrealised_profit": False}
    shut = None if gate is None else WithdrawalGateConfig(**({"under_water": False, "lasts_seconds": 0.0} | gate))
    return WithdrawalsConfig(window_minutes=window, run=WithdrawalRunConfig(**(terms | begins | run)), gate=shut)


def taken(rules: WithdrawalsConfig, rows: list[Row], path: Any = FALL, **rest: Any) -> list[dict[str, float]]:
    """What left in each tick, by account."""
    out = ledger(rows, path, step=HALF_HOUR, insurance_fund=100.0, withdrawals=rules, **rest)
    total = sum(sum(tick["withdrawn"].values()) for tick in out["ticks"])
    assert out["outcome"]["collateral_withdrawn"] == pytest.approx(total, rel=1e-12)
    return [tick["withdrawn"] for tick in out["ticks"]]


def approx(*ticks: dict[str, float]) -> list[Any]:
    return [pytest.approx(tick, rel=1e-12) for tick in ticks]


def test_what_is_beyond_initial_margin_leaves_after_the_delay() -> None:
    """The fund is 50 of 100 USD from the second tick on: who asks then may leave in the fourth.

    B has 1090 USD and needs 255: half of 835 leaves, then half of the rest. C has 160 and needs 170.
    """
    rows = [LONG, *LATER]
    assert taken(leaving(delay_hours=0.5), rows) == approx({}, {}, {}, {"B": 417.5}, {"B": 208.75})
    assert taken(leaving(), rows) == approx({}, {}, {"B": 417.5}, {"B": 208.75}, {"B": 104.375})


@pytest.mark.parametrize(("profit", "most"), [(False, 50.0), (True, 222.5)])
def test_open_profit_leaves_where_it_may(profit: bool, most: float) -> None:
    """D has 50 USD and a profit of 215, and needs 42.5."""
    rows: list[Row] = [LONG, GAINER, ("S", 1.0, {"X": (-9.0, 85.0)})]
    found = taken(leaving(unrealised_profit=profit), rows)
    assert [tick.get("D", 0.0) for tick in found[2:4]] == pytest.approx([most / 2, most / 4], rel=1e-12)


def test_what_is_due_between_payments_leaves_together() -> None:
    """Payments in the second and fourth tick, those of the third wait for it."""
    assert taken(leaving(every_minutes=60.0), [LONG, *LATER]) == approx({}, {}, {}, {"B": 626.25}, {})


def test_a_price_begins_a_run_by_what_it_was_in_the_window() -> None:
    """4 % a tick are 8 % in two: in the second tick. C and B hold what they had, at 92.16 each unit."""
    path = [100.0, 96.0, 92.16, 92.16]
    rows: list[Row] = [("B", 1000.0, {"X": (-10.0, 100.0)}), ("A", 1000.0, {"X": (10.0, 100.0)})]
    half = (1078.4 - 460.8) / 2
    found = taken(leaving(move_above=0.05, window=60.0), rows, path)
    assert found == approx({}, {}, {"A": (921.6 - 460.8) / 2, "B": half})
    assert taken(leaving(move_above=0.05, window=30.0), rows, path) == approx({}, {}, {})


@pytest.mark.parametrize(("lasts", "ticks"), [
    (0.0, [{}, {}, {"B": 626.25}, {"B": 104.375}, {"B": 52.1875}]),
    (3600.0, [{}, {}, {}, {"B": 730.625}, {"B": 52.1875}]),
])
def test_an_account_under_water_shuts_the_gate_and_what_waits_leaves_when_it_opens(lasts: float, ticks: list) -> None:
    """The move of the first tick begins the run, in which A goes under water: shut for a tick, or for two."""
    gate = {"under_water": True, "lasts_seconds": lasts}
    rules = leaving(gate, move_above=0.1, window=30.0)
    assert taken(rules, [LONG, *LATER]) == approx(*ticks)


def test_an_account_that_nobody_closes_keeps_the_gate_shut() -> None:
    """Keepers come an hour and a half after A went under water."""
    rules = leaving({"under_water": True}, move_above=0.1, window=30.0)
    found = taken(rules, [LONG, *LATER], liquidation={"keeper_delay_seconds": 5400.0})
    assert found == approx({}, {}, {}, {}, {})
    found = taken(rules, [LONG, *LATER], [*FALL, 85.0], liquidation={"keeper_delay_seconds": 5400.0})
    assert found[5] == pytest.approx({"B": 835 * (1 - 0.5**5)}, rel=1e-12), "five ticks of asking"


@pytest.mark.parametrize(("gate", "shut"), [
    ({"fund_below": 0.6}, 4), ({"fund_below": 0.5}, 0), ({"move_above": 0.1}, 2), ({"move_above": 0.1, "lasts_seconds": 1800.0}, 3),
    ({"move_above": 0.2}, 0),
])
def test_fund_and_stress_index_shut_the_gate(gate: dict[str, float], shut: int) -> None:
    """The fund is half of its peak from the second tick on; 15 % are in the window of an hour for two ticks."""
    rules = leaving(gate, fund_below=0.9, window=60.0)
    study = study_of([LONG, *LATER], FALL, step=HALF_HOUR, insurance_fund=100.0, withdrawals=rules)
    (result,) = simulated(study, 1)
    columns = path_columns(result, 0, 100.0, ["X"], ("main",), HALF_HOUR)
    assert columns["gate_shut_hours"][0] == pytest.approx(shut / 2, rel=1e-12)
    assert columns["withdrawal_run"][0] and columns["time_to_run_hours"][0] == pytest.approx(1.0, rel=1e-12)
    stays = 0.5 ** (0 if shut == 4 else 3)
    assert columns["collateral_withdrawn"][0] == pytest.approx(835 * (1 - stays), rel=1e-12)


def test_without_a_reason_nobody_runs() -> None:
    """A gate alone changes no bit, and a fund that holds begins no run."""
    rows = [LONG, *LATER]
    free = {"step": HALF_HOUR, "insurance_fund": 1e5}
    calm, gated, plain = (simulated(study_of(rows, FALL, withdrawals=rules, **free), 1)[0] for rules in (
        leaving(), WithdrawalsConfig(gate=WithdrawalGateConfig(under_water=True, lasts_seconds=50.0)), None))
    assert gated.withdrawn is None
    assert calm.withdrawn is not None and (calm.withdrawn.taken == 0).all() and (calm.withdrawn.began == NEVER).all()
    for name in ("bad_debt", "liquidated", "insurance_paid"):
        want = getattr(plain.outcome, name)
        np.testing.assert_array_equal(getattr(gated.outcome, name), want)
        np.testing.assert_array_equal(getattr(calm.outcome, name), want)


def test_the_faster_traders_leave_the_more_bad_debt_a_later_gap_leaves() -> None:
    """A has 600 USD on 10 units at 90, needs 450 of its 500, and meets 40: what left is missing from its 0 USD there."""
    rows: list[Row] = [("A", 600.0, {"X": (10.0, 100.0)}), ("B", 1e4, {"X": (-10.0, 100.0)})]
    path = [100.0, 90.0, 90.0, 40.0]
    debts, rates = [], np.array([0.19, 0.36, 0.75, 0.9999])
    for leaves in rates.tolist():
        rules = leaving(move_above=0.05, window=30.0, leaves_per_hour=leaves)
        out = ledger(rows, path, step=HALF_HOUR, insurance_fund=1e4, withdrawals=rules)
        debts.append(out["outcome"]["bad_debt"])
    assert debts == pytest.approx(50 * (1 - np.sqrt(1 - rates)), rel=1e-9), "half an hour of asking before the gap"


def test_a_wallet_loses_of_what_is_still_in_it() -> None:
    """B has 1000 USD, of which 417.5 leave in the third tick; then a tenth of the other 582.5 is lost.

    That leaves an equity of 614.25, of which 255 are needed: half of the rest, 179.625, leaves as 199.58 units at 0.9, and
    half of the tenth comes back of the 382.92 that remain. C has 100 USD, and takes nothing.
    """
    numbers: dict[str, Any] = dict.fromkeys(field.name for field in dataclasses.fields(ShockConfig))
    depeg = ShockConfig(**(numbers | {"kind": "collateral_depeg", "at_hours": 2.0, "duration_hours": 0.5, "loss": 0.1, "recovery": 0.5}))
    plain = study_of([LONG, *LATER], FALL, step=HALF_HOUR, insurance_fund=100.0, withdrawals=leaving())
    cross = dataclasses.replace(plain.book, isolated=np.zeros(plain.book.accounts, bool))
    study = path_study(dataclasses.replace(plain.config, shocks={"depeg": depeg}), cross, np.array(FALL)[:, None])
    ticks = replay(study)["ticks"]
    assert [tick["withdrawn"] for tick in ticks[2:4]] == approx({"B": 417.5}, {"B": 179.625})
    lost, back = ticks[3]["revalued"], ticks[4]["revalued"]
    assert lost == pytest.approx({"B": -58.25, "C": -10.0}, rel=1e-12)
    assert back == pytest.approx({"B": 0.05 * (582.5 - 179.625 / 0.9), "C": 5.0}, rel=1e-12)


def messages(*overrides: str) -> str:
    """What is wrong with a configuration."""
    run = "{fund_below: 0.8, move_above: null, leaves_per_hour: 0.5, delay_hours: 0, every_minutes: 10, unrealised_profit: false}"
    with pytest.raises(UserError) as caught:
        load([f"protocol.withdrawals={{run: {run}}}", *overrides])
    return str(caught.value)


@pytest.mark.parametrize(("override", "key"), [
    ("run.fund_curve=true", "run.fund_curve: got true, allowed is false with protocol.withdrawals.run.fund_below"),
    ("protocol.withdrawals.run.every_minutes=0.1", "protocol.withdrawals.run.every_minutes: got 0.1"),
    ("protocol.withdrawals.run.fund_below=null", "protocol.withdrawals.run: got"),
    ("protocol.withdrawals.run.move_above=0.1", "protocol.withdrawals.window_minutes: got"),
    ("protocol.withdrawals.run.leaves_per_hour=1", "protocol.withdrawals.run.leaves_per_hour: got 1"),
    ("protocol.waterfall=[adl]", "protocol.withdrawals.*.fund_below"),
])
def test_what_does_not_fit_is_refused(override: str, key: str) -> None:
    assert key in messages("run.fund_curve=false", override)


def test_a_limit_on_a_run_needs_one() -> None:
    with pytest.raises(UserError, match="collateral_withdrawn"):
        load(["limits.collateral_withdrawn=1e6"])


def test_no_ladder_and_no_kernel_follows_traders_who_leave() -> None:
    cfg = study_of([LONG, *LATER], FALL, withdrawals=leaving())
    assert any("protocol.withdrawals" in why for why in kernel_obstacles(cfg.config, cfg.market))
