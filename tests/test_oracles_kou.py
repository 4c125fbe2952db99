"""Kou's model against public reference values: options, moments, liquidation at ticks and in between, rare ones too.

Between ticks the test bridges (``tests.bridges``). What is rare is made frequent by more jumps than the law has: paths
then count by the likelihood ratio (l / l')^n exp((l' - l) T) of their number n.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from tests.bridges import continuous
from tests.functionals import compared, levels_of, of_bridges, of_end, of_passage
from tests.oracles import Oracle
from tests.oracles_kou import KOU, KOU_A, KOU_B, KOU_RARE, KW_FEW, KW_UP
from tests.studies import outcome, simulated, study
from tests.test_oracles_engine import one_account
from tests.walks import BLOCK, Model, ends
from tests.z_tests import Estimate, ZTest

SEED, PATHS = 41, 2**17
FEW, BRIDGED = 4, 16
"""Ticks of a horizon where a value does not depend on them, and where the test bridges between them."""
PASSAGES = ("liquidated", "bad debt")
RATES = {KOU_A: 200.0, KW_FEW: KW_UP.price["jump"]["intensity"]}
"""Jumps a year with which rare events are simulated, instead of those of the law."""


def paths(steps: int) -> int:
    """Half of them from so many ticks on."""
    return PATHS if steps < 48 else PATHS // 2


@lru_cache(maxsize=2)
def walked(model: Model, steps: int, *rows: Oracle) -> Any:
    return ends(model.build(steps), levels_of(*rows), steps=steps, paths=paths(steps), seed=SEED)


def at_ticks(oracle: Oracle, model: Model) -> Estimate:
    if oracle.quantity in PASSAGES:
        return of_passage(oracle, walked(model, oracle.steps, oracle)["passage"][:, 0])
    return of_end(oracle, walked(model, FEW)["log"][:, 0], model)


@lru_cache(maxsize=1)
def bridged(model: Model, rows: tuple[Oracle, ...]) -> Any:
    return continuous(model.build(BRIDGED), levels_of(*rows), steps=BRIDGED, paths=PATHS, seed=SEED)


def in_between(oracle: Oracle, model: Model) -> Estimate:
    rows = tuple(row for row in KOU if row.law is oracle.law and row.level and not row.steps)
    return of_bridges(oracle, bridged(model, rows), rows.index(oracle))


def frequent(model: Model, rate: float) -> Model:
    """The model with other jumps a year; the drift between jumps stays."""
    jump = model.price["jump"]
    up, down, p = jump["eta_up"], jump["eta_down"], jump["up_probability"]
    growth = p * up / (up - 1) + (1 - p) * down / (down + 1) - 1
    drift = model.price["drift"] + (rate - jump["intensity"]) * growth
    return model.changed(drift=drift, jump={"intensity": rate})


@lru_cache(maxsize=1)
def often(model: Model, rate: float, rows: tuple[Oracle, ...]) -> Any:
    ticks = 48
    built, levels = frequent(model, rate).build(ticks), levels_of(*rows)
    at_ticks = ends(built, levels, steps=ticks, paths=PATHS // 2, seed=SEED)
    return at_ticks, continuous(built, levels, steps=ticks, paths=PATHS // 2, seed=SEED)


def rarely(oracle: Oracle, model: Model) -> Estimate:
    rate, given = RATES[oracle.law], model.price["jump"]["intensity"]
    rows = tuple(row for row in RARE if row.law is oracle.law)
    ticks, kept = often(model, rate, rows)
    place = rows.index(oracle)
    weight = np.exp(kept["jumps"] * math.log(given / rate) + (rate - given) * model.years)
    if oracle.steps:
        kept = {"alive": np.isnan(ticks["passage"]).astype(float)}
    return of_bridges(oracle, kept, place, weight)


RARE = (*KOU_RARE, *(row for row in KOU if row.law is KW_FEW))


def z_test(oracle: Oracle, model: Model | None = None) -> ZTest:
    model = model or oracle.law
    way = rarely if oracle in RARE else in_between if oracle.level and not oracle.steps else at_ticks
    return compared(oracle, way(oracle, model), SEED, model="kou", parameters=model.price)


@pytest.mark.parametrize("oracle", [*KOU, *KOU_RARE], ids=lambda oracle: oracle.id)
def test_reference_value(oracle: Oracle) -> None:
    z_test(oracle).agrees()


WRONG: dict[str, dict[str, Any]] = {
    "KOU-PX-FYPY": {"volatility": 0.15 * 1.03},
    "KOU-PX-SURKOV-62": {"jump": {"intensity": 0.22}},
    "KOU-CUM-A-mean": {"volatility": 0.6 * 1.1},
    "KOU-CUM-B-skewness": {"jump": {"up_probability": 0.65}},
    "KOU-CUM-B-excess": {"jump": {"eta_down": 21.0}},
    "KOU-FPT-KW-mu-0.1-lam3.0": {"volatility": 0.2 * 1.04},
    "KOU-FPT-C-cont": {"volatility": 0.2 * 1.04, "jump": {"intensity": 1.1}},
    "KOU-FPT-B-n28": {"jump": {"intensity": 24.0}},
    "KOU-BADL-C-n52": {"jump": {"intensity": 1.1}},
    "KOU-OVS-KW-mu0.1-lam3.0": {"jump": {"eta_up": 40.0}},
    "RARE-KOU-L75-cont": {"jump": {"eta_down": 17.0}},
}
"""Wrong by as little as the values can tell: 3 % of a volatility, 10 % of an intensity, more in the tails."""


@pytest.mark.parametrize("name", WRONG)
def test_reference_value_rejects_a_wrong_parameter(name: str) -> None:
    oracle = next(oracle for oracle in (*KOU, *KOU_RARE) if oracle.id == name)
    z_test(oracle, oracle.law.changed(**WRONG[name])).rejects()


def test_the_engine_liquidates_where_the_price_passes() -> None:
    """Path by path: one account in the venue, and the first tick beyond its liquidation price in a walk."""
    oracle = next(oracle for oracle in KOU if oracle.id == "KOU-FPT-B-n28")
    bankruptcy, number = 80.0, BLOCK
    protocol = {"maintenance_margin": 1.0 - bankruptcy / oracle.level, "insurance_fund": 1e6}
    settings = KOU_B.settings(oracle.steps, protocol, paths=number, block_paths=number, seed=SEED)
    results = simulated(study(settings, one_account(1.0, 100.0, bankruptcy)))
    closed, bad_debt = outcome(results, "liquidated")[:, 0].sum(-1), outcome(results, "bad_debt")
    walk = ends(KOU_B.build(oracle.steps), levels_of(oracle), steps=oracle.steps, paths=number, seed=SEED)
    passed = 100.0 * np.exp(walk["passage"][:, 0])
    np.testing.assert_allclose(closed, np.nan_to_num(passed), rtol=1e-12)
    np.testing.assert_allclose(bad_debt, np.maximum(bankruptcy - np.nan_to_num(passed, nan=1e9), 0.0), atol=1e-9)
    assert (closed > 0).sum() > 50
    assert (bad_debt > 0).sum() > 10
