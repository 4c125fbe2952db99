"""The stationary block bootstrap against its exact law: blocks, sums, barriers, means, at steps of any length."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stress
from stress.price.block_length import optimal_block_length
from stress.price.bootstrap import growth, part_starts
from tests.histories import write_table
from tests.z_tests import Estimate, ZTest, mean, variance

RETURNS = (0.012, -0.034, 0.008, 0.021, -0.055, 0.003, 0.017, -0.009, 0.041, -0.026, 0.006, -0.013)
PATHS, SEED = 2**17, 5
NOISE = 1e-9
"""What rounding may add to a sum of returns that ends exactly on a barrier."""


@dataclass(frozen=True)
class Fact:
    """A reference value (public table of the project): of Politis and Romano's bootstrap of ``RETURNS``."""

    id: str
    quantity: str
    bars: int  # drawn
    restart: float  # probability that a block ends
    value: float
    barrier: float = 0.0


FACTS = (
    Fact("SB-VARSUM-L12-p0.25", "variance of the sum", 12, 0.25, 0.002615297973503671),
    Fact("SB-VARSUM-L12-p0.1", "variance of the sum", 12, 0.1, 0.0013055974722870323),
    Fact("SB-MEANSUM-L30-p0.2", "mean of the sum", 30, 0.2, -0.07249999999999998),
    Fact("SB-MEANSUM-L365-p0.05", "mean of the sum", 365, 0.05, -0.8820833333333331),
    Fact("SB-BLOCK", "blocks", 365, 0.05, 19.2),
    Fact("SB-CONT", "goes on", 13, 0.25, 0.7708333333333334),
    Fact("SB-HIT-L12-p0.25-b50", "hits the barrier", 12, 0.25, 0.5246136333435818, -0.05),
    Fact("SB-HIT-L12-p0.25-b100", "hits the barrier", 12, 0.25, 0.1275040397047071, -0.1),
)
WRONG = {"SB-VARSUM-L12-p0.25": 0.225, "SB-VARSUM-L12-p0.1": 0.11, "SB-BLOCK": 0.0525, "SB-CONT": 0.2625,
         "SB-HIT-L12-p0.25-b50": 0.18, "SB-HIT-L12-p0.25-b100": 0.225}
"""Restart probabilities wrong by 5 to 12 %, for the nearer barrier by 28 %: it knows little of them. A mean does not depend on it: for those the history is wrong."""


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_table(tmp_path_factory.mktemp("history") / "prices.csv", priced(RETURNS))


def priced(returns: Any) -> np.ndarray:
    """Prices [n + 1, 1] with these log-returns."""
    return 100.0 * np.exp(np.append(0.0, np.cumsum(returns)))[:, None]


@lru_cache(maxsize=4)
def sums(file: str, bars: int, restart: float, step: float = 3600.0, drift: float | None = None,
         paths: int = PATHS) -> np.ndarray:
    """Sums of log-returns [P, T + 1] since time zero."""
    simulated = stress.simulate_prices([
        "price=bootstrap", "price.markets=[X]", "price.initial_prices=1", f"data.path={file}",
        f"price.drift={'null' if drift is None else drift}", f"price.bootstrap.mean_block_hours={1.0 / restart!r}",
        f"run.paths={paths}", "run.block_paths=8192", f"run.seed={SEED}", f"run.horizon_hours={bars}",
        f"run.step_seconds={step}", "protocol.funding.interval_hours=null", "protocol.breaker.move=null"])
    return np.log(simulated[:, :, 0])


def estimate(fact: Fact, file: str, restart: float | None = None) -> Estimate:
    """A quantity under its own law or a wrong one."""
    few = fact.bars > 100
    path = sums(file, fact.bars, restart or fact.restart, paths=2**13 if few else PATHS)
    end = path[:, -1]
    match fact.quantity:
        case "variance of the sum":
            return variance(end)
        case "mean of the sum":
            return mean(end)
        case "hits the barrier":
            return mean((path.min(1) <= fact.barrier + NOISE).astype(float))
    drawn = np.abs(np.diff(path)[:, :, None] - np.array(RETURNS)).argmin(2)
    goes_on = drawn[:, 1:] == (drawn[:, :-1] + 1) % len(RETURNS)
    if fact.quantity == "goes on":
        return mean(goes_on.mean(1))
    return mean(1.0 + (~goes_on).sum(1) / (1.0 - 1.0 / len(RETURNS)))  # a restart may by chance go on


def z_test(fact: Fact, found: Estimate) -> ZTest:
    return ZTest(found, fact.value, f"{fact.id}, {fact.quantity}", "bootstrap", SEED, fact, 1e-11)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.id)
def test_reference_value(fact: Fact, history: str) -> None:
    z_test(fact, estimate(fact, history)).agrees()


@pytest.mark.parametrize("name", WRONG)
def test_reference_value_rejects_a_wrong_block_length(name: str, history: str) -> None:
    fact = next(fact for fact in FACTS if fact.id == name)
    z_test(fact, estimate(fact, history, WRONG[name])).rejects()


def test_reference_value_rejects_a_wrong_history(history: str, tmp_path: Path) -> None:
    wrong = write_table(tmp_path / "prices.csv", priced([*RETURNS[:-1], RETURNS[-1] * 1.1]))
    for fact in FACTS:
        if fact.quantity == "mean of the sum" and fact.bars == 30:
            z_test(fact, estimate(fact, wrong)).rejects()


@pytest.mark.parametrize("step", [300.0, 1800.0, 14400.0])
def test_bars_have_the_same_law_at_any_step(step: float, history: str) -> None:
    fact = FACTS[0]
    end = sums(history, fact.bars, fact.restart, step, paths=2**16)[:, -1]
    z_test(fact, variance(end)).agrees()
    ZTest(mean(end), sum(RETURNS), "mean of the sum", "bootstrap", SEED, step).agrees()
    if step < 3600.0:  # closes are bars' closes, to the last bit or so
        closes = sums(history, fact.bars, fact.restart, step, paths=2**16)[:, :: round(3600.0 / step)]
        found = np.abs(np.diff(closes)[:, :, None] - np.array(RETURNS)).min(2)
        assert found.max() < NOISE


# --- drift ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("step", [3600.0, 1200.0, 7200.0])
@pytest.mark.parametrize("drift", [0.0, 40.0])
def test_a_drift_is_exact_at_every_bar(drift: float, step: float, history: str) -> None:
    growing = np.exp(sums(history, 12, 0.25, step, drift, 2**16))
    every = max(1, round(3600.0 / step))
    for bar in range(every, growing.shape[1], every):
        expected = math.exp(drift * bar * step / (365 * 86400))
        test = ZTest(mean(growing[:, bar]), expected, f"mean price after {bar} steps", "bootstrap", SEED, (drift, step))
        test.agrees()
    wrong = ZTest(mean(growing[:, -1]), expected * 1.002, "mean price at the end", "bootstrap", SEED, (drift, step))
    wrong.rejects()


def test_growth_is_that_of_the_chain_of_bars() -> None:
    rng = np.random.default_rng(3)
    returns, last, restart = 0.3 * rng.standard_normal((6, 2)), np.array([0, 0, 1, 0, 0, 1], bool), 0.3
    chain = np.full((6, 6), restart / 6)
    for row in range(6):
        following = part_starts(last) if last[row] else np.array([row + 1])
        chain[row, following] += (1.0 - restart) / len(following)
    for market in range(2):
        weight, expected = np.exp(returns[:, market]) / 6, []
        for _ in range(9):
            expected.append(math.log(weight.sum()))
            weight = weight / weight.sum() @ chain * np.exp(returns[:, market])
        np.testing.assert_allclose(growth(returns, last, restart, 9)[:, market], expected, rtol=0, atol=1e-13)
    assert len(growth(returns, last, 1.0, 500)) == 2, "independent bars settle at once"


# --- gaps -----------------------------------------------------------------------------------------------------------
def test_no_block_runs_across_a_gap(tmp_path: Path) -> None:
    prices = priced(RETURNS)
    prices[[5, 8]] = np.nan  # leaves the returns 0-3, 6 and 9-11
    file = write_table(tmp_path / "prices.csv", prices)
    kept, starts = np.array([0, 1, 2, 3, 6, 9, 10, 11]), [0, 4, 5]
    path = sums(file, 40, 0.05, paths=2**15)
    drawn = np.abs(np.diff(path)[:, :, None] - np.array(RETURNS)[kept]).argmin(2)
    before, after = drawn[:, :-1].ravel(), drawn[:, 1:].ravel()
    for last in (3, 4, 7):
        for row in range(len(kept)):
            share = (after[before == last] == row).astype(float)
            expected = 0.05 / len(kept) + (0.95 / len(starts) if row in starts else 0.0)
            ZTest(mean(share), expected, f"bar {row} after the last, {last}", "bootstrap", SEED).agrees()
    for step in (1, 2, 10, 40):
        for row in range(len(kept)):
            share = (drawn[:, step - 1] == row).astype(float)
            ZTest(mean(share), 1 / len(kept), f"bar {row} at step {step}", "bootstrap", SEED).agrees()


# --- block length ---------------------------------------------------------------------------------------------------
def autoregression(phi: float, n: int, seed: int) -> np.ndarray:
    shocks = np.random.default_rng(seed).standard_normal(n)
    series = np.zeros(n)
    for at in range(1, n):
        series[at] = phi * series[at - 1] + shocks[at]
    return series


@pytest.mark.parametrize("n", [12, 60, 500, 20_000])
@pytest.mark.parametrize("phi", [0.0, 0.4, 0.9, -0.5])
def test_block_length_is_that_of_arch(phi: float, n: int) -> None:
    bootstrap = pytest.importorskip("arch.bootstrap", reason="arch is in the extra calibrate")
    series = autoregression(phi, n, 7)
    theirs = float(bootstrap.optimal_block_length(series)["stationary"].iloc[0])
    assert optimal_block_length(series) == pytest.approx(max(theirs, 1.0), rel=1e-9)


def test_block_length_of_an_autoregression() -> None:
    phi, n = 0.5, 20_000
    lengths = [optimal_block_length(autoregression(phi, n, seed)) for seed in range(30)]
    expected = (2 * phi / (1 - phi**2)) ** (2 / 3) * n ** (1 / 3)  # G and g(0) in closed form
    assert np.median(lengths) == pytest.approx(expected, rel=0.1)
    assert optimal_block_length(3.0 + 2.0 * autoregression(phi, n, 0)) == pytest.approx(lengths[0], rel=1e-9)
    assert optimal_block_length(np.ones(50)) == 1.0
