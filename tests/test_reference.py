"""The NumPy reference against exact ledgers, cascade fixed points and hand-worked cases.

Numbers with an id (WF-, CAS-, LIQ-) are facts transcribed from the project's table of reference values: exact rational
arithmetic for the waterfall, the minimal fixed point of D = D0 + lambda M(D) for cascades. Everything here is
deterministic. WF-14 (takeover at the bankruptcy price, where the fund keeps a surplus) is not expressible: accounts
here execute at the book's price. Cross-market impact (CAS-2A) and recovery between rounds (CAS-TRANS) are not either.
"""

from __future__ import annotations

import dataclasses
import math
from statistics import NormalDist
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from stress.config import schema
from stress.config.adl import ADL_POLICIES
from stress.config.liquidation import LiquidationConfig
from stress.config.margin import TierConfig
from tests.reference import Rules, simulate
from tests.reference.adl_policies import score
from tests.reference.building import (
    FUND_THEN_ADL,
    FUND_THEN_ALL,
    LONG,
    SHORT,
    Row,
    bare_rules,
    cash,
    closed,
    ladder,
    make_book,
    near,
    run,
)
from tests.reference.check import risk_check
from tests.reference.impact import displacement, mean_displacement
from tests.reference.margin import requirement, restoring_share
from tests.reference.state import Venue

# --- the waterfall's exact ledgers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("price", "trader", "fee", "fund", "deficit"), [
    pytest.param(90.5, 0.475, 4.525, 54.525, 0.0, id="WF-01"),
    pytest.param(90.2, 0.0, 2.0, 52.0, 0.0, id="WF-02 fee truncated"),
    pytest.param(87.0, 0.0, 0.0, 20.0, 30.0, id="WF-03 fund pays"),
])
def test_waterfall_one_account(price, trader, fee, fund, deficit):
    result = run([LONG, SHORT], bare_rules(fee=0.005, insurance_fund=50.0, waterfall=FUND_THEN_ALL), 100.0, price)
    row = result.ledger["ticks"][0]["liquidations"][0]
    assert (row["size"], row["price"], row["fee"], row["deficit"]) == near((10.0, price, fee, deficit))
    assert (cash(result)["A"], result.fund_end, result.insurance_paid) == near((trader, fund, deficit))
    assert (result.outside_size[0], result.outside_cash) == near((10.0, -10 * price))
    assert (result.bad_debt, result.uncovered, result.depleted) == (near(deficit), 0.0, False)


def test_wf04_loss_shared_by_open_profit():
    rows: list[Row] = [
        LONG, ("B", 300.0, {"X": (-6.0, 100.0)}), ("C", 200.0, {"X": (-4.0, 100.0)}),
        ("D", 500.0, {"X": (5.0, 95.0)}), ("E", 500.0, {"X": (-5.0, 95.0)})]
    result = run(rows, bare_rules(fee=0.005, insurance_fund=20.0, waterfall=FUND_THEN_ALL), 100.0, 82.0)
    assert result.ledger["ticks"][0]["socialised"] == near({"B": 1296 / 49, "C": 864 / 49, "E": 780 / 49})
    assert cash(result) == near({"A": 0.0, "B": 13404 / 49, "C": 8936 / 49, "D": 500.0, "E": 23720 / 49})
    assert (result.bad_debt, result.socialised_loss, result.fund_end) == near((80.0, 60.0, 0.0))
    assert result.depleted and result.time_to_depletion_hours == near(1 / 60) and result.fund_drawdown == near(80.0)


def test_wf05_ranked_adl():
    rows: list[Row] = [
        LONG, ("B", 60.0, {"X": (-6.0, 100.0)}), ("C", 200.0, {"X": (-4.0, 105.0)}), ("D", 20.0, {"X": (-3.0, 98.0)}),
        ("M", 5000.0, {"X": (3.0, 98.0)})]
    rules = bare_rules(waterfall=FUND_THEN_ADL, adl_policy="profit_leverage")
    result = run(rows, rules, 100.0, 85.0)
    assert closed(result, "adl") == [(1, "D", -3.0, 90.0), (1, "B", -6.0, 90.0), (1, "C", -1.0, 90.0)]
    assert closed(result) == [(1, "A", 10.0, 90.0)]
    assert cash(result) == near({"A": 0.0, "B": 120.0, "C": 215.0, "D": 44.0, "M": 5000.0})
    assert (result.adl_haircut, result.adl_notional, result.outside_size[0]) == near((50.0, 900.0, 0.0))
    venue = Venue.open(make_book(rows), rules)
    check = risk_check(venue, np.array([85.0]), np.array([85.0]))
    assert [score(venue, check, n, 0, 1) for n in (1, 2, 3)] == near([51 / 100, 34 / 147, 3315 / 5782])


def test_wf06_partial_liquidation():
    rows: list[Row] = [("A", 700.0, {"X": (100.0, 100.0)}), ("B", 5000.0, {"X": (-100.0, 100.0)})]
    rules = bare_rules(rule="restore_target", target_multiple=1.5, fee=0.001, insurance_fund=10.0)
    result = run(rows, rules, 100.0, 93.6)
    row, account = result.ledger["ticks"][0]["liquidations"][0], result.ledger["final"]["accounts"]["A"]
    assert (row["size"], row["fee"]) == near((16750 / 273, 201 / 35))
    assert (account["cash"], account["equity"], result.fund_end) == near((411661 / 1365, 1899 / 35, 551 / 35))
    assert account["positions"]["X"] == near({"size": 10550 / 273, "entry_price": 100.0})


@pytest.mark.parametrize(("drop", "fund", "mark", "expected_cash", "sold"), [
    pytest.param(6.0, 29.3, 92.0, {"A": 0.7, "B": 300.0, "S": 1000.0}, [(1, "A", 20.0, 93.0)], id="WF-13"),
    pytest.param(7.0, 0.0, 88.0, {"A": 0.0, "B": 0.0, "S": 995.0}, [(1, "A", 20.0, 92.0), (1, "B", 30.0, 89.5)],
                 id="WF-13b"),
])
def test_waterfall_with_impact(drop, fund, mark, expected_cash, sold):
    rows: list[Row] = [("A", 150.0, {"X": (20.0, 100.0)}), ("B", 300.0, {"X": (30.0, 100.0)}),
                       ("S", 1000.0, {"X": (-50.0, 100.0)})]
    price = 100.0 - drop
    rules = bare_rules(margin=0.02, fee=0.005, insurance_fund=20.0, waterfall=FUND_THEN_ALL, impact=True,
                       depth_usd=0.01 * price**2 / 0.1)
    result = run(rows, rules, 100.0, price)
    assert closed(result) == sold and result.rounds == len(sold)
    assert cash(result) == near(expected_cash)
    assert (result.mark[0, 0], result.fund_end) == near((mark, fund))
    assert result.max_displacement == near((price - mark) / price)


@pytest.mark.parametrize(("leverage", "long_price", "short_price"), [
    pytest.param(10, 90.45226130653266, 109.45273631840796, id="LIQ-PX-10x"),
    pytest.param(20, 95.47738693467336, 104.4776119402985, id="LIQ-PX-20x"),
])
@pytest.mark.parametrize("beyond", [-1e-9, 1e-9])
def test_liquidation_price(leverage, long_price, short_price, beyond):
    for side, price in ((1.0, long_price), (-1.0, short_price)):
        rows: list[Row] = [("A", 100 / leverage, {"X": (side, 100.0)}), ("B", 1000.0, {"X": (-side, 100.0)})]
        result = run(rows, bare_rules(margin=0.005), 100.0, price - side * beyond)
        assert result.liquidated_accounts == (beyond > 0)


# --- cascades --------------------------------------------------------------------------------------------------------
def cascade(distances: np.ndarray, unit: float, drop: float, lam: float = 0.02, **changes: Any) -> tuple[float, float]:
    """(price drop, quantity sold) of a ladder after an exogenous drop, impact lam USD a unit: D = 0.01 S^2 / lam."""
    price = 100.0 - drop
    rules = bare_rules(margin=0.1, impact=True, depth_usd=0.01 * price**2 / lam, **changes)
    result = simulate(ladder(distances, unit), rules, np.array([[100.0], [price]]), np.ones(1), 60.0)
    return 100.0 - result.mark[0, 0], result.outside_size[0]


def uniform(drop: float, rho: float, first: int, count: int, gap: float = 0.0,
            lead: float = 0.8) -> tuple[np.ndarray, float]:
    """Ladder of ``rho`` units a USD whose ``first`` rungs are those the exogenous drop alone triggers, and its unit.

    Rungs stand ``lead`` of a spacing above the place where the continuous ladder would be sold up to them. With
    branching ratio n and n <= lead < 1 the staircase's minimal fixed point is exactly first / (1 - n) rungs wherever
    that is whole: the continuous answer, without a discretisation error.
    """
    spacing = (drop - gap) / first
    return gap + (np.arange(1, count + 1) - lead) * spacing, rho * spacing


@pytest.mark.parametrize(("drop", "rho", "gap", "first", "count", "changes", "expected"), [
    pytest.param(2.0, 30.0, 0.0, 120, 400, {}, (5.0, 150.0), id="CAS-UNI-D, -Q, -A"),
    pytest.param(2.0, 30.0, 1.0, 60, 300, {}, (3.5, 75.0), id="CAS-GAP"),
    pytest.param(2.0, 30.0, 1.0, 60, 120, {}, (3.2, 60.0), id="CAS-SAT: the ladder ends after 2 USD"),
    pytest.param(2.0, 60.0, 0.0, 280, 500, {"rule": "close_factor", "close_factor": 0.25}, (20 / 7, 300 / 7),
                 id="CAS-PART-0.25"),
    pytest.param(2.0, 60.0, 0.0, 280, 900, {"rule": "close_factor", "close_factor": 0.5}, (5.0, 150.0),
                 id="CAS-PART-0.5"),
])
def test_uniform_ladder(drop, rho, gap, first, count, changes, expected):
    assert cascade(*uniform(drop, rho, first, count, gap), drop, **changes) == near(expected)


def test_uniform_ladder_round_by_round():
    """CAS-UNI-ROUNDS: with 625 first rungs every round up to the fifth sells a whole number of rungs."""
    rungs, unit = uniform(2.0, 30.0, 625, 1500, lead=0.5)
    drops = [cascade(rungs, unit, 2.0, max_rounds=k)[0] for k in range(1, 6)]
    assert drops == near([3.2, 3.92, 4.352, 4.6112, 4.76672])


@pytest.mark.parametrize(("rho", "changes", "runaway"), [
    pytest.param(45.0, {}, False, id="CAS-UNI-RHOC below"),
    pytest.param(50.0, {}, True, id="CAS-UNI-RHOC at"),
    pytest.param(60.0, {"rule": "close_factor", "close_factor": 0.75}, False, id="CAS-PART-FC below"),
    pytest.param(60.0, {"rule": "close_factor", "close_factor": 5 / 6 + 1e-9}, True, id="CAS-PART-FC at"),
])
def test_critical_density(rho, changes, runaway):
    """Below the critical density a drop is amplified tenfold; at it the whole ladder of 7.5 USD goes."""
    rungs, unit = uniform(0.5, rho, 20, 300, lead=0.95)
    expected = 0.5 + 0.02 * changes.get("close_factor", 1.0) * 300 * unit if runaway else 5.0
    assert cascade(rungs, unit, 0.5, **changes)[0] == near(expected)


@pytest.mark.parametrize(("drop", "expected"), [
    pytest.param(3.0, (5.0, 100.0), id="CAS-BIM-3"), pytest.param(3.9, (5.9, 100.0), id="CAS-BIM-3.9"),
    pytest.param(4.0, (14.0, 500.0), id="CAS-BIM-4"), pytest.param(6.0, (16.0, 500.0), id="CAS-BIM-6"),
])
def test_bimodal_ladder(drop, expected):
    """Triggers stand 1e-9 early: the table triggers at the level, the venue strictly beyond it."""
    assert cascade(np.array([3.0, 6.0, 6.0, 6.0, 6.0]) - 1e-9, 100.0, drop) == near(expected)


@pytest.mark.parametrize(("law", "total", "lam", "drop", "expected", "slope"), [
    pytest.param("exponential", 100.0, 0.03, 1.0, 1.9816434245910237, 0.404, id="CAS-EXP-sub"),
    pytest.param("normal", 500.0, 0.02, 4.400026450732809, 5.2312276499888455, 0.775, id="CAS-GAU-a-Dlo"),
    pytest.param("normal", 500.0, 0.02, 4.5000264507328085, 14.494197049614534, 0.01, id="CAS-GAU-a-Dhi"),
    pytest.param("normal", 200.0, 0.02, 8.0, 11.897328991135083, 0.125, id="CAS-GAU-b-D08"),
])
def test_curved_ladder(law, total, lam, drop, expected, slope):
    """Rungs at the midpoint quantiles: the staircase is at most half a rung off the curve.

    So the fixed point moves by at most lam * half a rung, amplified by 1/(1 - slope), slope the branching ratio there.
    """
    share = (np.arange(2000) + 0.5) / 2000
    normal = NormalDist(8.0, 2.0)
    rungs = -5.0 * np.log(1 - share) if law == "exponential" else np.array([normal.inv_cdf(p) for p in share])
    unit = total / 2000
    found, sold = cascade(rungs, unit, drop, lam)
    assert found == pytest.approx(expected, rel=0, abs=lam * unit / 2 / (1 - slope) + 1e-9)
    assert found == near(drop + lam * sold)


# --- impact and margin alone -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("gamma", [0.5, 0.875, 1.0, 1.5])
@pytest.mark.parametrize(("z0", "z1"), [(0.0, 4.0), (-3.0, 5.0), (8.0, 2.0), (-9.0, -0.5), (2.0, 2.0 + 1e-9)])
def test_mean_displacement_is_the_quadrature(gamma, z0, z1):
    rules = bare_rules(impact=True, gamma=gamma, max_displacement=0.04)
    middle = z0 + (z1 - z0) * (np.arange(200_000) + 0.5) / 200_000
    values = -np.sign(middle) * np.minimum(0.01 * np.abs(middle) ** gamma, 0.04)
    assert mean_displacement(z0, z1, rules) == pytest.approx(values.mean(), rel=0, abs=1e-9)
    assert displacement(z1, rules) == pytest.approx(values[-1], rel=0, abs=2e-5)
    assert mean_displacement(z0, z0, rules) == displacement(z0, rules)


def test_requirement_is_marginal_and_share_restores_across_tiers():
    tiers = [(1000.0, 0.01), (5000.0, 0.02), (math.inf, 0.1)]
    assert [requirement(x, tiers) for x in (500.0, 1000.0, 3000.0, 7000.0)] == near([5.0, 10.0, 50.0, 290.0])
    rules = bare_rules(markets=("X", "Y"), tiers=[tiers, [(math.inf, 0.03)]], target_multiple=1.2, fee=0.002)
    notionals = [9000.0, 4000.0]
    share = restoring_share(300.0, notionals, rules)

    def surplus(x: float) -> float:
        need = requirement((1 - x) * 9000, tiers) + 0.03 * (1 - x) * 4000
        return 300.0 - 0.002 * x * 13000 - 1.2 * need

    assert surplus(share) == pytest.approx(0.0, rel=0, abs=1e-9) and 0.3 < share < 0.6
    assert all(surplus(x) < 0 for x in np.linspace(0.0, share - 1e-6, 50))
    assert restoring_share(20.0, notionals, dataclasses.replace(rules, fee=0.05)) == 1.0  # no share restores it


# --- laws that hold for any book -------------------------------------------------------------------------------------
def random_case(seed: int, **changes: Any) -> tuple[Any, ...]:
    """A book of cross accounts in two markets on a path with a crash, and rules with everything switched on."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for n in range(24):
        sizes = rng.normal(0.0, 5.0, 2) * (rng.random(2) < 0.8)
        wallet = float((np.abs(sizes) @ [100.0, 50.0]) * rng.uniform(0.03, 0.2) + 1)
        positions = {m: (float(s), float(p * rng.uniform(0.98, 1.02)))
                     for m, s, p in zip("XY", sizes, (100.0, 50.0), strict=True) if s != 0}
        rows.append((f"a{n}", wallet, positions))
    total = [sum(row[2].get(m, (0.0, 0.0))[0] for row in rows) for m in "XY"]
    rows.append(("residual", 0.0, {"X": (-total[0], 100.0), "Y": (-total[1], 50.0)}))
    values = {
        "insurance_fund": 5.0, "waterfall": FUND_THEN_ADL, "adl_policy": "pro_rata", "fee": 0.004, "keeper_share": 0.3,
        "remaining_equity": "fund", "funding_interval_hours": 0.1, "funding_cap": 0.01, "funding_clamp": 0.001,
        "funding_interest_rate": 0.0001, "impact": True, "gamma": 0.875, "half_spread_bps": 5.0, "withdrawal": 5.0,
        "recovery_half_life_minutes": 3.0, "keeper_capacity_usd_per_minute": 2000.0, "max_rounds": 32} | changes
    rules = bare_rules(markets=("X", "Y"), margin=0.02, depth_usd=1500.0, **values)
    moves = rng.normal(0.0, 0.01, (30, 2))
    moves[9] -= 0.15  # a crash, so that no case is empty
    prices = np.array([100.0, 50.0]) * np.exp(np.vstack([np.zeros(2), np.cumsum(moves, axis=0)]))
    return make_book(rows, ("X", "Y"), residual="residual"), rules, prices, np.ones(30), 60.0


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("policy", ADL_POLICIES)
def test_random_books_conserve_and_account_for_bad_debt(seed, policy):
    case = random_case(seed, adl_policy=policy)
    result = simulate(*case)  # asserts both conservation laws every round
    paid = result.insurance_paid + result.adl_haircut + result.socialised_loss + result.uncovered
    assert result.bad_debt > 1.0 and result.bad_debt == near(paid)
    assert np.abs(result.outside_size).min() > 0.1 and (result.adl_notional > 0) == (policy != "none")
    flow = result.fees_to_fund + result.remainders_to_fund - result.insurance_paid
    assert result.fund_end == near(5.0 + flow)
    assert result.liquidated_by_market.sum() == near(result.liquidated_notional)
    assert result.liquidated_by_tick.sum(axis=(0, 2)) == near(result.liquidated_by_market)
    book, rules, *rest = case
    assert simulate(book, rules.twin(), *rest).max_displacement == 0.0 < result.max_displacement


@pytest.mark.parametrize("seed", range(6))
def test_unlimited_fund_gives_the_whole_fund_curve(seed):
    """depleted == (drawdown of the unlimited fund > F), on both sides of the drawdown, ADL on."""
    book, rules, *rest = random_case(seed)
    drawdown = simulate(book, rules.unlimited(), *rest).fund_drawdown
    assert drawdown > 0
    for fund in (0.5 * drawdown, drawdown, 1.001 * drawdown):
        result = simulate(book, dataclasses.replace(rules, insurance_fund=fund), *rest)
        assert result.depleted == (drawdown > fund)
        assert (result.time_to_depletion_hours is not None) == result.depleted


# --- from a config ---------------------------------------------------------------------------------------------------
def test_rules_from_config():
    liquidation = LiquidationConfig(
        rule="full", close_factor=0.2, close_whole_below_usd=1.0, target_multiple=1.1, fee=0.005, keeper_share=0.2,
        remaining_equity="fund", keeper_delay_seconds=3.0, keeper_capacity_usd_per_minute=None, max_rounds=7)
    tiers = {"default": [TierConfig(up_to_usd=10.0, initial_margin=0.2, maintenance_margin=0.1),
                         TierConfig(up_to_usd=None, initial_margin=0.4, maintenance_margin=0.2)],
             "X": [TierConfig(up_to_usd=None, initial_margin=0.1, maintenance_margin=0.05)]}
    protocol = schema.ProtocolConfig(
        initial_margin=None, maintenance_margin=None, margin_tiers=tiers, insurance_fund=9.0, liquidation=liquidation,
        contract="linear",
        waterfall=["insurance_fund"], adl=schema.AdlConfig(policy="none", trigger="fund_empty", price="bankruptcy", seed=0),
        funding=schema.FundingConfig(
            interval_hours=8.0, kind="clamped", interest_rate=1e-4, clamp=5e-4, cap=0.02, premium=0.003),
        oracle=schema.OracleConfig(
            lag_seconds=1.0, update_interval_seconds=2.0, deviation_threshold=0.1, impact_share=0.5),
        breaker=schema.BreakerConfig(move=0.1, window_minutes=4.0, halt_minutes=6.0))
    liquidity = schema.LiquidityConfig(
        law="square_root", exponent=0.875, depth_usd={"X": 1e6, "default": 2e6}, half_spread_bps=3.0,
        recovery_half_life_minutes=2.0, withdrawal=20.0, max_displacement=0.4)
    config = cast(schema.Config, SimpleNamespace(protocol=protocol, liquidity=liquidity, shocks={}))
    rules = Rules.from_config(config, ["X", "Y"])
    assert rules.tiers == [[(math.inf, 0.05)], [(10.0, 0.1), (math.inf, 0.2)]]
    assert rules.depth_usd.tolist() == [1e6, 2e6] and (rules.gamma, rules.impact) == (0.5, True)
    assert (rules.fee, rules.oracle_interval_seconds, rules.funding_premium) == (0.005, 2.0, 0.003)
    protocol.maintenance_margin, liquidity.law = 0.03, "none"
    rules = Rules.from_config(config, ["X", "Y"])
    assert rules.tiers == [[(math.inf, 0.03)]] * 2 and not rules.impact
