"""The whole engine against reference values of first passage: one account, liquidated at its first tick beyond a price.

A long of one unit entered at e with cash e - B has bankruptcy price B; at maintenance rate m it is liquidatable below
L = B / (1 - m) (a short: cash B - e, above L = B / (1 + m)). Without fee, impact and spread its closing is worth the
monitored price, so liquidated notional and bad debt are the functionals of the table.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stress.book.schema import Book
from stress.mc.job import Job
from stress.mc.prices import block_prices
from tests.oracles import ORACLES, Law, Oracle
from tests.studies import law_study, outcome, simulated
from tests.test_oracles_price import BARRIERS
from tests.z_tests import Estimate, ZTest, mean

PATHS, BLOCK, SEED = 2**17, 4096, 21
MANY_TICKS = 50
"""From so many ticks on half of the paths must do."""
TINY_MARGIN = 1e-9
"""Maintenance rate where a table has no bankruptcy price: it moves the liquidation price by less than any noise."""

THROUGH_THE_ENGINE = {16, 24, 28, 30, 96}
"""Numbers of dates that go through the engine: each is a program to compile, and long ones are slow. The others are
read off the price path, which has the same looks without the venue."""
LONG = 200
"""From so many ticks on a quarter of the paths must do."""
SKIPPED = {
    "GBM-BAD-C-n2016-B1": "one path in thousands has any bad debt: a million paths of 2016 steps would be needed",
    "GBM-BAD-D-n288-B1": "one path in thousands has any bad debt: a million paths of 288 steps would be needed",
}
PASSAGES = [oracle for oracle in ORACLES if oracle.quantity in BARRIERS and oracle.id not in SKIPPED]


@dataclasses.dataclass(frozen=True)
class Case:
    """One simulation; several reference values may be read off it."""

    law: Law
    steps: int
    level: float
    bankruptcy: float  # 0: next to the level
    side: float

    @property
    def margin(self) -> float:
        """Maintenance rate with liquidation price ``level``."""
        margin = self.side * (1.0 - self.bankruptcy / self.level) if self.bankruptcy else 0.0
        return max(margin, TINY_MARGIN)

    @property
    def broke(self) -> float:
        """Bankruptcy price that goes with level and margin."""
        return self.level * (1.0 - self.side * self.margin)


def case(oracle: Oracle, law: Law | None = None) -> Case:
    """The simulation of an oracle; without a bankruptcy price of its own it shares that of another oracle."""
    same = [other.bankruptcy for other in PASSAGES if (other.law, other.steps) == (oracle.law, oracle.steps)]
    return Case(law or oracle.law, oracle.steps, oracle.level, oracle.bankruptcy or max(same), oracle.side)


def one_account(side: float, entry: float, bankruptcy: float) -> Book:
    """One unit long or short, and the residual account opposite."""
    size = np.array([[side], [-side]])
    return Book(
        markets=("X",),
        owners=("trader", "residual"),
        owner=np.arange(2),
        isolated=np.array([True, False]),
        residual=np.array([False, True]),
        size=size,
        entry=np.full((2, 1), entry),
        cash=np.array([side * (entry - bankruptcy), 1e4]),
    )


@lru_cache(maxsize=1)
def closings(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Closing price [P] (0: not liquidated) and bad debt [P] of the engine."""
    book = one_account(case.side, case.law.start, case.broke)
    protocol = {"maintenance_margin": case.margin, "insurance_fund": 1e6}
    paths = PATHS // 2 if case.steps >= MANY_TICKS else PATHS
    run = {"paths": paths, "block_paths": BLOCK, "seed": SEED}
    results = simulated(law_study(case.law, case.steps, book, run=run, protocol=protocol))
    closed, bad_debt = outcome(results, "liquidated")[:, 0].sum(-1), outcome(results, "bad_debt")
    hit, beyond = closed > 0, case.side * (closed - case.level)
    assert (outcome(results, "liquidated_accounts") == hit).all(), "an account is liquidated once"
    assert (beyond[hit] <= 1e-7).all(), "liquidated before the level"
    expected = np.where(hit, np.maximum(case.side * (case.broke - closed), 0.0), 0.0)
    np.testing.assert_allclose(bad_debt, expected, rtol=0, atol=1e-10)
    np.testing.assert_array_equal(bad_debt, outcome(results, "insurance_paid"))
    np.testing.assert_array_equal(bad_debt, outcome(results, "drawdown"))
    return closed, bad_debt


@jax.jit
def passages(job: Job, block: Any, level: Any, side: Any) -> Any:
    """Price [B] at the first tick beyond the level, 0 where there is none."""
    path = block_prices(job, block)[:, 1:, 0]
    beyond = side * (path - level) <= 0
    return jnp.where(beyond.any(1), path[jnp.arange(path.shape[0]), jnp.argmax(beyond, axis=1)], 0.0)


@lru_cache(maxsize=1)
def crossings(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Closing price [P] and bad debt [P] read off the price path."""
    run = {"paths": PATHS // 2 if case.steps < LONG else PATHS // 4, "block_paths": BLOCK, "seed": SEED}
    plan = law_study(case.law, case.steps, run=run).plan
    closed = np.concatenate(
        [np.asarray(passages(plan.job, np.uint32(b), case.level, case.side)) for b in range(plan.blocks)]
    )
    return closed, np.where(closed > 0, np.maximum(case.side * (case.broke - closed), 0.0), 0.0)


def estimate(oracle: Oracle, law: Law | None = None) -> Estimate:
    closed, bad_debt = (closings if oracle.steps in THROUGH_THE_ENGINE else crossings)(case(oracle, law))
    match oracle.quantity:
        case "liquidated":
            return mean((closed > 0).astype(float))
        case "overshoot":
            return mean(np.abs(np.log(closed[closed > 0] / oracle.level)))
    return mean(bad_debt)


def z_test(oracle: Oracle, law: Law | None = None) -> ZTest:
    return ZTest(
        estimate(oracle, law),
        oracle.value,
        f"{oracle.id}, {oracle.quantity}",
        "composition and engine",
        SEED,
        dataclasses.asdict(oracle) | {"law": law or oracle.law},
        oracle.tolerance,
    )


@pytest.mark.parametrize("oracle", PASSAGES, ids=lambda oracle: oracle.id)
def test_reference_value(oracle: Oracle) -> None:
    z_test(oracle).agrees()


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("GBM-FPT-B-n24", {"volatility": 0.8 * 1.02}),
        ("GBM-BAD-A-n30-B0", {"volatility": 0.3 * 1.02}),
        ("MER-FPT-B-n28", {"intensity": 24.0}),  # a tenth more is five standard errors: seen, or not
        ("RS-FPT-A-calm-n16", {"volatility": (0.5 * 1.02, 1.2 * 1.02)}),
    ],
)
def test_reference_value_rejects_a_wrong_parameter(name: str, wrong: dict[str, Any]) -> None:
    oracle = next(oracle for oracle in PASSAGES if oracle.id == name)
    z_test(oracle, dataclasses.replace(oracle.law, **wrong)).rejects()


LADDER = Law(start=100.0, drift=0.0, volatility=0.8, years=0.00045662100456621003)
BANKRUPTCY, UNITS = np.array([99.0, 98.0, 97.0, 95.0]), np.array([50.0, 120.0, 80.0, 200.0])
REQUIRED_FUND = {
    "IF-LADDER-0.99": (0.99, 448.22052682811744, 599.3495014972038),
    "IF-LADDER-0.999": (0.999, 791.7683521352363, 992.8619340536077),
    "IF-LADDER-0.9999": (0.9999, 1248.0614706180927, 1420.2290913219363),
}
"""Level, required fund and expected shortfall of the bad debt of four longs after one lognormal gap."""


@lru_cache(maxsize=1)
def gap_losses(volatility: float) -> np.ndarray:
    """Drawdown of the fund [P] after one tick."""
    size = np.append(UNITS, -UNITS.sum())[:, None]
    book = Book(
        markets=("X",),
        owners=("a", "b", "c", "d", "residual"),
        owner=np.arange(5),
        isolated=np.arange(5) < 4,
        residual=np.arange(5) == 4,
        size=size,
        entry=np.full((5, 1), LADDER.start),
        cash=np.append(UNITS * (LADDER.start - BANKRUPTCY), 1e6),
    )
    run = {"paths": 2**18, "block_paths": 8192, "seed": SEED}
    protocol = {"maintenance_margin": TINY_MARGIN, "insurance_fund": 1e9}
    return outcome(
        simulated(law_study(dataclasses.replace(LADDER, volatility=volatility), 1, book, run=run, protocol=protocol)),
        "drawdown",
    )


def shortfall_tests(name: str, volatility: float) -> list[ZTest]:
    """The share of losses beyond the required fund, and their mean (Rockafellar and Uryasev's form, unbiased)."""
    level, fund, shortfall = REQUIRED_FUND[name]
    losses = gap_losses(volatility)
    tail = fund + np.maximum(losses - fund, 0.0) / (1.0 - level)
    about = ("one gap, four longs", SEED, {"volatility": volatility})
    return [
        ZTest(mean((losses > fund).astype(float)), 1.0 - level, f"{name}: P(loss > fund)", *about),
        ZTest(mean(tail), shortfall, f"{name}: expected shortfall", *about),
    ]


@pytest.mark.parametrize("name", REQUIRED_FUND)
def test_required_fund(name: str) -> None:
    for z_test in shortfall_tests(name, 0.8):
        z_test.agrees()


def test_required_fund_rejects_a_wrong_volatility() -> None:
    for z_test in shortfall_tests("IF-LADDER-0.99", 0.8 * 1.02):
        z_test.rejects()
