"""When ADL begins: the fund's drawdown by hand, its limits, and what configurations may say."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stress.build.engine import kernel_obstacles, obstacles
from stress.cli.compose import load
from stress.config.insurance import InsuranceConfig
from stress.errors import UserError
from stress.protocol.adl.trigger import fell_from_peak
from stress.session import replay
from tests.designs import DESIGNS
from tests.quick import block
from tests.random_books import random_study
from tests.reference.building import FUND_THEN_ADL, Row, bare_rules, make_book, run
from tests.studies import config, padded, path_study

LOSERS: list[Row] = [(name, cash, {"X": (10.0, 100.0)}) for name, cash in (("A", 100.0), ("B", 200.0), ("C", 300.0))]
WINNER: Row = ("S", 1000.0, {"X": (-30.0, 100.0)})
PRICES = (100.0, 87.0, 78.0, 69.0)
"""A ends 30 USD below zero, B 20, C 10, one a tick."""


def ledger(rows: list[Row], *prices: float, drawdown: float | None, fund: float, **liquidation: Any) -> dict[str, Any]:
    """The engine's ledger of a path; None: ADL waits until the fund is empty."""
    trigger = {"trigger": "fund_empty"} if drawdown is None else {"trigger": "fund_drawdown", "drawdown": drawdown}
    protocol = {
        "maintenance_margin": 0.01,
        "insurance_fund": fund,
        "waterfall": list(FUND_THEN_ADL),
        "adl": {"policy": "pro_rata", **trigger},
        "liquidation": liquidation,
    }
    study = path_study(config(protocol=protocol), padded(make_book(rows), 5), np.array(prices)[:, None])
    return replay(study)


def near(value: Any) -> Any:
    return pytest.approx(value, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("drawdown", "funds", "given"), [
    (None, (70.0, 50.0, 40.0), []),
    (1.0, (70.0, 50.0, 40.0), []),
    (0.3, (70.0, 50.0, 50.0), [("S", -10.0, 70.0)]),  # 70 is not below 70 % of 100, 50 is: C is closed at its price
    (0.2, (70.0, 70.0, 70.0), [("S", -10.0, 80.0), ("S", -10.0, 70.0)]),
])
def test_a_fund_that_fell_far_pays_no_more(drawdown: float | None, funds: Any, given: list[Any]) -> None:
    """The fund holds 100 USD at the start; what it has after each tick, and what the winner gives up."""
    out = ledger([*LOSERS, WINNER], *PRICES, drawdown=drawdown, fund=100.0, fee=0.0)
    assert [tick["fund"] for tick in out["ticks"]] == near(list(funds))
    fills = [(row["account"], row["size"], row["price"]) for tick in out["ticks"] for row in tick["adl"]]
    assert fills == [(name, near(size), near(price)) for name, size, price in given]
    result = out["outcome"]
    assert (result["bad_debt"], result["insurance_paid"]) == near((60.0, 100.0 - funds[-1]))
    assert (result["adl_haircut"], result["uncovered"]) == near((funds[-1] - 40.0, 0.0))
    rules = bare_rules(insurance_fund=100.0, waterfall=FUND_THEN_ADL, adl_policy="pro_rata", adl_drawdown=drawdown)
    assert list(run([*LOSERS, WINNER], rules, *PRICES).fund) == near(list(funds))


def test_the_peak_is_what_fees_made_of_the_fund() -> None:
    """A's fee of 0.5 % of 900 makes 14.5 USD of the fund's 10; B costs 5, and the 9.5 left are below 70 % of 14.5."""
    rows: list[Row] = [(name, cash, {"X": (10.0, 100.0)}) for name, cash in (("A", 105.0), ("B", 170.0), ("C", 300.0))]
    out = ledger([*rows, WINNER], 100.0, 90.0, 82.5, 69.5, drawdown=0.3, fund=10.0, fee=0.005, keeper_share=0.0)
    assert [tick["fund"] for tick in out["ticks"]] == near([14.5, 9.5, 9.5])
    assert [(row["size"], row["price"]) for row in out["ticks"][2]["adl"]] == [(near(-10.0), near(70.0))]


CROSS: list[Row] = [
    ("A", 100.0, {"X": (10.0, 100.0)}), ("B", 200.0, {"X": (10.0, 100.0)}), ("D", 100.0, {"Y": (10.0, 100.0)}),
    ("S", 1000.0, {"X": (-20.0, 100.0), "Y": (-10.0, 100.0)}),
]
"""A is 40 short at 86, B 20 at 78, and D 20 where Y is at 88."""


def of_funds(rows: list[Row], path: Any, fund: float, **rules: Any) -> dict[str, Any]:
    """The ledger with rules of their own for the funds, and a bound of 30 %."""
    path = np.array(path, float).reshape(len(path), -1)
    markets = ("X", "Y")[: path.shape[1]]
    protocol = {
        "maintenance_margin": 0.01, "insurance_fund": fund, "waterfall": list(FUND_THEN_ADL),
        "insurance": InsuranceConfig(**rules),
        "adl": {"policy": "pro_rata", "trigger": "fund_drawdown", "drawdown": 0.3}, "liquidation": {"fee": 0.0},
    }
    return replay(path_study(config(markets=markets, protocol=protocol), padded(make_book(rows, markets), 5), path))


@pytest.mark.parametrize(("scope", "shares", "left", "given"), [
    ("market", {"X": 1.0, "Y": 1.0}, [160.0, 140.0], [("S", "X", -10.0, 80.0)]),
    ("shared", None, [160.0, 120.0], []),
])
def test_each_market_s_fund_has_a_peak_of_its_own(scope: str, shares: Any, left: list[float], given: list[Any]) -> None:
    """A takes 40 of the 100 of X, which is then below 70; so B falls on ADL, while the fund of Y pays for D.

    One fund of 200 has 160 left, of which 140 are the bound.
    """
    path = [(100.0, 100.0), (86.0, 100.0), (78.0, 88.0)]
    out = of_funds(CROSS, path, 200.0, scope=scope, shares=shares)
    assert [tick["fund"] for tick in out["ticks"]] == near(left)
    fills = [(row["account"], row["market"], row["size"], row["price"]) for tick in out["ticks"] for row in tick["adl"]]
    assert fills == [(name, market, near(size), near(price)) for name, market, size, price in given]


def test_an_income_raises_the_peak() -> None:
    """10 USD a minute make 120 of 100. A is 60 short; a minute later 70 are there, below 70 % of 120, not of 100."""
    rows: list[Row] = [("A", 100.0, {"X": (10.0, 100.0)}), ("B", 220.0, {"X": (10.0, 100.0)}), ("S", 1e3, {"X": (-20.0, 100.0)})]
    out = of_funds(rows, [100.0, 100.0, 84.0, 76.0], 100.0, scope="shared", income_usd_per_day=14400.0)
    assert [tick["fund"] for tick in out["ticks"]] == near([110.0, 60.0, 70.0])
    assert [(row["size"], row["price"]) for row in out["ticks"][2]["adl"]] == [(near(-10.0), near(78.0))]


def test_a_fund_at_the_bound_has_not_fallen_too_far() -> None:
    """Vectors as numbers; a fund without limit never fell."""
    fund, peak = jnp.array([70.0, 69.9, 0.0, jnp.inf, 0.0]), jnp.array([100.0, 100.0, 1.0, jnp.inf, 0.0])
    assert list(fell_from_peak(fund, peak, jnp.asarray(0.3))) == [False, True, True, False, False]
    assert not fell_from_peak(jnp.asarray(0.0), jnp.asarray(1.0), jnp.asarray(1.0))


def test_a_drawdown_of_all_is_an_empty_fund() -> None:
    """On random books, up to the rounding of sums that looks at the front or at all make in another order."""
    design = dict(DESIGNS["close factor, fund, pro rata after a drawdown, socialised"])
    outcomes = []
    for changes in ({"drawdown": 1.0}, {}):
        given = {name: value for name, value in design.items() if name != "drawdown"} | changes
        study, _ = random_study(given, np.random.default_rng(15))
        outcomes.append(jax.device_get(block(study.plan.job, np.uint32(0), 0).outcome))
    assert outcomes[0].adl_notional.max() > 0
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-8), *outcomes)


@pytest.mark.parametrize(("values", "told"), [
    (("protocol.adl.trigger=fund_drawdown",), "protocol.adl.drawdown"),
    (("protocol.adl.trigger=fund_drawdown", "protocol.adl.drawdown=0.3", "protocol.waterfall=[adl]"),
     "protocol.adl.trigger"),
    (("protocol.adl.trigger=fund_drawdown", "protocol.adl.drawdown=1.3"), "protocol.adl.drawdown"),
])
def test_what_makes_no_sense_is_refused(values: tuple[str, ...], told: str) -> None:
    with pytest.raises(UserError, match=told):
        load(list(values))


def test_neither_ladder_nor_kernel_follows_the_peak() -> None:
    study, _ = random_study({"law": "linear", "rule": "full", "adl": "pro_rata", "drawdown": 0.3,
                             "waterfall": ["insurance_fund", "adl"]}, np.random.default_rng(1), ladder=True)
    given = study.config, study.book, study.margin, study.market
    assert any("fund_drawdown" in reason for reason in obstacles(*given))
    assert any("fund_drawdown" in reason for reason in kernel_obstacles(study.config, study.market))
