"""Heston's and Bates's models against public reference values: options, moments, first passage.

The scheme has a bias that vanishes with the step (``tests/test_heston.py`` measures it); at the steps taken here it is
smaller than the standard error. Variances are those of the diffusion part itself.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from tests.bridges import continuous
from tests.functionals import MOMENTS, compared, levels_of, of_bridges, of_end
from tests.oracles import Oracle
from tests.oracles_heston import HESTON
from tests.parts import Variance
from tests.walks import Model, ends, walk
from tests.z_tests import Estimate, ZTest, mean, variance

SEED, PATHS = 45, 2**16
LONG_YEARS = 5.0
"""A horizon from which on steps and paths are others."""


def steps(model: Model) -> int:
    """Ticks of the horizon."""
    return 384 if model.years > LONG_YEARS else 64


def paths(model: Model) -> int:
    """Paths."""
    return PATHS // 4 if model.years > LONG_YEARS else PATHS


@lru_cache(maxsize=2)
def end(model: Model) -> np.ndarray:
    """Log prices [P]."""
    return ends(model.build(steps(model)), steps=steps(model), paths=paths(model), seed=SEED)["log"][:, 0]


@lru_cache(maxsize=2)
def variances(model: Model) -> Any:
    return walk(Variance(), model.build(steps(model)), steps=steps(model), paths=paths(model), seed=SEED)


def simulated(oracle: Oracle, model: Model) -> Estimate:
    match oracle.quantity:
        case "call" | "put":
            return of_end(oracle, end(model), model)
        case "variance mean":
            return mean(variances(model)["variance"][:, 0])
        case "variance variance":
            return variance(variances(model)["variance"][:, 0])
        case "variance below":
            return mean((variances(model)["variance"][:, 0] <= oracle.level).astype(float))
        case "integral mean":
            return mean(variances(model)["integral"][:, 0])
        case "integral variance":
            return variance(variances(model)["integral"][:, 0])
        case "liquidated":
            built = model.build(steps(model))
            return of_bridges(oracle, continuous(built, levels_of(oracle), steps=steps(model), paths=PATHS, seed=SEED))
    return MOMENTS[oracle.quantity](end(model))


def z_test(oracle: Oracle, model: Model | None = None) -> ZTest:
    model = model or oracle.law
    return compared(oracle, simulated(oracle, model), SEED, model="heston", parameters=model.price)


@pytest.mark.parametrize("oracle", HESTON, ids=lambda oracle: oracle.id)
def test_reference_value(oracle: Oracle) -> None:
    z_test(oracle).agrees()


TWO_PERCENT = 1.02**2
"""On a variance, of a volatility 2 % wrong."""
WRONG: dict[str, dict[str, float]] = {
    "HES-PX-LEWIS-4": {"theta": 0.25 * TWO_PERCENT, "v0": 0.04 * TWO_PERCENT},
    "HES-PX-BK1-2": {"theta": 0.019 * TWO_PERCENT, "v0": 0.010201 * TWO_PERCENT},
    "HES-MOM-CR-VX": {"theta": 0.64 * TWO_PERCENT, "v0": 0.49 * TWO_PERCENT},
    "HES-PX-KJ-1": {"rho": -0.7},
    "HES-MOM-BK1-SK": {"rho": -0.63},
    "HES-MOM-CR-VI": {"xi": 1.5 * 1.1},
    "HES-MOM-FO-VV": {"kappa": 1.5768 * 1.1},
    "HES-FELLER-FO": {"xi": 0.5751 * 1.1},
    "HES-FPT-B-L75": {"theta": 0.64 * TWO_PERCENT, "v0": 0.49 * TWO_PERCENT},
    "HES-FPT-RHO-C": {"theta": 0.09 * TWO_PERCENT**2, "v0": 0.09 * TWO_PERCENT**2},
}
"""2 % of the volatility (4 % for the passage), 10 % of a speed, of the volatility of variance or of the correlation."""


@pytest.mark.parametrize("name", WRONG)
def test_reference_value_rejects_a_wrong_parameter(name: str) -> None:
    oracle = next(oracle for oracle in HESTON if oracle.id == name)
    z_test(oracle, oracle.law.changed(variance=WRONG[name])).rejects()


def test_bates_rejects_a_wrong_intensity() -> None:
    """The option far above knows it best; 50 % more jumps, since the diffusion hides them."""
    oracle = next(oracle for oracle in HESTON if oracle.id == "BAT-PX-CR-K140")
    z_test(oracle, oracle.law.changed(jump={"intensity": 18.0})).rejects()
