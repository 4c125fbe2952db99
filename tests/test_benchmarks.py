"""The baselines of ``benchmarks/`` answer the same question as the engine: same prices, same outcomes."""

from __future__ import annotations

import dataclasses
import json
import time
from functools import cache
from typing import Any

import numpy as np
import pytest

from benchmarks import cpp_ladder, numpy_accounts, reference_cross, reference_ladder, stress_engine
from benchmarks.__main__ import table
from benchmarks.case import Case, Outcome, gbm_prices, make_accounts
from benchmarks.cross import CrossCase, cross_prices, make_cross_accounts
from benchmarks.measure import enough_paths, machine, measure

LIVELY = Case(
    name="lively",
    accounts=61,
    steps=60,
    volatility=12.0,
    interest=1e6,
    fund=6e3,
    depth=6e4,
    fee=0.008,
    cap=0.06,
)
PATHS, ENGINE_PATHS = 300, 12
RELATIVE, ABSOLUTE = 1e-9, 1e-12
"""Rounding of sums in another order: relative, and relative to the largest money of the case."""
COUNTS = ("depleted", "liquidated_accounts")

ACCOUNTS = make_accounts(LIVELY)
PRICES = gbm_prices(LIVELY, PATHS)


@cache
def reference() -> Outcome:
    """What all must agree with; conservation of cash is asserted in it."""
    return reference_ladder.simulate_given(LIVELY, ACCOUNTS, PRICES)


def baseline(name: str) -> Any:
    """A baseline's module, or the reason why it cannot run here."""
    if name == "numba_accounts":
        pytest.importorskip("numba", reason="numba is not installed")
        from benchmarks import numba_accounts

        return numba_accounts
    if name == "cpp_ladder" and (reason := cpp_ladder.problem()):
        pytest.skip(reason)
    return {"numpy_accounts": numpy_accounts, "cpp_ladder": cpp_ladder}[name]


def agree(ours: Outcome, expected: Outcome, case: str) -> None:
    """Counts exactly, money to rounding."""
    for name in COUNTS:
        np.testing.assert_array_equal(getattr(ours, name), getattr(expected, name), err_msg=f"{case}: {name}")
    scale = expected.liquidated_notional.max()
    for name in ("drawdown", "bad_debt", "liquidated_notional"):
        mine, theirs = getattr(ours, name), getattr(expected, name)
        np.testing.assert_allclose(mine, theirs, rtol=RELATIVE, atol=ABSOLUTE * scale, err_msg=f"{case}: {name}")


def first(outcome: Outcome, paths: int) -> Outcome:
    """The outcomes of the first paths."""
    return Outcome(*(getattr(outcome, field.name)[:paths] for field in dataclasses.fields(Outcome)))


def test_the_case_is_lively() -> None:
    """Else agreement means nothing: the fund dry on some paths, both sides closed, long cascades, the cap reached."""
    out, done = reference(), [reference_ladder.simulate_path(LIVELY, ACCOUNTS, path) for path in PRICES[:50]]
    assert 0.2 < out.depleted.mean() < 0.8
    assert out.liquidated_accounts.min() < 15 and 36 < out.liquidated_accounts.max() < LIVELY.accounts
    closed = np.any([np.equal(path.size, 0) for path in done], axis=0)
    assert closed[: ACCOUNTS.longs].any() and closed[ACCOUNTS.longs :].any()
    assert max(path.most_rounds for path in done) >= 5
    assert any(0.01 * abs(path.z) > LIVELY.cap for path in done)


@pytest.mark.parametrize("name", ["numpy_accounts", "numba_accounts", "cpp_ladder"])
def test_baseline_agrees_with_the_reference(name: str) -> None:
    agree(baseline(name).simulate_given(LIVELY, ACCOUNTS, PRICES), reference(), name)


@pytest.mark.parametrize("name", ["maintenance", "fee", "keeper_share", "fund", "depth", "cap", "half_life_minutes"])
def test_a_number_two_percent_off_is_noticed(name: str) -> None:
    other = dataclasses.replace(LIVELY, **{name: 1.02 * getattr(LIVELY, name)})
    with pytest.raises(AssertionError):
        agree(numpy_accounts.simulate_given(other, ACCOUNTS, PRICES), reference(), name)


def test_engine_agrees_with_the_reference() -> None:
    ours = stress_engine.simulate_given(LIVELY, ACCOUNTS, PRICES[:ENGINE_PATHS])
    agree(ours, first(reference(), ENGINE_PATHS), "engine")
    assert 0 < ours.depleted.sum() < ENGINE_PATHS


LIVELY_CROSS = CrossCase(
    name="lively cross",
    accounts=60,
    steps=60,
    volatility=18.0,
    interest=2.5e5,
    fund=8e3,
    depth=1.5e4,
    fee=0.008,
    cap=0.06,
)
CROSS_PATHS = 40
CROSS_ACCOUNTS = make_cross_accounts(LIVELY_CROSS)
CROSS_PRICES = cross_prices(LIVELY_CROSS, CROSS_PATHS)


@cache
def cross_reference() -> Outcome:
    return reference_cross.simulate_given(LIVELY_CROSS, CROSS_ACCOUNTS, CROSS_PRICES)


def test_the_cross_case_is_lively() -> None:
    out = cross_reference()
    assert 0.1 < out.depleted.mean() < 0.9 and (out.bad_debt > 0).any()
    assert out.liquidated_accounts.min() < 12 and 25 < out.liquidated_accounts.max() < LIVELY_CROSS.accounts


def test_numba_cross_agrees_with_the_reference() -> None:
    pytest.importorskip("numba", reason="numba is not installed")
    from benchmarks import numba_cross

    found = numba_cross.simulate_given(LIVELY_CROSS, CROSS_ACCOUNTS, CROSS_PRICES)
    agree(found, cross_reference(), "numba_cross")
    other = dataclasses.replace(LIVELY_CROSS, maintenance=1.02 * LIVELY_CROSS.maintenance)
    with pytest.raises(AssertionError):
        agree(numba_cross.simulate_given(other, CROSS_ACCOUNTS, CROSS_PRICES), cross_reference(), "2 % off")


def test_engine_agrees_with_the_cross_reference() -> None:
    ours = stress_engine.simulate_given(LIVELY_CROSS, CROSS_ACCOUNTS, CROSS_PRICES[:ENGINE_PATHS])
    agree(ours, first(cross_reference(), ENGINE_PATHS), "engine, cross")


def test_cpp_paths_are_those_of_their_returns() -> None:
    """The fast loop (float prices against registers, lanes) and the plain one, on the prices that the seed draws."""
    baseline("cpp_ladder")
    paths = 100  # no multiple of the lanes
    logs = np.cumsum(cpp_ladder.returns_of_seed(LIVELY, 5, paths), axis=1, dtype=np.float32)
    prices = LIVELY.price * np.exp(np.concatenate([np.zeros((paths, 1)), logs.astype(float)], axis=1))
    drawn = cpp_ladder.simulate_seed(LIVELY, ACCOUNTS, 5, paths)
    agree(drawn, cpp_ladder.simulate_given(LIVELY, ACCOUNTS, prices), "seed")
    agree(drawn, reference_ladder.simulate_given(LIVELY, ACCOUNTS, prices), "seed")


def test_cpp_noise_is_philox_and_box_muller() -> None:
    """Against the published algorithm in doubles; seed 0, path 0, tick 0 is its published answer."""
    baseline("cpp_ladder")
    first_words = philox(0, np.arange(1), np.zeros(1, np.uint64))
    assert [int(word[0]) for word in first_words] == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    paths, case = 64, dataclasses.replace(LIVELY, volatility=1.0, steps=64)
    path, block = (grid.ravel() for grid in np.meshgrid(np.arange(paths), np.arange(16), indexing="ij"))
    words = philox(9, path, block)
    normals = np.stack([*box_muller(*words[:2]), *box_muller(*words[2:])], axis=-1).reshape(paths, 64)
    ours = (cpp_ladder.returns_of_seed(case, 9, paths) + 0.5 * case.step_volatility**2) / case.step_volatility
    np.testing.assert_allclose(ours, normals, rtol=1e-6, atol=1e-6)
    assert abs(normals.std() - 1.0) < 5 / np.sqrt(2 * normals.size)


def philox(seed: int, path: np.ndarray, block: np.ndarray) -> list[np.ndarray]:
    """Philox4x32-10 at counter (path, 0, block, 0) under key (seed, 0)."""
    mask, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    a, c = path.astype(np.uint64), block.astype(np.uint64)
    b, d = np.zeros_like(a), np.zeros_like(a)
    for turn in range(10):
        keys = [np.uint64(key & 0xFFFFFFFF) for key in (seed + turn * 0x9E3779B9, turn * 0xBB67AE85)]
        m, n = a * np.uint64(0xD2511F53), c * np.uint64(0xCD9E8D57)
        a, b, c, d = (n >> shift) ^ b ^ keys[0], n & mask, (m >> shift) ^ d ^ keys[1], m & mask
    return [a, b, c, d]


def box_muller(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two normals from two words of 32 bits; the uniform under the logarithm is a float32."""
    uniform = (u.astype(np.float32) * np.float32(2**-32) + np.float32(2**-33)).astype(float)
    radius, angle = np.sqrt(-2 * np.log(uniform)), v.astype(float) * (2 * np.pi / 2**32)
    return radius * np.cos(angle), radius * np.sin(angle)


def test_a_measurement_says_what_was_measured() -> None:
    calls: list[tuple[int, int]] = []

    def run(seed: int, paths: int) -> None:
        calls.append((seed, paths))
        time.sleep(1e-5 * paths)

    timing = measure("toy", LIVELY, run, 8, seconds=0.01, repeats=3)
    assert timing.paths % 8 == 0 and calls[-3:] == [(seed, timing.paths) for seed in (1, 2, 3)]
    record = json.loads(timing.line(machine()))
    assert record["path_ticks_per_second"] == pytest.approx(timing.paths * 60 / record["seconds_median"])
    assert record.keys() >= {"name", "case", "accounts", "seconds_best", "machine", "python", "jax", "commit", "date"}
    assert "toy" in table([timing]) and enough_paths(run, 8, 1e-6) >= 8
