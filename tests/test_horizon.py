"""Accounts left open under water at the horizon: bad debt that nobody has realised."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stress.build.study import build_study
from stress.cli.compose import load
from stress.mc.block import simulate_block
from stress.mc.columns import path_columns
from stress.session import replay
from tests.reference.building import LONG, Row
from tests.studies import simulated
from tests.test_insurance import study_of

OTHERS: list[Row] = [("C", 80.0, {"X": (4.0, 100.0)}), ("B", 1000.0, {"X": (-14.0, 100.0)})]
LATE = {"keeper_delay_seconds": 120.0}


@pytest.mark.parametrize(("path", "accounts", "lacks", "realised"), [
    ([100.0, 100.0, 100.0, 85.0], 1, 50.0, 0.0),
    ([100.0, 100.0, 85.0, 79.0], 2, 110.0 + 4.0, 0.0),
    ([100.0, 85.0, 79.0, 79.0], 1, 4.0, 110.0),
    ([100.0, 100.0, 100.0, 92.0], 0, 0.0, 0.0),
])
def test_who_waits_for_keepers_may_be_under_water(path: list[float], accounts: int, lacks: float, realised: float) -> None:
    """A has 100 USD on 10 units at 100, C 80 on 4; both are closed two ticks after their breach."""
    study = study_of([LONG, *OTHERS], path, liquidation=LATE)
    (result,) = simulated(study, 1)
    columns = path_columns(result, 0, 0.0, ["X"], ("main",), 60.0)
    found = [columns[name][0] for name in ("underwater_accounts", "unrealised_bad_debt", "bad_debt")]
    assert found == pytest.approx([accounts, lacks, realised], rel=1e-12)
    assert replay(study)["outcome"]["unrealised_bad_debt"] == pytest.approx(lacks, rel=1e-12)


def test_the_mark_tells_what_a_late_oracle_hides() -> None:
    """At the oracle's 100 A is healthy; at the mark it lacks 50 USD, and nobody waits for anything."""
    study = study_of([LONG, *OTHERS], [100.0, 100.0, 100.0, 85.0], oracle={"lag_seconds": 60.0})
    (result,) = simulated(study, 1)
    out = result.outcome
    assert (out.under_water[0, 0], out.liquidated_accounts[0, 0]) == (1, 0)
    assert out.unrealised[0, 0] == pytest.approx(50.0, rel=1e-12)


@pytest.mark.slow
def test_ladders_count_as_the_dense_engine_does() -> None:
    """Keepers that are late and small, on many paths under three variants."""
    words = ("price=gbm", "price.markets=[BTC]", "price.volatility=6", "book.accounts=200", "run.horizon_hours=0.3",
             "book.synthetic.isolated_share=1", "book.synthetic.isolated_beside_cross=0", "run.paths=128",
             "protocol.maintenance_margin=0.01", "protocol.initial_margin=0.02", "protocol.insurance_fund=1e5",
             "protocol.liquidation.keeper_delay_seconds=120", "protocol.liquidation.keeper_capacity_usd_per_minute=2e6")
    run: Any = jax.jit(simulate_block)
    ladder, dense = (
        run(dataclasses.replace(build_study(load([*words, f"run.engine={engine}"])[0]).plan.job, block_paths=128),
            jnp.uint32(0), jnp.int32(0)).outcome for engine in ("ladder", "dense"))
    np.testing.assert_array_equal(ladder.under_water, dense.under_water)
    np.testing.assert_allclose(ladder.unrealised, dense.unrealised, rtol=1e-9, atol=1e-6)
    assert (dense.unrealised > 0).mean(1).min() > 0.05, "paths on which somebody is left under water"
