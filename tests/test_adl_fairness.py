"""How ADL treats those in profit: by hand over two rounds, its limits, and its estimates."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stress.build.engine import kernel_obstacles, obstacles
from stress.cli.compose import load
from stress.config.withdrawals import WithdrawalRunConfig, WithdrawalsConfig
from stress.errors import UserError
from stress.mc.estimators.metrics import FAIRNESS, summarise
from stress.protocol.adl.fairness import UNTOUCHED, gini, haircuts
from stress.session import replay
from tests.designs import DESIGNS
from tests.quick import block
from tests.random_books import random_study
from tests.reference.building import Row, make_book
from tests.studies import config, padded, path_study

BOOK: list[Row] = [
    ("A", 100.0, {"X": (10.0, 100.0)}),
    ("D", 200.0, {"X": (10.0, 100.0)}),
    ("L", 1000.0, {"X": (2.0, 80.0)}),
    ("W1", 100.0, {"X": (-6.0, 100.0)}),
    ("W2", 1000.0, {"X": (-16.0, 100.0)}),
]


def ledger(*prices: float, price: str = "bankruptcy", withdrawals: WithdrawalsConfig | None = None) -> dict[str, Any]:
    """Without a fund, by profit times leverage."""
    protocol = {
        "maintenance_margin": 0.01,
        "waterfall": ["insurance_fund", "adl"],
        "adl": {"policy": "profit_leverage", "price": price},
        "withdrawals": withdrawals,
    }
    cfg = config(protocol=protocol, run={"fairness": True})
    return replay(path_study(cfg, padded(make_book(BOOK), 7), np.array(prices)[:, None]))["outcome"]


def test_what_a_trader_took_out_is_profit_no_less() -> None:
    """As :func:`test_one_round`; at 99 W2 and L take free collateral out, and W1 is still the more leveraged."""
    run = WithdrawalRunConfig(fund_below=None, move_above=0.005, leaves_per_hour=0.9999, delay_hours=0.0, every_minutes=1.0,
                              unrealised_profit=False)
    rules = WithdrawalsConfig(window_minutes=5.0, run=run, gate=None)
    out, others = ledger(100.0, 99.0, 99.0, 85.0, withdrawals=rules), ledger(100.0, 99.0, 99.0, 85.0)
    assert out["collateral_withdrawn"] > 100
    for name in ("adl_hit_share", "adl_largest_haircut", "adl_gini", "adl_cost"):
        assert out[name] == near(others[name]) and out[name] > 0


def test_profits_of_inverse_contracts_are_coins() -> None:
    """A has 1 coin on 1,000 contracts from 100, so at 80 it owes 1.5; it is closed where 1,000 (1/b - 1/100) = 1.

    W, short 1,000 with 10 coins, has a profit of 2.5 coins and gives up the 1.5, which are 150 USD of time zero.
    """
    protocol = {"contract": "inverse", "maintenance_margin": 0.01, "waterfall": ["insurance_fund", "adl"],
                "adl": {"policy": "profit_leverage", "price": "bankruptcy"}}
    cfg = config(protocol=protocol, run={"fairness": True})
    rows: list[Row] = [("A", 100.0, {"X": (10.0, 100.0)}), ("W", 1000.0, {"X": (-10.0, 100.0)})]
    out = replay(path_study(cfg, make_book(rows), np.array([[100.0], [80.0]])))["outcome"]
    assert (out["adl_cost"], out["adl_needed"]) == near((150.0, 150.0))
    assert (out["adl_hit_share"], out["adl_largest_haircut"]) == near((1.0, 1.5 / 2.5))


def near(value: Any) -> Any:
    return pytest.approx(value, rel=1e-9, abs=1e-9)


def test_one_round() -> None:
    """At 85, A is closed at 90: 6 units of W1, the more leveraged, 4 of W2, each at a cost of 5 a unit.

    In profit are W1 by 90, W2 by 240 and L by 10; they give up 1/3, 1/12 and nothing.
    """
    out = ledger(100.0, 85.0)
    assert out["adl_hit_share"] == near(2 / 3)
    assert out["adl_largest_haircut"] == near(1 / 3)
    assert out["adl_gini"] == near(2 * (1 / 3) / (3 * (1 / 3 + 1 / 12)))
    assert (out["adl_cost"], out["adl_needed"], out["adl_haircut"]) == near((50.0, 50.0, 50.0))


def test_two_rounds_add_up() -> None:
    """At 75, D is closed at 80 against 10 of the 12 units that W2 has left.

    W1, which is closed, made 60 and would have made 90; W2 made 40 and is 300 in profit, with 20 given up before: 360.
    They gave up 30 and 70. L is in profit no more.
    """
    out = ledger(100.0, 85.0, 75.0)
    assert out["adl_hit_share"] == 1.0
    assert out["adl_largest_haircut"] == near(1 / 3)
    first, second = 70 / 360, 30 / 90
    assert out["adl_gini"] == near((second - first) / (2 * (first + second)))
    assert (out["adl_cost"], out["adl_needed"]) == near((100.0, 100.0))


def test_at_the_mark_nobody_gives_anything_up() -> None:
    out = ledger(100.0, 85.0, price="mark")
    assert (out["adl_hit_share"], out["adl_largest_haircut"], out["adl_cost"]) == (near(2 / 3), 0.0, 0.0)
    assert out["adl_gini"] is None and out["adl_haircut"] == near(0.0) and out["adl_needed"] == near(50.0)


def test_without_adl_there_is_nothing_to_judge() -> None:
    out = ledger(100.0, 99.0)
    assert (out["adl_hit_share"], out["adl_gini"], out["adl_cost"]) == (None, None, 0.0)


def test_gini_and_haircuts() -> None:
    """Equal: 0; one of n bears all: (n - 1) / n; members only."""
    everybody = jnp.ones(5, bool)
    assert float(gini(jnp.full(5, 0.3), everybody)) == near(0.0)
    assert float(gini(jnp.array([0.0, 0.0, 0.9, 0.0, 0.0]), everybody)) == near(0.8)
    assert float(gini(jnp.array([0.5, 1.0, 0.5]), jnp.array([True, False, True]))) == near(0.0)
    assert math.isnan(float(gini(jnp.zeros(5), everybody)))
    cut = haircuts(jnp.array([10.0, 200.0, -5.0, UNTOUCHED]), jnp.array([40.0, 100.0, 50.0, 70.0]))
    np.testing.assert_allclose(cut, [0.25, 1.0, 0.0, 0.0])


def test_measuring_changes_nothing() -> None:
    """Bit for bit."""
    design = dict(DESIGNS["close factor, fund, pro rata after a drawdown, socialised"])
    plain = {name: value for name, value in design.items() if name != "fairness"}
    results = []
    for given in (design, plain):
        study, _ = random_study(given, np.random.default_rng(8))
        results.append(jax.device_get(block(study.plan.job, np.uint32(0), 0)))
    assert results[0].fairness is not None and results[1].fairness is None
    assert results[0].outcome.adl_notional.max() > 0
    jax.tree.map(np.testing.assert_array_equal, results[0].outcome, results[1].outcome)


def test_means_are_over_the_paths_with_adl() -> None:
    """Two of four paths; overshoot is 90 off the deficits where 60 were needed."""
    none = np.nan
    columns = {
        "adl_hit_share": np.array([0.5, none, 1.0, none]),
        "adl_largest_haircut": np.array([0.2, none, 0.4, none]),
        "adl_gini": np.array([0.0, none, none, none]),
        "adl_cost": np.array([10.0, 0.0, 30.0, 0.0]),
        "adl_needed": np.array([20.0, 0.0, 40.0, 0.0]),
        "adl_haircut": np.array([30.0, 0.0, 60.0, 0.0]),
        "status": np.zeros(4),
    }
    found = summarise(columns, confidence=0.95, fund=0.0, horizon_hours=1.0)
    estimates = [found[name]["estimate"] for name in FAIRNESS]
    assert estimates == near([0.75, 0.3, 0.0, 10.0, 1.5])
    assert [found[name]["n"] for name in FAIRNESS] == [2, 2, 1, 4, 4]
    assert "adl_gini" not in summarise({"status": np.zeros(4)}, confidence=0.95, fund=0.0, horizon_hours=1.0)


def test_neither_ladder_nor_kernel_remembers_accounts() -> None:
    design = {"law": "linear", "rule": "full", "adl": "pro_rata", "waterfall": ["insurance_fund", "adl"]}
    study, _ = random_study(design, np.random.default_rng(1), ladder=True)
    measured = dataclasses.replace(study.config, run=dataclasses.replace(study.config.run, fairness=True))
    given = study.book, study.margin, study.market
    assert not obstacles(study.config, *given)
    (reason,) = obstacles(measured, *given)
    assert "run.fairness" in reason
    (reason,) = kernel_obstacles(measured, study.market)
    assert "run.fairness" in reason


def test_a_limit_needs_the_measure() -> None:
    with pytest.raises(UserError, match="fairness"):
        load(["limits.adl_gini=0.5"])
    load(["limits.adl_gini=0.5", "run.fairness=true"])
