"""Geometric Brownian motion and regimes against reference values for continuous monitoring, bridged between ticks.

Kou's and Heston's values of this kind are in the tests of those models, two markets in ``test_oracles_markets``.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.bridges import continuous
from tests.functionals import compared, levels_of, model_of, of_bridges
from tests.oracles import Oracle
from tests.oracles_continuous import CONTINUOUS
from tests.z_tests import ZTest

SEED, PATHS = 42, 2**17
TICKS = {"GBM": 4, "RS-": 16}
"""Few are enough: the bridge is exact, for regimes with drifts of their own nearly so."""


def z_test(oracle: Oracle, **wrong: Any) -> ZTest:
    law, steps = dataclasses.replace(oracle.law, **wrong), TICKS[oracle.id[:3]]
    paths = PATHS // 4 if law.rates else PATHS
    kept = continuous(model_of(law).build(steps), levels_of(oracle), steps=steps, paths=paths, seed=SEED)
    return compared(oracle, of_bridges(oracle, kept), SEED, model="composition", parameters=dataclasses.asdict(law))


@pytest.mark.parametrize("oracle", CONTINUOUS, ids=lambda oracle: oracle.id)
def test_reference_value(oracle: Oracle) -> None:
    z_test(oracle).agrees()


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("GBM-FPT-E-cont", {"volatility": 0.6 * 1.02}),
        ("GBM-FPT-D-cont", {"volatility": 0.8 * 1.02}),
        ("RS-FPT-A-calm-cont", {"volatility": (0.5 * 1.04, 1.2 * 1.04)}),
        ("RS-FPT-B-calm-cont", {"rates": ((-2.2, 2.2), (6.0, -6.0)), "volatility": (0.4, 1.04)}),
    ],
)
def test_reference_value_rejects_a_wrong_parameter(name: str, wrong: dict[str, Any]) -> None:
    z_test(next(oracle for oracle in CONTINUOUS if oracle.id == name), **wrong).rejects()
