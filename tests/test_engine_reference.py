"""The engine against the plain NumPy reference: random books in structures of the venue that have every feature on.

Further books of these, and further structures, are left to the slow tests.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest

from stress.engine.state import NEVER, ROUNDS_EXHAUSTED
from stress.session import replay
from tests.designs import DESIGNS, MORE_DESIGNS, STEP
from tests.liveliness import Lively
from tests.quick import block
from tests.random_books import random_study
from tests.reference.result import Result
from tests.reference.rules import Rules
from tests.reference.venue import simulate
from tests.tiers import slow

BOOKS, LEDGERS = 5, 2
"""Books of one test, and those of them whose replay is compared, too."""
RELATIVE, ABSOLUTE = 1e-9, 1e-6
"""Rounding of sums in another order: relative to the largest money of the case, and in USD."""

SAME = {
    "bad_debt": "bad_debt",
    "insolvent": "insolvent_notional",
    "insurance_paid": "insurance_paid",
    "adl_haircut": "adl_haircut",
    "socialised": "socialised_loss",
    "uncovered": "uncovered",
    "adl_notional": "adl_notional",
    "adl_residual": "adl_residual_notional",
    "liquidated_accounts": "liquidated_accounts",
    "adl_accounts": "adl_accounts",
    "max_displacement": "max_displacement",
    "drawdown": "fund_drawdown",
    "capped": "displacement_capped",
    "under_water": "underwater_accounts",
    "unrealised": "unrealised_bad_debt",
}

FRONT = 2
"""Accounts in front: few, so that there are looks at the front, looks at everybody, and ones that turn into the other."""

ALL_DESIGNS = {**DESIGNS, **MORE_DESIGNS}


@pytest.mark.parametrize("first", slow([0, BOOKS], BOOKS))
@pytest.mark.parametrize("design", slow(ALL_DESIGNS, *MORE_DESIGNS))
def test_engine_agrees_with_the_reference(design: str, first: int) -> None:
    lively = Lively(ALL_DESIGNS[design])
    for case in range(first, first + BOOKS):
        study, path = random_study(ALL_DESIGNS[design], np.random.default_rng([case, *design.encode()]))
        result = block(dataclasses.replace(study.plan.job, front=FRONT), np.uint32(0), 0)
        rules = Rules.from_config(study.config, list(study.markets))
        results = [simulate(study.book, venue, path, np.ones(len(path) - 1), STEP) for venue in variants(rules)[: len(study.plan.variants)]]
        for variant, expected in enumerate(results):
            compare(result, variant, expected, f"{design}, book {case}, variant {study.plan.variants[variant]}")
        lively.add(study.book, rules, path, results)
        if case < first + LEDGERS:
            compare_ledger(replay(study), results[0], f"{design}, book {case}", rules.contract == "inverse")
    lively.check()


def variants(rules: Rules) -> tuple[Rules, Rules, Rules]:
    """The main one, the twin, and the one with an unlimited fund."""
    return rules, rules.twin(), rules.unlimited()


def compare(result: Any, variant: int, expected: Result, case: str) -> None:
    """Every outcome of one variant, in all lanes of the block (they see the same path)."""
    out = jax.tree.map(lambda leaf: np.asarray(leaf)[variant], result.outcome)
    scale = max(1.0, expected.bad_debt, expected.liquidated_notional)
    for lane in (0, 77):
        for field, name in SAME.items():
            close(getattr(out, field)[lane], getattr(expected, name), scale, f"{case}: {name}")
        close(out.liquidated[lane].sum(-1), expected.liquidated_by_market, scale, f"{case}: liquidated by market")
        hours = out.depletion_tick[lane] * STEP / 3600 if out.depletion_tick[lane] != NEVER else None
        assert hours == pytest.approx(expected.time_to_depletion_hours), f"{case}: depletion"
        assert out.rounds[lane] == max(expected.rounds_by_tick), f"{case}: rounds"
        assert (out.status[lane] == ROUNDS_EXHAUSTED) == (expected.status == "max_rounds"), f"{case}: status"
        assert out.cash_residual[lane] <= 1e-12 * 1e7 and out.contracts_residual[lane] <= 1e-12 * 1e7, (
            f"{case}: conservation"
        )
    if result.funds is not None:
        compare_funds(jax.tree.map(lambda leaf: np.asarray(leaf)[variant, 0], result.funds), expected, scale, case)
    if result.withdrawn is not None:
        compare_withdrawn(jax.tree.map(lambda leaf: np.asarray(leaf)[variant, 0], result.withdrawn), expected, scale, case)
    if result.fairness is not None:
        compare_fairness(jax.tree.map(lambda leaf: np.asarray(leaf)[variant, 0], result.fairness), expected, scale, case)
    if result.sold_coins is not None:
        compare_coins(jax.tree.map(lambda leaf: np.asarray(leaf)[variant, 0], result.sold_coins), expected, case)
    if result.blocked is not None and variant == 0:  # a companion may sleep
        assert int(result.blocked[variant, 0]) == expected.blocked_ticks, f"{case}: ticks of waiting for the oracle"
    if result.vault is not None:
        compare_vault(jax.tree.map(lambda leaf: np.asarray(leaf)[variant, 0], result.vault), expected, scale, case)


def compare_coins(ours: Any, expected: Result, case: str) -> None:
    """Collateral that was sold."""
    close(ours.value, expected.coin_proceeds, expected.coin_proceeds, f"{case}: coins sold")
    np.testing.assert_allclose(ours.units, expected.coins_sold, rtol=1e-9, atol=1e-9, err_msg=case)


def compare_vault(ours: Any, expected: Result, scale: float, case: str) -> None:
    """What the backstop took, what it has, and the least it was worth."""
    close(ours.taken, expected.taken_over, scale, f"{case}: taken over")
    close(ours.low, expected.vault_low, scale, f"{case}: least worth of the backstop")
    close(ours.quote, expected.vault_cash, scale, f"{case}: quote of the backstop")
    np.testing.assert_allclose(ours.size, expected.vault_size, rtol=1e-9, atol=1e-9 * scale, err_msg=case)


def compare_funds(ours: Any, expected: Result, scale: float, case: str) -> None:
    """What each insurance fund took in net, whether it was depleted, and what depositors took."""
    close(ours.flow, expected.fund_flows, scale, f"{case}: flow of each fund")
    assert (ours.depleted != NEVER).tolist() == expected.funds_depleted, f"{case}: depleted funds"
    close(ours.drawdown, expected.fund_drawdowns, scale, f"{case}: drawdown of each fund")
    close(0.0 if ours.queue is None else ours.queue.taken, expected.withdrawn, scale, f"{case}: withdrawn")


def compare_withdrawn(ours: Any, expected: Result, scale: float, case: str) -> None:
    """What traders took out, when their run began, and how long the gate was shut."""
    close(ours.taken, expected.collateral_withdrawn, scale + expected.collateral_withdrawn, f"{case}: withdrawn by traders")
    assert (None if ours.began == NEVER else ours.began) == expected.run_began, f"{case}: begin of the run"
    assert ours.shut_ticks == expected.gate_shut_ticks, f"{case}: ticks in which the gate was shut"


def compare_fairness(ours: Any, expected: Result, scale: float, case: str) -> None:
    """Whom ADL hit, how much, how unequally. A Gini coefficient of what is rounding is none."""
    for field, name in (("hit_share", "adl_hit_share"), ("largest", "adl_largest_haircut")):
        theirs = getattr(expected, name)
        close(getattr(ours, field), np.nan if theirs is None else theirs, 1.0, f"{case}: {name}")
    close(ours.cost, expected.adl_cost, scale, f"{case}: cost of ADL")
    close(ours.needed, expected.adl_needed, scale, f"{case}: deficits beyond the fund")
    if expected.adl_cost > ABSOLUTE:
        close(ours.gini, np.nan if expected.adl_gini is None else expected.adl_gini, 1.0, f"{case}: Gini")


def compare_ledger(ours: dict[str, Any], expected: Result, case: str, inverse: bool = False) -> None:
    """The replay ledgers, entry by entry."""
    for tick, (mine, theirs) in enumerate(zip(ours["ticks"], expected.ledger["ticks"], strict=True), start=1):
        where = f"{case}, tick {tick}"
        for part in ("mark", "oracle"):
            for market, price in theirs[part].items():
                close(mine[part][market], price, 1.0, f"{where}: {part} {market}")
        close(mine["fund"], theirs["fund"], 1e5, f"{where}: fund")
        for part in ("liquidations", "adl"):
            compare_entries(mine[part], theirs[part], f"{where}: {part}", inverse)
        assert mine["socialised"] == pytest.approx(theirs["socialised"], rel=1e-6, abs=1e-6), f"{where}: socialised"
    for name, account in expected.ledger["final"]["accounts"].items():
        mine = ours["final"]["accounts"][name]
        close(mine["cash"], account["cash"], 1e5, f"{case}: cash of {name}")
        close(mine["equity"], account["equity"], 1e5, f"{case}: equity of {name}")
        assert mine.get("coins", {}) == pytest.approx(account.get("coins", {}), rel=1e-9), f"{case}: coins of {name}"
        assert set(mine["positions"]) == set(account["positions"]), f"{case}: positions of {name}"


def compare_entries(
    ours: list[dict[str, Any]], expected: list[dict[str, Any]], case: str, inverse: bool
) -> None:
    """Ledger rows by account and market: units, their value, fee and deficit. The reference lists every pair of ADL."""
    mine, theirs = totals(ours, inverse), totals(expected, inverse)
    assert set(mine) == set(theirs), case
    for key, amounts in theirs.items():
        np.testing.assert_allclose(mine[key], amounts, rtol=1e-7, atol=1e-5, err_msg=f"{case}: {key}")


def totals(rows: list[dict[str, Any]], inverse: bool) -> dict[tuple[str, str], np.ndarray]:
    sums: dict[tuple[str, str], np.ndarray] = {}
    for row in rows:
        value = row["size"] / row["price"] if inverse else row["size"] * row["price"]
        amounts = np.array([row["size"], value, row.get("fee", 0.0), row.get("deficit", 0.0)])
        key = (row["account"], row["market"])
        sums[key] = sums.get(key, np.zeros(4)) + amounts
    return sums


def close(ours: Any, expected: Any, scale: float, case: str) -> None:
    np.testing.assert_allclose(
        np.asarray(ours, float),
        np.asarray(expected, float),
        rtol=RELATIVE,
        atol=ABSOLUTE + RELATIVE * scale,
        err_msg=case,
    )
