"""GARCH against public reference values: forecasts, sums of ten bars, the stationary law, a tail of two bars.

The shocks are recovered from the log-returns (``tests.parts.Shocks``). Stationary moments are taken over many bars of
a path, long after the first one. The fourth moments of the table are finite; the eighth, which makes their standard
error, is not for T8 and N3. Their estimates converge more slowly than the error says; the power checks show
what they see all the same.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from tests.functionals import compared
from tests.oracles import Oracle
from tests.oracles_garch import GARCH, STATIONARY_BARS
from tests.parts import Shocks
from tests.walks import Model, walk
from tests.z_tests import Estimate, ZTest, _of, mean, variance

SEED, PATHS = 44, 2**17
LONG_PATHS = 2**13
BURNT = 300
"""Bars that are left out of stationary moments."""


@lru_cache(maxsize=1)
def shocks(model: Model, steps: int) -> Any:
    paths, burnt = (LONG_PATHS, BURNT) if steps == STATIONARY_BARS else (PATHS, steps)
    return walk(Shocks(), model.build(steps), steps=steps, paths=paths, seed=SEED, extra=np.int32(burnt))


def simulated(oracle: Oracle, model: Model) -> Estimate:
    kept = {name: value[:, 0] for name, value in shocks(model, oracle.steps).items() if name != "state"}
    square, fourth, product = (kept[name] / (STATIONARY_BARS - BURNT) for name in ("square", "fourth", "product"))
    match oracle.quantity:
        case "variance of bar 10":
            return mean(kept["variance"])
        case "variance of the sum of 10":
            return variance(kept["sum"])
        case "sum of two below":
            return mean((kept["sum"] <= oracle.level).astype(float))
        case "variance":
            return mean(square)
        case "kurtosis":
            k = fourth.mean() / square.mean() ** 2
            return _of(k, (fourth - fourth.mean()) / square.mean() ** 2 - 2.0 * k * (square / square.mean() - 1.0))
        case "autocorrelation of squares":  # (E[e^2 e'^2] - m^2) / (E[e^4] - m^2), m = E[e^2]
            m, spread = square.mean(), fourth.mean() - square.mean() ** 2
            rho = (product.mean() - m**2) / spread
            influence = (product - product.mean()) - rho * (fourth - fourth.mean()) - 2.0 * m * (1.0 - rho) * (square - m)
            return _of(rho, influence / spread)
    raise AssertionError(oracle.quantity)


def z_test(oracle: Oracle, model: Model | None = None) -> ZTest:
    model = model or oracle.law
    return compared(oracle, simulated(oracle, model), SEED, model="garch", parameters=model.price)


@pytest.mark.parametrize("oracle", GARCH, ids=lambda oracle: oracle.id)
def test_reference_value(oracle: Oracle) -> None:
    z_test(oracle).agrees()


WRONG: dict[str, dict[str, Any]] = {
    "GAR-FC-N1": {"alpha": 0.081},
    "GAR-CUM-N2": {"beta": 0.85 * 1.02},
    "GAR-CUM-N3": {"initial_volatility": 1.02},
    "GAR-KUR-N2": {"alpha": 0.11},
    "GAR-KUR-T8": {"nu": 6.0},
    "GAR-KUR-N3": {"alpha": 0.33},
    "GAR-ACF1-N3": {"alpha": 0.33},
    "GAR-FC-T8": {"alpha": 0.061},
    "GAR-TAIL2": {"initial_volatility": 1.02},
}
"""2 % of a volatility (as a factor here), and less or more of the others as far as the value tells."""


@pytest.mark.parametrize("name", WRONG)
def test_reference_value_rejects_a_wrong_parameter(name: str) -> None:
    oracle = next(oracle for oracle in GARCH if oracle.id == name)
    section = oracle.law.price["variance"]
    wrong = {key: section[key] * value if key == "initial_volatility" else value for key, value in WRONG[name].items()}
    z_test(oracle, oracle.law.changed(variance=wrong)).rejects()
