"""Cases of the reference worked by hand: keepers, deleveraging, execution, clocks, funding."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from stress.config.funding import AdaptiveConfig
from tests.reference import simulate
from tests.reference.building import (
    FUND_THEN_ADL,
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
from tests.reference.clocks import funding_rate


# --- keepers ---------------------------------------------------------------------------------------------------------
def test_keeper_capacity_at_the_margin():
    """Each close is 950 USD at 95; 1425 fit a tick. Tick 2: A is riskier (30/95) than the rest of C (20/47.5)."""
    rows: list[Row] = [("A", 80.0, {"X": (10.0, 100.0)}), ("B", 60.0, {"X": (10.0, 100.0)}),
                       ("C", 70.0, {"X": (10.0, 100.0)}), ("S", 1e4, {"X": (-30.0, 100.0)})]
    result = run(rows, bare_rules(margin=0.1, keeper_capacity_usd_per_minute=2850.0), 100.0, 95.0, 95.0, step=30.0)
    assert closed(result) == [(1, "B", 10.0, 95.0), (1, "C", 5.0, 95.0), (2, "A", 10.0, 95.0), (2, "C", 5.0, 95.0)]
    assert cash(result) == near({"A": 30.0, "B": 10.0, "C": 20.0, "S": 1e4})
    assert (result.liquidated_accounts, result.rounds_by_tick) == (4, [1, 1])


def test_keepers_take_the_larger_of_equally_risky_accounts_and_then_the_first():
    rows: list[Row] = [("small", 8.0, {"X": (1.0, 100.0)}), ("large", 16.0, {"X": (2.0, 100.0)}),
                       ("large too", 16.0, {"X": (2.0, 100.0)}), ("S", 1e4, {"X": (-5.0, 100.0)})]
    result = run(rows, bare_rules(margin=0.125, keeper_capacity_usd_per_minute=300.0), 100.0, 96.0)
    assert closed(result) == [(1, "large", 2.0, 96.0), (1, "large too", 1.125, 96.0)]  # 108 USD are left for the second


def test_keeper_delay_restarts_after_a_healthy_check():
    """90 s are two ticks. Liquidatable at tick 1, healthy at 2, again from 3: executed at 5 and not before."""
    rows: list[Row] = [("A", 80.0, {"X": (10.0, 100.0)}), ("S", 1e4, {"X": (-10.0, 100.0)})]
    result = run(rows, bare_rules(margin=0.05, keeper_delay_seconds=90.0), 100.0, 95.0, 99.0, 95.0, 95.0, 94.0)
    assert closed(result) == [(5, "A", 10.0, 94.0)]


def test_keeper_delay_starts_anew_after_a_partial_close():
    """Seen at 1, half closed at 3; the next round of tick 3 still finds it liquidatable: half of the rest at 5."""
    rows: list[Row] = [("A", 80.0, {"X": (10.0, 100.0)}), ("S", 1e4, {"X": (-10.0, 100.0)})]
    rules = bare_rules(margin=0.1, keeper_delay_seconds=120.0, rule="close_factor", close_factor=0.5)
    prices = (100.0, 94.0, 94.0, 94.0, 94.0, 94.0)
    assert closed(run(rows, rules, *prices)) == [(3, "A", 5.0, 94.0), (5, "A", 2.5, 94.0)]
    rules = dataclasses.replace(rules, close_whole_below_usd=471.0)
    assert closed(run(rows, rules, *prices)) == [(3, "A", 5.0, 94.0), (5, "A", 5.0, 94.0)]


def test_keeper_delay_does_not_start_at_the_look_that_only_sets_the_status():
    """A falls due at tick 2 and pushes the mark under B's price with no round left: B is first checked at tick 3."""
    rules = bare_rules(margin=0.1, impact=True, depth_usd=0.01 * 99.0**2 / 0.1, keeper_delay_seconds=60.0, max_rounds=1)
    result = simulate(ladder(np.array([0.5, 1.7]), 10.0), rules, np.array([[100.0]] + [[99.0]] * 4), np.ones(4), 60.0)
    assert [(k, name) for k, name, _, _ in closed(result)] == [(2, "long0"), (4, "long1")]


def test_check_is_strict_and_spares_the_residual_account():
    rows: list[Row] = [("at", 125.0, {"X": (10.0, 100.0)}), ("under", 124.9, {"X": (10.0, 100.0)}),
                       ("R", 0.0, {"X": (-20.0, 100.0)})]
    result = simulate(make_book(rows, residual="R"), bare_rules(margin=0.125), np.full((2, 1), 100.0), np.ones(1), 60.0)
    assert closed(result) == [(1, "under", 10.0, 100.0)]


@pytest.mark.parametrize(("mark", "size"), [(88.0, 10.0), (90.0, 5.0)])
def test_whole_close_looks_at_the_mark_not_the_oracle(mark, size):
    """The oracle is a tick late: at 90 the account has 10 USD left, at the mark of 88 it has lost 10."""
    rows: list[Row] = [("A", 110.0, {"X": (10.0, 100.0)}), ("S", 1e4, {"X": (-10.0, 100.0)})]
    rules = bare_rules(margin=0.1, rule="close_factor", close_factor=0.5, oracle_lag_seconds=60.0)
    assert closed(run(rows, rules, 100.0, 90.0, mark)) == [(2, "A", size, mark)]


def test_equity_gone_at_the_mark_closes_whole():
    rows: list[Row] = [("A", 60.0, {"X": (10.0, 100.0)}), ("S", 1e4, {"X": (-10.0, 100.0)})]
    rules = bare_rules(margin=0.1, rule="close_factor", close_factor=0.5)
    assert [row[2] for row in closed(run(rows, rules, 100.0, 94.0))] == [10.0]
    assert [row[2] for row in closed(run(rows, rules, 100.0, 94.1))] == [5.0]


# --- deleveraging ----------------------------------------------------------------------------------------------------
def test_pro_rata_adl_with_too_little_eligible():
    """A long of 10, 6 eligible against it: C is liquidated in the same round. Fund 9.

    Impact 0.5 USD a unit at 86: the full flow 10 - 4 executes at 84.5, where C would leave 4 to the fund and A's
    deficit is 55, so u = 42/55: of A 420/55 are to be matched at its bankruptcy price 90, only 6 can be. The book's 4
    net against C's 4 at 86, which costs C the gain of the full flow: A is left with -16, C with -2, and the fund's 9
    are shared 8 to 1. B, closed by ADL, keeps its remainder: only liquidated accounts lose theirs to the fund.
    """
    rows: list[Row] = [LONG, ("B", 1000.0, {"X": (-6.0, 100.0)}), ("C", 22.0, {"X": (-4.0, 80.0)})]
    rules = bare_rules(insurance_fund=9.0, waterfall=FUND_THEN_ADL, adl_policy="pro_rata", impact=True,
                       depth_usd=0.01 * 86.0**2 / 0.5, remaining_equity="fund")
    result = run(rows, rules, 100.0, 86.0)
    assert closed(result, "adl") == [(1, "B", -6.0, 90.0)]
    assert closed(result) == [(1, "A", 6.0, 90.0), (1, "A", 4.0, 86.0), (1, "C", -4.0, 86.0)]
    assert cash(result) == near({"A": -8.0, "B": 1060.0, "C": -1.0})
    assert (result.bad_debt, result.insurance_paid, result.adl_haircut) == near((55.0, 9.0, 37.0))
    assert result.uncovered == near(9.0)
    assert (result.mark[0, 0], result.fund_drawdown, result.adl_notional) == near((86.0, 51.0, 540.0))
    assert [row["deficit"] for row in result.ledger["ticks"][0]["liquidations"]] == near([0.0, 16.0, 2.0])


def test_ranked_adl_with_two_deficit_accounts():
    """Fund 21 against deficits 50 + 55: u = 0.8. A2 (riskier) meets the best score first; fills at each one's price."""
    rows: list[Row] = [LONG, ("A2", 20.0, {"X": (5.0, 100.0)}), ("W2", 1000.0, {"X": (-9.0, 100.0)}),
                       ("W1", 100.0, {"X": (-8.0, 110.0)}), ("L", 1000.0, {"X": (-3.0, 80.0)}),
                       ("N", 1000.0, {"X": (5.0, 70.0)})]
    rules = bare_rules(insurance_fund=21.0, waterfall=FUND_THEN_ADL, adl_policy="profit_leverage")
    result = run(rows, rules, 100.0, 85.0)
    fills = [("W1", -4.0, 96.0), ("W1", -4.0, 90.0), ("W2", -4.0, 90.0)]
    assert [(name, near(size), price) for _, name, size, price in closed(result, "adl")] == [
        (name, near(size), near(price)) for name, size, price in fills]
    assert cash(result) == near({"A": 0.0, "A2": 0.0, "W2": 1040.0, "W1": 236.0, "L": 1000.0, "N": 1000.0})
    assert (result.bad_debt, result.adl_haircut, result.insurance_paid) == near((105.0, 84.0, 21.0))
    assert result.outside_size[0] == near(3.0) and result.size[3, 0] == 0.0 and result.adl_accounts == 2


def test_cross_account_is_deleveraged_at_bankruptcy_prices_of_both_markets():
    """Deficit 60 over MM 8 in X and 9.5 in Y: b moves by 60/10 * 8/17.5 up for the long, 60/5 * 9.5/17.5 down."""
    rows: list[Row] = [("A", 165.0, {"X": (10.0, 100.0), "Y": (-5.0, 185.0)}), ("R", 0.0, {"X": (-10.0, 100.0)}),
                       ("W", 1000.0, {"Y": (5.0, 185.0)})]
    book = make_book(rows, ("X", "Y"), residual="R")
    rules = bare_rules(markets=("X", "Y"), waterfall=FUND_THEN_ADL, adl_policy="pro_rata")
    result = simulate(book, rules, np.array([[100.0, 185.0], [80.0, 190.0]]), np.ones(1), 60.0)
    prices = {row["market"]: row["price"] for row in result.ledger["ticks"][0]["adl"]}
    assert prices == near({"X": 80 + 6 * 8 / 17.5, "Y": 190 - 12 * 9.5 / 17.5})
    assert (cash(result)["A"], result.adl_haircut, result.adl_residual_notional) == near((0.0, 60.0, 10 * prices["X"]))


def test_ranked_adl_takes_only_those_in_profit():
    rows: list[Row] = [LONG, ("W", 100.0, {"X": (-4.0, 100.0)}), ("V", 100.0, {"X": (-6.0, 80.0)})]
    rules = bare_rules(waterfall=FUND_THEN_ADL, adl_policy="profit_leverage")
    assert closed(run(rows, rules, 100.0, 85.0), "adl") == [(1, "W", -4.0, 90.0)]
    rules = dataclasses.replace(rules, adl_policy="pro_rata")
    assert closed(run(rows, rules, 100.0, 85.0), "adl") == [(1, "W", -4.0, 90.0), (1, "V", -6.0, 90.0)]


def test_deleveraged_winner_can_leave_a_deficit():
    """W has 30 USD at 85 but 20 less than nothing at the bankruptcy price 90; pro rata and without a fund."""
    rows: list[Row] = [LONG, ("W", -120.0, {"X": (-10.0, 100.0)})]
    result = run(rows, bare_rules(waterfall=FUND_THEN_ADL, adl_policy="pro_rata"), 100.0, 85.0)
    assert cash(result) == near({"A": 0.0, "W": -20.0})
    assert (result.bad_debt, result.adl_haircut, result.uncovered) == near((50.0, 30.0, 20.0))


# --- the fund and the levy -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("fund", "depleted"), [(7.5, True), (7.6, False)])
def test_fees_of_the_round_count_before_the_fund_is_judged(fund, depleted):
    """A leaves a deficit of 12 in the round in which C pays a fee of 4.44: the drawdown is 7.56."""
    rows: list[Row] = [LONG, ("C", 120.0, {"X": (10.0, 100.0)}), ("S", 1e4, {"X": (-20.0, 100.0)})]
    result = run(rows, bare_rules(fee=0.005, insurance_fund=fund, waterfall=("insurance_fund",)), 100.0, 88.8)
    assert (result.fund_drawdown, result.depleted) == (near(7.56), depleted)
    assert result.uncovered == near(max(0.0, 7.56 - fund))


def test_fund_outside_the_waterfall_pays_nothing():
    rows: list[Row] = [LONG, SHORT]
    result = run(rows, bare_rules(insurance_fund=100.0, waterfall=("adl",), adl_policy="pro_rata"), 100.0, 87.0)
    assert (result.depleted, result.fund_end, result.adl_haircut) == (True, 100.0, near(30.0))


def test_levy_is_limited_by_equity_but_for_the_residual_account():
    """B's profit is 78 but its equity 8; the residual account counts its profit of 52 although its equity is -8."""
    rows: list[Row] = [LONG, ("B", -70.0, {"X": (-6.0, 100.0)}), ("R", -60.0, {"X": (-4.0, 100.0)})]
    rules = bare_rules(margin=0.001, waterfall=("socialised_loss",))
    result = simulate(make_book(rows, residual="R"), rules, np.array([[100.0], [87.0]]), np.ones(1), 60.0)
    assert result.ledger["ticks"][0]["socialised"] == near({"B": 4.0, "R": 26.0})
    assert cash(result) == near({"A": 0.0, "B": -74.0, "R": -86.0})


@pytest.mark.parametrize(("rate", "fee"), [(0.02, 0.02 * 5 * 99.75), (0.5, 96.25)])
def test_fee_of_a_partial_close_is_limited_by_equity_at_the_new_mark(rate, fee):
    """5 of 10 sold at 99.75 on average, mark 99.5: equity -400 + 5 * 49.75 + 5 * 49.5 = 96.25, with negative cash."""
    rows: list[Row] = [("A", -400.0, {"X": (10.0, 50.0)}), ("S", 1e4, {"X": (-10.0, 100.0)})]
    rules = bare_rules(margin=0.2, rule="close_factor", close_factor=0.5, fee=rate, impact=True, depth_usd=1000.0)
    result = run(rows, rules, 100.0, 100.0)
    assert (result.mark[0, 0], result.fees_to_fund, result.fund_end) == near((99.5, fee, fee))


@pytest.mark.parametrize(("rule", "left", "fund"), [("full", 0.0, 20.0), ("close_factor", 50.0, 0.0)])
def test_remainder_goes_to_the_fund_once_the_account_is_flat(rule, left, fund):
    rows: list[Row] = [("A", 80.0, {"X": (10.0, 100.0)}), ("S", 1e4, {"X": (-10.0, 100.0)})]
    rules = bare_rules(margin=0.1, rule=rule, close_factor=0.5, remaining_equity="fund")
    result = run(rows, rules, 100.0, 94.0)
    assert (cash(result)["A"], result.fund_end, result.remainders_to_fund) == near((left, fund, fund))


# --- execution, clocks, funding --------------------------------------------------------------------------------------
def test_two_sided_liquidation_nets_before_it_walks():
    """10 sold, 6 bought: 4 walk 0.1 USD each from 90 to 89.6, average 89.8; both sides pay 10 bp of spread."""
    rows: list[Row] = [("A", 105.0, {"X": (10.0, 100.0)}), ("C", 64.0, {"X": (-6.0, 80.0)}),
                       ("B", 1000.0, {"X": (-4.0, 100.0)})]
    rules = bare_rules(impact=True, depth_usd=0.01 * 90.0**2 / 0.1, half_spread_bps=10.0, fee=0.001, keeper_share=0.25)
    result = run(rows, rules, 100.0, 90.0)
    sell, buy = 89.8 * 0.999, 89.8 * 1.001
    fees = 0.001 * 10 * sell, 0.001 * 6 * buy
    assert closed(result) == [(1, "A", 10.0, sell), (1, "C", -6.0, buy)]
    assert [row["fee"] for row in result.ledger["ticks"][0]["liquidations"]] == near(
        [max(0.0, min(fees[0], 105 + 10 * (sell - 100))), min(fees[1], 64 - 6 * (buy - 80))])
    assert (result.mark[0, 0], result.outside_size[0], result.outside_cash) == near((89.6, 4.0, 6 * buy - 10 * sell))
    assert result.liquidated_by_tick[0, 0] == near([10 * sell, 6 * buy])
    assert result.keeper_cash == near(result.fees_to_fund / 3) and result.keeper_cash > 0.2


GMX = AdaptiveConfig(increase=1e-6, decrease=0.0, stable_above=0.0, fading_below=0.0, smallest=0.0, largest=1e-4,
                     initial_rate=0.0)


@pytest.mark.parametrize(("initial", "paid"), [
    # s = 2 / 10, so the rate is 1e-6 * 0.2 * 60 = 1.2e-5 a second: 7.2e-4 of 600 USD, shared by 600 and by 400
    (0.0, {"A": 0.288, "C": 0.144, "B": -0.432}),
    # -1e-4 has not turned yet: shorts pay 60 * (1e-4 - 1.2e-5) of 600 USD, and longs share it
    (-1e-4, {"A": -2.112, "C": -1.056, "B": 3.168}),
])
def test_funding_is_paid_from_side_to_side(initial: float, paid: dict[str, float]) -> None:
    """GMX v2: A is long 4, C 2, B short 4 at 100; the residual account, short 2, stands for the pool and has no part."""
    rows: list[Row] = [("A", 1e4, {"X": (4.0, 100.0)}), ("C", 1e4, {"X": (2.0, 100.0)}), ("B", 1e4, {"X": (-4.0, 100.0)}),
                       ("R", 0.0, {"X": (-2.0, 100.0)})]
    rules = bare_rules(funding_interval_hours=1 / 60, funding_kind="adaptive",
                       funding_adaptive=dataclasses.replace(GMX, initial_rate=initial))
    result = simulate(make_book(rows, residual="R"), rules, np.full((2, 1), 100.0), np.ones(1), 60.0)
    assert {name: 1e4 - cash(result)[name] for name in paid} == near(paid)
    assert cash(result)["R"] == 0.0 and result.outside_cash == 0.0


@pytest.mark.parametrize(("prices", "expected"), [
    ((100.0, 96.0, 94.0), []),  # measured from 100 in the window of ticks 1 and 2: halted at 2
    ((100.0, 95.6, 95.6, 92.0), [(3, "A", 10.0, 92.0)]),  # the second window starts from 95.6
    ((100.0, 94.0, 93.0, 92.0), [(3, "A", 10.0, 92.0)]),  # halted for ticks 1 and 2
    ((100.0, 94.0, 93.0, 87.0, 80.0, 79.0), [(5, "A", 10.0, 79.0)]),  # halted again at 3: 87 is 6.5 % under 93
])
def test_breaker_holds_liquidations_back(prices, expected):
    rows: list[Row] = [("A", 45.0, {"X": (10.0, 100.0)}), ("S", 1e4, {"X": (-10.0, 100.0)})]
    rules = bare_rules(margin=1e-6, breaker_move=0.05, breaker_window_minutes=2.0, breaker_halt_minutes=2.0)
    assert closed(run(rows, rules, *prices)) == expected


def test_breaker_measures_anew_after_a_halt():
    """Halted for ticks 1 and 2 in a window of ten: at 3 the reference is 93, not 100."""
    rows: list[Row] = [("A", 45.0, {"X": (10.0, 100.0)}), ("S", 1e4, {"X": (-10.0, 100.0)})]
    rules = bare_rules(breaker_move=0.05, breaker_window_minutes=10.0, breaker_halt_minutes=2.0)
    assert closed(run(rows, rules, 100.0, 94.0, 93.0, 92.0)) == [(3, "A", 10.0, 92.0)]


def test_halt_in_one_market_holds_the_whole_account():
    rows: list[Row] = [("A", 30.0, {"X": (10.0, 100.0), "Y": (1.0, 100.0)}), ("B", 30.0, {"X": (10.0, 100.0)}),
                       ("S", 1e4, {"X": (-20.0, 100.0), "Y": (-1.0, 100.0)})]
    rules = bare_rules(markets=("X", "Y"), breaker_move=0.05, keeper_delay_seconds=60.0)
    path = np.array([[100.0, 100.0], [96.0, 94.0], [96.0, 94.0]])
    result = simulate(make_book(rows, ("X", "Y")), rules, path, np.ones(2), 60.0)
    assert [(k, name) for k, name, _, _ in closed(result)] == [(2, "A"), (2, "A"), (2, "B")]  # the delay runs in a halt
    result = simulate(make_book(rows, ("X", "Y")), dataclasses.replace(rules, keeper_delay_seconds=0.0), path[:2],
                      np.ones(1), 60.0)
    assert [name for _, name, _, _ in closed(result)] == ["B"]


@pytest.mark.parametrize(("lag", "interval", "threshold", "tick"), [
    (0, 0, 0, 2), (120, 0, 0, 4), (0, 180, 0, 3), (0, 180, 0.09, 2), (0, 180, 0.11, 3), (60, 180, 0.09, 3),
    (120, 180, 0, 6), (0, 60, 0, 2)])
def test_oracle_lag_heartbeat_and_deviation(lag, interval, threshold, tick):
    """The price falls by 10 % at tick 2; the account is closed at that tick's mark once the oracle has seen it."""
    rows: list[Row] = [("A", 60.0, {"X": (10.0, 100.0)}), ("S", 1e4, {"X": (-10.0, 100.0)})]
    rules = bare_rules(oracle_lag_seconds=lag, oracle_interval_seconds=interval, oracle_deviation_threshold=threshold)
    prices = (100.0, 100.0, 90.0, 90.0 - lag / 100, 90.0, 89.0, 88.0, 87.0)
    result = run(rows, rules, *prices)
    assert closed(result) == [(tick, "A", 10.0, prices[tick])]
    assert result.oracle[tick - 2, 0] == near(100.0)


@pytest.mark.parametrize(("changes", "rounds", "oracle"), [
    ({}, [2, 0], 97.0), ({"oracle_interval_seconds": 60.0}, [1, 1], 99.0), ({"oracle_impact_share": 0.5}, [1, 0], 98.5),
    ({"oracle_impact_share": 0.0}, [1, 0], 99.0)])
def test_oracle_within_a_tick(changes, rounds, oracle):
    """10 units move 99 by 1 USD. B's liquidation price is 98.3: only an instant oracle that sees impact closes both."""
    book = ladder(np.array([0.5, 1.7]), 10.0)
    rules = bare_rules(margin=0.1, impact=True, depth_usd=0.01 * 99.0**2 / 0.1, **changes)
    result = simulate(book, rules, np.array([[100.0], [99.0], [99.0]]), np.ones(2), 60.0)
    assert (result.rounds_by_tick, result.oracle[0, 0]) == (rounds, near(oracle))
    rules = dataclasses.replace(rules, max_rounds=1)
    cut_short = simulate(book, rules, np.array([[100.0], [99.0]]), np.ones(1), 60.0)
    assert cut_short.status == ("max_rounds" if not changes else "ok")


@pytest.mark.parametrize(("mark", "premium", "rate"), [
    (100.0, 0.0, 0.0001), (100.0, 0.0003, 0.0001), (100.0, 0.001, 0.0005), (98.0, 0.0, -0.005), (100.3, 0.0, 0.0025)])
def test_funding_rate(mark, premium, rate):
    rules = bare_rules(funding_interest_rate=0.0001, funding_clamp=0.0005, funding_cap=0.005, funding_premium=premium)
    assert funding_rate(mark, 100.0, rules) == near(rate)


def test_funding_is_paid_by_everybody_each_interval():
    """Ticks of 30 min, 1 % every hour. Tick 1 closes A into the outside market, which then pays as a long does."""
    rows: list[Row] = [("A", 60.0, {"X": (10.0, 100.0)}), ("L", 1e3, {"X": (5.0, 100.0)}),
                       ("R", 10.0, {"X": (-15.0, 100.0)})]
    rules = bare_rules(funding_interval_hours=1.0, funding_premium=0.01, funding_cap=1.0)
    path = np.array([[100.0], [94.0], [90.0], [90.0]])
    result = simulate(make_book(rows, residual="R"), rules, path, np.ones(3), 1800.0)
    assert cash(result) == near({"A": 0.0, "L": 1000 - 4.5, "R": 10 + 13.5})
    assert result.outside_cash == near(-940.0 - 9.0)


def test_recovery_withdrawal_and_regime_depth():
    """Tick 1 displaces by 2 %; half recovers by tick 2, whose depth is D * 0.8 / (1 + 50 * 0.01)."""
    rows: list[Row] = [("A", 10.5, {"X": (10.0, 100.0)}), ("C", 10.5, {"X": (5.0, 100.0)}),
                       ("S", 1e4, {"X": (-15.0, 100.0)})]
    rules = bare_rules(impact=True, depth_usd=500.0, withdrawal=50.0, recovery_half_life_minutes=1.0,
                       oracle_impact_share=0.0)
    path = np.array([[100.0], [99.9], [98.0]])
    result = simulate(make_book(rows), rules, path, np.array([1.0, 0.8]), 60.0)
    z1 = 10 * 99.9 / 500.0
    z2 = z1 / 2 + 5 * 98.0 / (500.0 * 0.8 / (1 + 50 * 0.01 * z1 / 2))
    assert result.mark[:, 0] == near([99.9 * (1 - 0.01 * z1), 98.0 * (1 - 0.01 * z2)])
