"""Hawkes arrivals against public reference values: intensities, counts, clusters, and the jump diffusion with them.

Counts and intensities are those of the arrival part itself, three ticks of one bin each: any step is exact. The table's
jump diffusion has no compensator, so what the model gives up is added again.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from tests.functionals import MOMENTS, compared, of_means
from tests.oracles import Oracle
from tests.oracles_hawkes import HAWKES, HAWKES_B, HAWKES_C
from tests.parts import BINS, Arrivals
from tests.walks import Model, uncompensated, walk
from tests.z_tests import Estimate, ZTest, mean, variance

SEED, PATHS = 43, 2**15
SLOW = {HAWKES_B: PATHS // 2, HAWKES_C: PATHS // 8}
"""Paths where a stationary start takes hundreds of jumps."""
TENTHS = 10


def simulated(oracle: Oracle, model: Model) -> Estimate:
    paths = SLOW.get(oracle.law, PATHS)
    if oracle.quantity.startswith("log "):
        return MOMENTS[oracle.quantity](uncompensated(model.build(1), steps=1, paths=paths, seed=SEED)["log"][:, 0])
    if oracle.quantity.startswith("cluster"):
        return _cluster(oracle.quantity, model)
    years = model.years / TENTHS if oracle.quantity == "no jump in any tenth" else model.years
    counts, intensity = bins(model, years, paths)
    return _counted(oracle.quantity, model, counts, intensity)


@lru_cache(maxsize=2)
def bins(model: Model, years: float, paths: int) -> tuple[np.ndarray, np.ndarray]:
    """Jumps [P, BINS] in bins of so many years, and the intensity [P] at time zero."""
    built = dataclasses.replace(model, years=BINS * years).build(BINS)
    kept = walk(Arrivals(), built, steps=BINS, paths=paths, seed=SEED, extra=np.zeros(2))
    return kept["counts"], model.price["jump"]["intensity"] + kept["first"]


def _counted(quantity: str, model: Model, counts: np.ndarray, intensity: np.ndarray) -> Estimate:
    mu, n = model.price["jump"]["intensity"], counts[:, 0]
    match quantity:
        case "intensity mean":
            return mean(intensity)
        case "intensity variance":
            return variance(intensity)
        case "count mean":
            return mean(n)
        case "count variance":
            return variance(n)
        case "covariance of bins":
            return covariance(n, counts[:, 1])
        case "covariance of bins apart":
            return covariance(n, counts[:, 2])
        case "branching ratio":  # the share of jumps that are no first ones
            return of_means(lambda m: 1.0 - mu * model.years / m, n)
        case "Fano factor":
            return of_means(lambda v, m: v / m, (n - n.mean()) ** 2, n)
        case "no jump":
            return mean((n == 0).astype(float))
        case "five jumps":
            return mean((n == 5).astype(float))
        case "no jump in any tenth":  # after a tenth without jumps the state is that at the start
            tenth = mean((n == 0).astype(float))
            return dataclasses.replace(
                tenth, value=tenth.value**TENTHS, error=TENTHS * tenth.value ** (TENTHS - 1) * tenth.error
            )
        case "no jump, given the start":  # the intensity fades to mu until the first jump
            beta = model.price["intensity"]["beta"]
            return mean(np.exp(-mu * model.years + (intensity - mu) * np.expm1(-beta * model.years) / beta))
    raise AssertionError(quantity)


def _cluster(quantity: str, model: Model) -> Estimate:
    """A first jump at time zero, and what follows from it."""
    excited = np.array([model.price["intensity"]["alpha"], 0.0])
    size = 1.0 + walk(Arrivals(), model.build(1), steps=1, paths=PATHS, seed=SEED, extra=excited)["counts"][:, 0]
    match quantity:
        case "cluster mean":
            return mean(size)
        case "cluster variance":
            return variance(size)
    return mean((size > 10).astype(float))


def covariance(x: np.ndarray, y: np.ndarray) -> Estimate:
    return mean((x - x.mean()) * (y - y.mean()))


def z_test(oracle: Oracle, model: Model | None = None) -> ZTest:
    model = model or oracle.law
    return compared(oracle, simulated(oracle, model), SEED, model="hawkes", parameters=model.price)


@pytest.mark.parametrize("oracle", HAWKES, ids=lambda oracle: oracle.id)
def test_reference_value(oracle: Oracle) -> None:
    z_test(oracle).agrees()


WRONG: dict[str, dict[str, Any]] = {
    "HAW-MEANINT-A": {"jump": {"intensity": 22.0}},
    "HAW-MEAN-A": {"intensity": {"alpha": 66.0}},
    "HAW-VARINT-A": {"intensity": {"beta": 110.0}},
    "HAW-VAR0-A": {"intensity": {"alpha": 66.0}},
    "HAW-P0-EMPTY-A": {"jump": {"intensity": 22.0}},
    "HAW-ACOV-A-gap0": {"intensity": {"beta": 110.0}},
    "HAW-P0-EMPTY-B": {"jump": {"intensity": 1.32}},
    "HAW-CLMEAN-n0.6": {"intensity": {"alpha": 0.66}},
    "HAW-CLTAIL-n0.9": {"intensity": {"alpha": 0.81}},
    "HAWJ-mean-A": {"jump": {"intensity": 24.0}},
    "HAWJ-skew-A": {"intensity": {"alpha": 72.0}},
}
"""10 % of an intensity, of what a jump adds to it or of how fast that fades; 20 % where the diffusion hides it."""


@pytest.mark.parametrize("name", WRONG)
def test_reference_value_rejects_a_wrong_parameter(name: str) -> None:
    oracle = next(oracle for oracle in HAWKES if oracle.id == name)
    z_test(oracle, oracle.law.changed(**WRONG[name])).rejects()
