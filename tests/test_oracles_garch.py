"""GARCH against public reference values: forecasts, sums of ten bars, the stationary law, a tail of two bars.

The shocks are recovered from the log-returns (``tests.parts.Shocks``). The eighth moment of the stationary law of N3
and T8 is infinite, so an average of fourth powers has no standard error there. Their fourth moments come from those
of one bar: with p = E[h' - w] / h, q = E[(h' - w)^2] / h^2, c = E[e^2 (h' - w)] / h^2 and z = E[e^4] / h^2, w =
omega, it is

    m = E[h] = w / (1 - p),   E[h^2] = (w^2 + 2 w p m) / (1 - q),   E[e^4] = z E[h^2],   E[e^2 e'^2] = w m + c E[h^2].
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from tests.functionals import compared, of_means
from tests.oracles import Oracle
from tests.oracles_garch import GARCH, STATIONARY_BARS
from tests.parts import Shocks
from tests.walks import Model, walk
from tests.z_tests import Estimate, ZTest, mean, variance

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
    square, fourth = kept["square"] / (STATIONARY_BARS - BURNT), kept["fourth"] / (STATIONARY_BARS - BURNT)
    match oracle.quantity:
        case "variance of bar 10":
            return mean(kept["variance"])
        case "variance of the sum of 10":
            return variance(kept["sum"])
        case "sum of two below":
            return mean((kept["sum"] <= oracle.level).astype(float))
        case "variance":
            return mean(square)
        case "kurtosis" if oracle.steps == STATIONARY_BARS:
            return of_means(lambda m2, m4: m4 / m2**2, square, fourth)
    return of_one_bar(oracle.quantity, model, kept)


def of_one_bar(quantity: str, model: Model, kept: dict[str, np.ndarray]) -> Estimate:
    """Moments of the stationary law from those of the first bar and of what the second's variance makes of it."""
    part = model.build(2).diffusion
    omega, h = float(part.omega[0]), float(part.first[0])
    shock, after = kept["sum"] - kept["shock"], kept["variance"] - omega

    def moments(p: Any, q: Any, c: Any, z: Any) -> Any:
        m = omega / (1.0 - p)
        second = (omega**2 + 2.0 * omega * p * m) / (1.0 - q)
        if quantity == "kurtosis":
            return z * second / m**2
        assert quantity == "autocorrelation of squares"
        return (omega * m + c * second - m**2) / (z * second - m**2)

    return of_means(moments, after / h, (after / h) ** 2, shock**2 * after / h**2, shock**4 / h**2)


def z_test(oracle: Oracle, model: Model | None = None) -> ZTest:
    model = model or oracle.law
    return compared(oracle, simulated(oracle, model), SEED, model="garch", parameters=model.price)


@pytest.mark.parametrize("oracle", GARCH, ids=lambda oracle: oracle.id)
def test_reference_value(oracle: Oracle) -> None:
    z_test(oracle).agrees()


WRONG: dict[str, dict[str, Any]] = {
    "GAR-FC-N1": {"alpha": 0.081},
    "GAR-CUM-N2": {"beta": 0.85 * 1.02},
    "GAR-CUM-N3": {"initial_volatility": 1.04},
    "GAR-KUR-N2": {"alpha": 0.11},
    "GAR-KUR-T8": {"alpha": 0.05},
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
