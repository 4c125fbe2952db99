"""What reference values are expectations of, estimated from what paths left."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from tests.oracles import Oracle
from tests.studies import law_price
from tests.walks import Levels, Model
from tests.z_tests import Estimate, ZTest, excess_kurtosis, mean, skewness, variance

MOMENTS = {
    "log mean": mean,
    "log variance": variance,
    "log skewness": skewness,
    "log kurtosis": excess_kurtosis,
}

WIDTH = 4
"""Levels of every walk, so that all of them share a program."""
NOBODY = (-1e3, 1.0, 0, -1e3)
"""A level that no price reaches."""


def model_of(law: Any) -> Model:
    """The model of a row, also where the row has a law."""
    return law if isinstance(law, Model) else Model(law.years, law_price(law))


def levels_of(*oracles: Oracle) -> Levels:
    """The prices at which the accounts of some rows are liquidated; without a bankruptcy price it is the same."""
    rows = []
    for oracle in oracles:
        start = model_of(oracle.law).price["initial_prices"]
        level, bankruptcy = oracle.level, oracle.bankruptcy or oracle.level
        rows.append((math.log(level / start), oracle.side, 0, math.log(bankruptcy / start)))
    return Levels.of(*rows, *[NOBODY] * (WIDTH - len(rows)))


def of_end(oracle: Oracle, log: np.ndarray, model: Model | None = None) -> Estimate:
    """Moments of the log price [P] at the end, and discounted options with the price as control variate."""
    model = model or model_of(oracle.law)
    if oracle.quantity in MOMENTS:
        return MOMENTS[oracle.quantity](log)
    sign = {"call": 1.0, "put": -1.0}[oracle.quantity]
    start, drift = model.price["initial_prices"], model.price["drift"]
    end = start * np.exp(log)
    paid = math.exp(-oracle.rate * model.years) * np.maximum(sign * (end - oracle.strike), 0.0)
    return controlled(paid, end, start * math.exp(drift * model.years))


def controlled(values: np.ndarray, control: np.ndarray, expected: float) -> Estimate:
    """Mean of values with a control variate of known mean, which is left out where it is constant."""
    if control.std() > 1e-9 * abs(expected):
        values = values - np.cov(values, control)[0, 1] / control.var(ddof=1) * (control - expected)
    return mean(values)


def of_passage(oracle: Oracle, passage: np.ndarray) -> Estimate:
    """Liquidation at ticks: whether, and bad debt, from the log price [P] there (NaN: nobody was liquidated)."""
    hit = ~np.isnan(passage)
    if oracle.quantity == "liquidated":
        return mean(hit.astype(float))
    assert oracle.quantity == "bad debt"
    closed = model_of(oracle.law).price["initial_prices"] * np.exp(np.where(hit, passage, 0.0))
    return mean(np.where(hit, np.maximum(oracle.side * (oracle.bankruptcy - closed), 0.0), 0.0))


def of_bridges(
    oracle: Oracle, kept: Mapping[str, np.ndarray], place: int = 0, weight: float | np.ndarray = 1.0
) -> Estimate:
    """The same under continuous monitoring, from what ``tests.bridges`` keeps."""
    model, hit = model_of(oracle.law), 1.0 - kept["alive"][:, place]
    match oracle.quantity:
        case "liquidated":
            value = hit
        case "one-touch":
            value = oracle.strike * math.exp(-oracle.rate * model.years) * hit
        case "liquidated by a jump":
            value = kept["by_jump"][:, place]
        case "bad debt":
            value = model.price["initial_prices"] * kept["bad_debt"][:, place]
        case _:
            raise AssertionError(oracle.quantity)
    return mean(weight * value)


def of_means(function: Callable[..., Any], *values: np.ndarray) -> Estimate:
    """A function of means, the error by its influence function."""
    means = [float(value.mean()) for value in values]
    slopes = jax.grad(function, argnums=tuple(range(len(values))))(*means)
    influence = sum(float(slope) * (value - m) for slope, value, m in zip(slopes, values, means, strict=True))
    return dataclasses.replace(mean(np.asarray(influence)), value=float(function(*means)))


def compared(oracle: Oracle, estimate: Estimate, seed: int, *, model: str, parameters: Any = ()) -> ZTest:
    """The z-test of a row."""
    return ZTest(
        estimate, oracle.value, f"{oracle.id}, {oracle.quantity}", model, seed, parameters, tolerance=oracle.tolerance
    )
