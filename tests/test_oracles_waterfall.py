"""Exact ledgers of the waterfall through ``stress.session.replay``: hand-built books, a given path, every balance.

WF-14 (takeover at the bankruptcy price, where the fund keeps a surplus) is not expressible: accounts are executed at
the price of the book.
"""

from __future__ import annotations

from fractions import Fraction as F
from typing import Any

import numpy as np
import pytest

from stress.session import replay
from tests.reference.building import LONG, SHORT, Row, make_book
from tests.studies import config, padded, path_study

EXACT = 1e-9
ADL_THEN_ALL = ["insurance_fund", "adl", "socialised_loss"]
FUND_THEN_ALL = ["insurance_fund", "socialised_loss"]


def ledger(
    rows: list[Row],
    *prices: float,
    margin: float = 0.01,
    fund: float = 0.0,
    fee: float = 0.0,
    lam: float = 0.0,
    waterfall: list[str] | None = None,
    adl: str = "none",
    adl_price: str = "bankruptcy",
    **liquidation: Any,
) -> dict[str, Any]:
    """The ledger of a path; ``lam`` is the linear impact in USD a unit at the second price. Asserts conservation."""
    protocol = {
        "maintenance_margin": margin,
        "insurance_fund": fund,
        "waterfall": waterfall or FUND_THEN_ALL,
        "adl": {"policy": adl, "price": adl_price},
        "liquidation": {"fee": fee, **liquidation},
    }
    liquidity = {"law": "linear", "depth_usd": 0.01 * prices[1] ** 2 / lam} if lam else {}
    study = path_study(
        config(protocol=protocol, liquidity=liquidity), padded(make_book(rows), 5), np.array(prices)[:, None]
    )
    out = replay(study)
    gross = study.plan.gross_notional
    assert 0 <= out["outcome"]["cash_residual"] <= 1e-12 * gross
    assert 0 <= out["outcome"]["contracts_residual"] <= 1e-12 * gross
    return out


def near(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: near(item) for key, item in value.items()}
    return pytest.approx(float(value), rel=EXACT, abs=EXACT)


def cash(out: dict[str, Any]) -> dict[str, float]:
    """Final cash by owner."""
    return {owner: row["cash"] for owner, row in out["final"]["accounts"].items() if owner != "flat"}


def closed(out: dict[str, Any], kind: str = "liquidations") -> list[tuple[str, Any, Any]]:
    """(account, size, price) of every row of the first tick."""
    return [(row["account"], near(row["size"]), near(row["price"])) for row in out["ticks"][0][kind]]


@pytest.mark.parametrize(
    ("price", "trader", "fee", "fund", "deficit"),
    [
        pytest.param(90.5, F(19, 40), F(181, 40), F(2181, 40), 0, id="WF-01"),
        pytest.param(90.2, 0, 2, 52, 0, id="WF-02 fee truncated"),
        pytest.param(87.0, 0, 0, 20, 30, id="WF-03 fund pays"),
    ],
)
def test_one_account(price: float, trader: F, fee: F, fund: F, deficit: F) -> None:
    out = ledger([LONG, SHORT], 100.0, price, fund=50.0, fee=0.005)
    (row,) = out["ticks"][0]["liquidations"]
    assert (row["account"], row["market"]) == ("A", "X")
    assert [row[name] for name in ("size", "price", "fee", "deficit")] == [near(x) for x in (10, price, fee, deficit)]
    assert (cash(out)["A"], out["final"]["fund"], out["ticks"][0]["fund"]) == (near(trader), near(fund), near(fund))
    assert [out["outcome"][name] for name in ("bad_debt", "insurance_paid", "uncovered")] == [
        near(deficit),
        near(deficit),
        0.0,
    ]
    assert out["ticks"][0]["adl"] == [] and out["ticks"][0]["socialised"] == {}


def test_wf04_loss_shared_by_open_profit() -> None:
    rows: list[Row] = [
        LONG,
        ("B", 300.0, {"X": (-6.0, 100.0)}),
        ("C", 200.0, {"X": (-4.0, 100.0)}),
        ("D", 500.0, {"X": (5.0, 95.0)}),
        ("E", 500.0, {"X": (-5.0, 95.0)}),
    ]
    out = ledger(rows, 100.0, 82.0, fund=20.0, fee=0.005)
    assert out["ticks"][0]["socialised"] == near({"B": F(1296, 49), "C": F(864, 49), "E": F(780, 49)})
    assert cash(out) == near({"A": 0, "B": F(13404, 49), "C": F(8936, 49), "D": 500, "E": F(23720, 49)})
    names = ("bad_debt", "socialised_loss", "insurance_paid", "fund_drawdown", "depleted", "time_to_depletion_hours")
    assert [out["outcome"][name] for name in names] == [near(x) for x in (80, 60, 20, 80, True, F(1, 60))]
    assert out["final"]["fund"] == near(0)


def test_wf05_ranked_adl() -> None:
    rows: list[Row] = [
        LONG,
        ("B", 60.0, {"X": (-6.0, 100.0)}),
        ("C", 200.0, {"X": (-4.0, 105.0)}),
        ("D", 20.0, {"X": (-3.0, 98.0)}),
        ("M", 5000.0, {"X": (3.0, 98.0)}),
    ]
    out = ledger(rows, 100.0, 85.0, waterfall=ADL_THEN_ALL, adl="profit_leverage")
    taken = {account: (size, price) for account, size, price in closed(out, "adl")}
    assert taken == {"D": (-3.0, 90.0), "B": (-6.0, 90.0), "C": (-1.0, 90.0)}
    assert closed(out) == [("A", 10.0, 90.0)]
    assert cash(out) == near({"A": 0, "B": 120, "C": 215, "D": 44, "M": 5000})
    assert out["final"]["accounts"]["C"]["positions"]["X"] == near({"size": -3, "entry_price": 105})
    names = ("adl_haircut", "adl_notional", "bad_debt", "uncovered", "liquidated_accounts")
    assert [out["outcome"][name] for name in names] == [near(x) for x in (50, 900, 50, 0, 1)]


@pytest.mark.parametrize(("units", "order"), [(3.0, "D"), (9.0, "DB"), (9.5, "DBC")])
def test_wf05_order_of_deleveraging(units: float, order: str) -> None:
    """The scores 0.573, 0.51 and 0.231 of D, B and C show in who is left alone by a smaller loser."""
    rows: list[Row] = [
        ("A", 10 * units, {"X": (units, 100.0)}),
        ("B", 60.0, {"X": (-6.0, 100.0)}),
        ("C", 200.0, {"X": (-4.0, 105.0)}),
        ("D", 20.0, {"X": (-3.0, 98.0)}),
        ("M", 5000.0, {"X": (13.0 - units, 98.0)}),
    ]
    out = ledger(rows, 100.0, 85.0, waterfall=ADL_THEN_ALL, adl="profit_leverage")
    assert sorted(row["account"] for row in out["ticks"][0]["adl"]) == sorted(order)


@pytest.mark.parametrize("price", ["mark", "oracle"])
def test_adl_at_the_market_leaves_losers_their_deficit(price: str) -> None:
    """At 85 the loser is 50 short: the winner gives all units there and keeps its profit of 150; nobody else has one."""
    rows: list[Row] = [
        LONG,
        ("B", 1000.0, {"X": (-10.0, 100.0)}),
        ("M", 5000.0, {"X": (-4.0, 80.0)}),
        ("N", 5000.0, {"X": (4.0, 90.0)}),
    ]
    out = ledger(rows, 100.0, 85.0, waterfall=ADL_THEN_ALL, adl="hyperliquid", adl_price=price)
    assert closed(out, "adl") == [("B", -10.0, 85.0)]
    assert closed(out) == [("A", 10.0, 85.0)]
    names = ("bad_debt", "adl_haircut", "adl_notional", "socialised_loss", "uncovered")
    assert [out["outcome"][name] for name in names] == [near(x) for x in (50, 0, 850, 0, 50)]
    assert cash(out) == near({"A": -50, "B": 1150, "M": 5000, "N": 5000})


def test_a_random_queue_skips_who_would_be_left_riskier() -> None:
    """Of the shorts, C is bankrupt at 88 and the loser at 90; D at 120."""
    rows: list[Row] = [
        LONG,
        ("C", -28.0, {"X": (-4.0, 95.0)}),
        ("D", 400.0, {"X": (-20.0, 100.0)}),
        ("N", 1e4, {"X": (14.0, 90.0)}),
    ]
    out = ledger(rows, 100.0, 85.0, waterfall=ADL_THEN_ALL, adl="random")
    assert closed(out, "adl") == [("D", -10.0, 90.0)]


def test_wf06_partial_liquidation() -> None:
    rows: list[Row] = [("A", 700.0, {"X": (100.0, 100.0)}), ("B", 5000.0, {"X": (-100.0, 100.0)})]
    out = ledger(rows, 100.0, 93.6, fund=10.0, fee=0.001, rule="restore_target", target_multiple=1.5)
    row, account = out["ticks"][0]["liquidations"][0], out["final"]["accounts"]["A"]
    assert (row["size"], row["fee"]) == (near(F(16750, 273)), near(F(201, 35)))
    assert (account["cash"], account["equity"], out["final"]["fund"]) == (
        near(F(411661, 1365)),
        near(F(1899, 35)),
        near(F(551, 35)),
    )
    assert account["positions"]["X"] == near({"size": F(10550, 273), "entry_price": 100})


@pytest.mark.parametrize(
    ("drop", "fund", "mark", "balances", "sold", "paid"),
    [
        pytest.param(6.0, 29.3, 92.0, {"A": 0.7, "B": 300, "S": 1000}, [("A", 20.0, 93.0)], 0, id="WF-13"),
        pytest.param(
            7.0, 0.0, 88.0, {"A": 0, "B": 0, "S": 995}, [("A", 20.0, 92.0), ("B", 30.0, 89.5)], 5, id="WF-13b"
        ),
    ],
)
def test_impact_takes_the_next_account_along(
    drop: float, fund: float, mark: float, balances: dict[str, float], sold: list[Any], paid: float
) -> None:
    rows: list[Row] = [
        ("A", 150.0, {"X": (20.0, 100.0)}),
        ("B", 300.0, {"X": (30.0, 100.0)}),
        ("S", 1000.0, {"X": (-50.0, 100.0)}),
    ]
    out = ledger(rows, 100.0, 100.0 - drop, margin=0.02, fund=20.0, fee=0.005, lam=0.1)
    assert closed(out) == sold and out["ticks"][0]["rounds"] == len(sold)
    assert cash(out) == near(balances)
    assert (out["ticks"][0]["mark"]["X"], out["final"]["fund"]) == (near(mark), near(fund))
    assert out["ticks"][0]["socialised"] == near({"S": paid} if paid else {})
    assert out["final"]["accounts"]["S"]["equity"] == near(balances["S"] + 50 * (100 - mark))


@pytest.mark.parametrize(
    ("leverage", "long_price", "short_price"),
    [
        pytest.param(10, 90.45226130653266, 109.45273631840796, id="LIQ-PX-10x"),
        pytest.param(20, 95.47738693467336, 104.4776119402985, id="LIQ-PX-20x"),
    ],
)
def test_liquidation_price(leverage: float, long_price: float, short_price: float) -> None:
    """The check is strict, so a tick a millionth of a cent before the price leaves the account alone."""
    for side, price in ((1.0, long_price), (-1.0, short_price)):
        for beyond in (-1e-8, 1e-8):
            rows: list[Row] = [("A", 100 / leverage, {"X": (side, 100.0)}), ("B", 1000.0, {"X": (-side, 100.0)})]
            assert bool(closed(ledger(rows, 100.0, price - side * beyond, margin=0.005))) == (beyond > 0)
