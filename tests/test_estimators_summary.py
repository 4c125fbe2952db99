"""The metrics of summary.json: values, fields, strict JSON whatever happened."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from stress.mc.estimators import (
    METRICS,
    fund_curve,
    summarise,
)
from stress.mc.estimators.means import mean_moments
from stress.mc.estimators.sample import sample

REQUIRED_METRICS = {  # the public contract
    "depletion_probability", "cascade_probability", "adl_probability", "socialised_loss_probability",
    "liquidated_notional", "liquidated_accounts", "bad_debt", "fund_drawdown_var_99", "fund_drawdown_es_99",
    "required_fund_99", "required_fund_999", "adl_notional", "amplification", "max_displacement",
    "time_to_depletion_hours",
}
FUND, HORIZON = 50.0, 24.0


# --- summary.json -----------------------------------------------------------------------------------------------------
def columns(n, seed=13, **changes):
    """Outcome columns of n made-up paths."""
    rng = np.random.default_rng(seed)
    drawdown = rng.exponential(30.0, n) * (rng.random(n) < 0.3)
    depleted = drawdown > FUND
    money = {name: rng.exponential(10.0, n) * (rng.random(n) < 0.3) for name in (
        "bad_debt", "liquidated_notional_twin", "insurance_paid", "adl_haircut", "socialised_loss", "uncovered",
        "fees_to_fund", "adl_notional")}
    return money | {
        "liquidated_notional": 1.5 * money["liquidated_notional_twin"], "liquidated_accounts": rng.poisson(3.0, n),
        "fund_drawdown": drawdown, "depleted": depleted, "cascade": rng.random(n) < 0.1,
        "time_to_depletion_hours": np.where(depleted, rng.uniform(0, HORIZON, n), np.nan),
        "max_displacement": rng.random(n) * 0.1, "status": np.zeros(n, np.int8), "log_weight": np.zeros(n)} | changes


def summary(table):
    return summarise(table, confidence=0.95, fund=FUND, horizon_hours=HORIZON)


def check_metrics(metrics):
    """Strict JSON, the fields of the contract, ordered numbers, a reason for every null."""
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    assert set(metrics) == set(METRICS) >= REQUIRED_METRICS
    for name, metric in metrics.items():
        assert set(metric) - {"reason"} == {"estimate", "low", "high", "confidence", "method", "unit", "n"}, name
        numbers = [metric["low"], metric["estimate"], metric["high"]]
        assert ("reason" in metric) == (None in numbers), name
        present = [x for x in numbers if x is not None]
        assert present == sorted(present), (name, metric)


def test_summary_values():
    table = columns(2000)
    metrics = summary(table)
    check_metrics(metrics)
    simple = {"depletion_probability": table["depleted"], "cascade_probability": table["cascade"],
              "adl_probability": table["adl_notional"] > 0, "socialised_loss_probability": table["socialised_loss"] > 0,
              "liquidated_accounts": table["liquidated_accounts"], "max_displacement": table["max_displacement"],
              "time_to_depletion_hours": table["time_to_depletion_hours"][table["depleted"]],
              "fund_shortfall": np.maximum(table["fund_drawdown"] - FUND, 0)}
    simple |= {name: table[name] for name in (
        "bad_debt", "insurance_paid", "adl_haircut", "socialised_loss", "uncovered", "fees_to_fund", "adl_notional",
        "liquidated_notional")}
    for name, values in simple.items():
        assert_allclose(metrics[name]["estimate"], np.mean(values), rtol=1e-12, atol=0, err_msg=name)
        assert metrics[name]["n"] == len(values), name
    ordered = np.sort(table["fund_drawdown"])
    assert_allclose(metrics["amplification"]["estimate"], 1.5, rtol=1e-12, atol=0)
    assert metrics["required_fund_99"]["estimate"] == metrics["fund_drawdown_var_99"]["estimate"] == ordered[1979]
    assert metrics["required_fund_999"]["estimate"] == ordered[1997]
    assert_allclose(metrics["fund_drawdown_es_99"]["estimate"], ordered[-20:].mean(), rtol=1e-12, atol=0)
    assert metrics["required_fund_9999"]["high"] is None
    assert metrics["bad_debt"]["unit"] == "USD" and metrics["depletion_probability"]["unit"] == "probability"


@pytest.mark.parametrize("n", [1, 2, 3, 50])
@pytest.mark.parametrize("changes", [
    {}, {"status": 1}, {"depleted": 0}, {"log_weight": np.nan}, {"log_weight": 800.0}, {"log_weight": -np.inf},
    {"log_weight": -0.7}, {"bad_debt": np.nan}, {"bad_debt": np.inf}, {"bad_debt": 1e300}, {"max_displacement": 0.0},
    {"liquidated_notional_twin": 0.0}, {"fund_drawdown": 0.0}, {"time_to_depletion_hours": np.nan}, {"cascade": None},
], ids=str)
def test_summary_is_strict_json_whatever_happened(n, changes):
    for share in (1.0, 0.4):  # on all paths, or on some
        table = columns(n)
        for name, value in changes.items():
            column = np.array(table[name], object)
            column[np.random.default_rng(14).random(n) < share] = value
            table[name] = column if value is None else column.astype(float)
        with np.errstate(over="ignore", invalid="ignore"):
            check_metrics(summary(table))


def test_companions_that_were_not_run():
    table = columns(200)
    off = {name: np.full(200, np.nan) for name in ("fund_drawdown", "cascade", "liquidated_notional_twin")}
    absent = {name: column for name, column in table.items() if name not in off}
    for other in (table | off, absent):
        metrics = summary(other)
        check_metrics(metrics)
        for name, switch in (("required_fund_99", "run.fund_curve"), ("cascade_probability", "run.twin"),
                             ("fund_drawdown_es_99", "run.fund_curve"), ("amplification", "run.twin")):
            assert metrics[name]["estimate"] is None and switch in metrics[name]["reason"]
        assert metrics["depletion_probability"] == summary(table)["depletion_probability"]


def test_no_paths_at_all():
    for table in ({}, columns(0)):
        metrics = summary(table)
        check_metrics(metrics)
        assert {metric["reason"] for metric in metrics.values()} == {"the run has no paths"}


def test_nothing_depleted():
    metrics = summary(columns(100, depleted=np.zeros(100, bool), time_to_depletion_hours=np.full(100, np.nan)))
    assert metrics["time_to_depletion_hours"]["estimate"] is None
    assert metrics["time_to_depletion_hours"]["reason"] == "no path was depleted"
    assert_allclose(metrics["depletion_probability"]["high"], 1 - 0.025**0.01, rtol=1e-12, atol=0)


def test_failed_paths_may_have_been_depleted_at_any_time():
    depleted = np.arange(100) < 20
    times = np.where(depleted, 10.0 + np.arange(100) % 3, np.nan)
    status = (np.arange(100) >= 95).astype(np.int8)
    metric = summary(columns(100, depleted=depleted, time_to_depletion_hours=times, status=status))[
        "time_to_depletion_hours"]
    assert metric["n"] == 20
    assert_allclose(metric["estimate"], np.mean(times[:20]), rtol=1e-12, atol=0)
    early, late = np.append(times[:20], np.zeros(5)), np.append(times[:20], np.full(5, HORIZON))
    assert metric["low"] < early.mean() and metric["high"] > late.mean()


def test_columns_of_any_kind():
    table = columns(50)
    plain = summary(table)
    as_objects = summary(table | {"depleted": np.array(list(table["depleted"]), object)})
    masked = np.ma.masked_array(table["cascade"], mask=np.arange(50) == 3)
    assert as_objects["depletion_probability"] == plain["depletion_probability"]
    assert "1 failed path" in summary(table | {"cascade": masked})["cascade_probability"]["method"]


def test_input_columns_are_left_alone():
    table = columns(100)
    before = {name: column.copy() for name, column in table.items()}
    summary(table)
    fund_curve(table["fund_drawdown"], None, 0.95, 20, fund=FUND)
    for name, column in table.items():
        assert_array_equal(column, before[name], err_msg=name)


def test_contributing_paths_set_the_degrees_of_freedom():
    x = np.zeros(1000)
    x[:3] = [1.0, 2.0, 3.0]
    assert mean_moments(sample(x)).contributing == 3
    w = np.ones(1000)
    w[:3] = [1.0, 1.0, 2.0]
    assert_allclose(mean_moments(sample(x, weights=w)).contributing, 16 / 6, rtol=1e-12, atol=0)
