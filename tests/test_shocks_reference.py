"""Shocks that the venue carries out, against the plain NumPy reference: ten random books in each of a few structures."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from stress.session import replay
from tests.designs import SHOCK_DESIGNS, STEP
from tests.random_books import random_study
from tests.reference.rules import Rules
from tests.reference.venue import simulate
from tests.test_engine_reference import FRONT, block, compare, compare_ledger
from tests.tiers import slow

BOOKS = 10
FIELD = {
    "oracle_freeze": "freezes", "collateral_depeg": "depegs", "index_manipulation": "manipulations", "outage": "outages"
}
"""Of the rules, by kind of shock."""


SLOW = ("outage, traders run behind a gate that it shuts", "depeg, traders run, delayed keepers", "frozen, following oracle, depeg", "depeg beside collateral in coins", "wrong index, outage, vault")


@pytest.mark.parametrize("design", slow(SHOCK_DESIGNS, *SLOW))
def test_engine_agrees_with_the_reference(design: str) -> None:
    changed, conserved = {FIELD[kind]: 0 for kind in SHOCK_DESIGNS[design]["shocks"]}, 0.0
    gated = [0, 0]
    for case in range(BOOKS):
        study, path = random_study(SHOCK_DESIGNS[design], np.random.default_rng([case, *design.encode()]))
        result = block(dataclasses.replace(study.plan.job, front=FRONT), np.uint32(0), 0)
        rules, depth = Rules.from_config(study.config, list(study.markets)), np.ones(len(path) - 1)
        assert all(getattr(rules, name) for name in changed)
        for variant, venue in enumerate((rules, rules.twin(), rules.unlimited())):
            expected = simulate(study.book, venue, path, depth, STEP)
            compare(result, variant, expected, f"{design}, book {case}, variant {study.plan.variants[variant]}")
        main = simulate(study.book, rules, path, depth, STEP)
        for name in changed:
            other = simulate(study.book, dataclasses.replace(rules, **{name: ()}), path, depth, STEP)
            changed[name] += other.liquidated_notional != main.liquidated_notional
        if rules.withdrawals is not None and rules.withdrawals.gate is not None:
            run = dataclasses.replace(rules.withdrawals, gate=None)
            other = simulate(study.book, dataclasses.replace(rules, withdrawals=run), path, depth, STEP)
            gated[0] += main.gate_shut_ticks > 0
            gated[1] += other.collateral_withdrawn != main.collateral_withdrawn
        conserved += abs(main.outside_cash)
        if case < 4:
            compare_ledger(replay(study), main, f"{design}, book {case}")
    assert min(changed.values()) >= 3, f"each shock must matter: {changed}"
    assert conserved > 0
    if "withdrawals" in SHOCK_DESIGNS[design]:
        assert min(gated) >= 2, f"the gate must be shut, and matter: {gated}"
