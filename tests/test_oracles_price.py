"""Market models against public reference values: moments, tails, European and knock-out options, times in regimes.

The prices are those of :func:`stress.simulate_prices`, in the precision a run has by default.
"""

from __future__ import annotations

import dataclasses
import math
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stress.mc.job import Job
from stress.mc.noise import TILE, draw_noise, tile_keys
from stress.session import simulate_prices
from tests.oracles import ORACLES, Law, Oracle
from tests.studies import law_study
from tests.z_tests import Estimate, ZTest, excess_kurtosis, mean, skewness, variance

PATHS, BLOCK, SEED = 2**18, 8192, 20
STEPS = 4
"""Steps where the value does not depend on them: increments are exact at any step size."""
BARRIERS = ("liquidated", "overshoot", "bad debt")
PRICED = [oracle for oracle in ORACLES if oracle.quantity not in BARRIERS]


def paths(law: Law) -> int:
    """Regimes cost more and need less."""
    return PATHS // 2 if law.rates else PATHS


def study(law: Law, steps: int) -> Any:
    return law_study(law, steps, run={"paths": paths(law), "block_paths": BLOCK, "seed": SEED})


@lru_cache(maxsize=2)
def prices(law: Law, steps: int) -> np.ndarray:
    """Price paths [P, T + 1]."""
    return simulate_prices(study(law, steps))[:, :, 0]


@lru_cache(maxsize=2)
def occupation(law: Law, steps: int) -> np.ndarray:
    """Years [P, R] spent in every regime, on the paths of :func:`prices`."""
    job = study(law, steps).plan.job
    return np.concatenate([np.asarray(occupied_block(job, np.uint32(block))) for block in range(paths(law) // BLOCK)])


def _occupation(job: Job, block: Any) -> Any:
    chain, step_years = job.model.chain, job.model.step_years  # type: ignore[attr-defined]
    tiles, dtype = block * (job.block_paths // TILE) + jnp.arange(job.block_paths // TILE), jnp.dtype(job.dtype)

    def tick(state: Any, number: Any) -> tuple[Any, None]:
        del number
        regime, spent = state
        regime, occupied = jax.vmap(chain.step, in_axes=(0, None))(regime, step_years)
        return (regime, spent + occupied), None

    noise = draw_noise(tile_keys(job.seed, tiles, jnp.uint32(0)), chain.initial_draws(), dtype)
    start = (jax.vmap(chain.init)(noise), jnp.zeros((job.block_paths, len(chain.exit_rate))))
    return jax.lax.scan(tick, start, jnp.arange(1, job.steps + 1))[0][1]


occupied_block = jax.jit(_occupation)


def estimate(oracle: Oracle, law: Law | None = None) -> Estimate:
    """The quantity of an oracle, under its own law or another one."""
    law = law or oracle.law
    path = prices(law, oracle.steps or STEPS)
    end, log = path[:, -1], np.log(path[:, -1] / law.start)
    discount = math.exp(-oracle.rate * law.years)
    match oracle.quantity:
        case "log mean":
            return mean(log)
        case "log variance":
            return variance(log)
        case "log skewness":
            return skewness(log)
        case "log kurtosis":
            return excess_kurtosis(log)
        case "log tail":
            return mean((log <= oracle.level).astype(float))
        case "variance":
            return variance(end)
        case "put":
            return mean(np.maximum(oracle.strike - end, 0.0))
        case "call":
            return mean(discount * np.maximum(end - oracle.strike, 0.0))
        case "down-and-out call":
            alive = (path[:, 1:] > oracle.level).all(1)
            return mean(discount * np.where(alive, np.maximum(end - oracle.strike, 0.0), 0.0))
        case "call, rates by regime":  # the short rate of a regime is its drift
            paid = np.exp(-occupation(law, STEPS) @ np.asarray(law.drift))
            return mean(paid * np.maximum(end - oracle.strike, 0.0))
        case "regime time mean":
            return mean(occupation(law, STEPS)[:, 0])
        case "regime time variance":
            return variance(occupation(law, STEPS)[:, 0])
    raise AssertionError(oracle.quantity)


def z_test(oracle: Oracle, law: Law | None = None) -> ZTest:
    return ZTest(
        estimate(oracle, law),
        oracle.value,
        f"{oracle.id}, {oracle.quantity}",
        "composition",
        SEED,
        dataclasses.asdict(law or oracle.law),
        oracle.tolerance,
    )


@pytest.mark.parametrize("oracle", PRICED, ids=lambda oracle: oracle.id)
def test_reference_value(oracle: Oracle) -> None:
    z_test(oracle).agrees()


WRONG = {
    "GBM-MOM-6": {"volatility": 0.8 * 1.02},
    "GBM-ES-PRICE-1": {"volatility": 0.8 * 1.02},
    "MER-CUM-C-variance": {"intensity": 1.1},
    "MER-PX-SURKOV-C1": {"intensity": 0.11},
    "RS-MOM-B-stress-variance": {"volatility": (0.4, 1.02)},
    "BGK-DOC-H99": {"volatility": 0.3 * 1.1},
    "RS-MOM-A-calm-E_time_in_state_1": {"rates": ((-12.6, 12.6), (52.0, -52.0))},
    "RS-MOM-B-stress-mean": {"drift": (0.3, -0.85)},
}
"""Parameters wrong by little: 2 % of a volatility (10 % for the option, which knows little of it), 5 % of a rate, 10 % of an intensity."""


@pytest.mark.parametrize("name", WRONG)
def test_reference_value_rejects_a_wrong_parameter(name: str) -> None:
    oracle = next(oracle for oracle in PRICED if oracle.id == name)
    z_test(oracle, dataclasses.replace(oracle.law, **WRONG[name])).rejects()
