"""A book on both engines at once against the dense one alone, on every path: one tick serves both."""

from __future__ import annotations

import dataclasses
from functools import cache

import jax
import numpy as np
import pytest

from stress.build.study import Study, build_study
from stress.cli.compose import load
from stress.engine.state import BEYOND_LADDER
from stress.mc.block import BlockResult, simulate_block
from stress.types import NEVER
from tests.test_ladder import ONE_TILE, VENUE, agree, anew
from tests.tiers import slow

MIXED = [
    *VENUE,
    *ONE_TILE,
    "book.accounts=600",
    "book.synthetic.isolated_share=0.6",
    "book.synthetic.isolated_beside_cross=0.3",
    "book.synthetic.multi_market_share=0.5",
    "price.volatility=[9,13]",
]
CASES = {
    "fund and ADL": (),
    "a lagging oracle, a breaker, late keepers, no ADL": (
        "protocol.oracle.lag_seconds=120",
        "protocol.breaker.move=0.02",
        "protocol.breaker.window_minutes=5",
        "protocol.breaker.halt_minutes=4",
        "protocol.liquidation.keeper_delay_seconds=120",
        "protocol.adl.policy=none",
    ),
    "the largest loss first": ("protocol.liquidation.order=largest_loss", "price.volatility=[4,6]"),
    "tiers and levies": (
        "protocol.maintenance_margin=null",
        "protocol.initial_margin=null",
        "protocol.waterfall=[insurance_fund,adl,socialised_loss]",
        "price.volatility=[45,60]",
    ),
}
run = jax.jit(simulate_block)


@pytest.fixture(autouse=True)
def _small_books_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stress.build.engine.ENOUGH", 50)


@cache
def made(case: str) -> Study:
    """A study on both engines."""
    return build_study(load([*MIXED, *CASES[case]])[0])


@cache
def both(case: str) -> tuple[BlockResult, BlockResult]:
    """The block in both engines at once and in the dense one."""
    job = made(case).plan.job
    alone = dataclasses.replace(job, ladders=None, rest=None)
    return jax.device_get(run(job, np.uint32(0), np.int32(3))), jax.device_get(run(alone, np.uint32(0), np.int32(3)))


@pytest.mark.parametrize("case", slow(CASES, "the largest loss first", "fund and ADL", "a lagging oracle, a breaker, late keepers, no ADL"))
def test_both_engines_in_one_tick(case: str) -> None:
    study, (split, dense) = made(case), both(case)
    engine, lost = study.engine, (np.asarray(split.outcome.status) == BEYOND_LADDER).any(0)
    assert engine["name"] == "split" and 100 < engine["on_ladders"] < 500
    result = anew(study.plan.job, split)
    np.testing.assert_array_equal(result.anew, lost)
    agree(result, dense, study.plan.gross_notional, case)
    kept = jax.tree.map(lambda leaf: np.asarray(leaf)[:, ~lost], (split.outcome, dense.outcome))
    for field in ("liquidated_accounts", "adl_accounts", "rounds", "depletion_tick"):
        np.testing.assert_array_equal(getattr(kept[0], field), getattr(kept[1], field), err_msg=field)
    assert 0.2 < lost.mean() < 0.8 if case == "tiers and levies" else lost.mean() < 0.03


def test_the_paths_are_lively() -> None:
    """Else agreement means nothing: both kinds of accounts are liquidated and deleveraged, rounds follow on rounds."""
    study, (split, _) = made("fund and ADL"), both("fund and ADL")
    out, main = split.outcome, 0
    assert 0.1 < (out.depletion_tick[main] < NEVER).mean() < 0.95 and out.rounds.max() >= 4
    assert (out.adl_accounts[main] > 50).any() and (out.liquidated_accounts[main] > 100).any()
    assert study.plan.job.rest is not None and study.plan.job.rest.quote.shape[0] > 100


def test_a_capacity_of_keepers_is_one_queue() -> None:
    """Of all accounts, so it is the dense engine's; and under margin tiers a ladder is no queue."""
    more = ("protocol.liquidation.keeper_capacity_usd_per_minute=1e6", "protocol.maintenance_margin=null")
    study = build_study(load([*MIXED, *more[:1]])[0])
    assert study.engine["name"] == "dense" and not any("capacity" in reason for reason in study.engine["not_ladder"])
    tiered = build_study(load([*MIXED, *more, "protocol.initial_margin=null"])[0])
    assert any("keeper_capacity" in reason for reason in tiered.engine["not_ladder"])


def test_few_accounts_stay_dense(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two engines cost more than one there."""
    monkeypatch.setattr("stress.build.engine.ENOUGH", 10_000)
    study = build_study(load(MIXED)[0])
    assert study.engine["name"] == "dense" and study.plan.job.rest is None


def test_two_engines_need_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    study = build_study(load(MIXED)[0])
    assert study.engine["name"] == "dense" and study.plan.job.rest is None
