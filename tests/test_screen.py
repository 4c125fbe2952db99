"""Screening saves looks and changes nothing: random books with the screen, and with a look at everybody in every tick.

One program does both: whether it is forced to look, and how far the boxes are off, are numbers it is given.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stress.build.price import build_market
from stress.build.study import Study, assemble
from stress.config.price import JumpConfig
from stress.engine import dense, rounds, screen
from stress.engine.state import ROUNDS_EXHAUSTED
from stress.mc.block import BlockResult, simulate_block
from stress.mc.job import Job
from tests.designs import DESIGNS, MORE_DESIGNS
from tests.quick import quick
from tests.random_books import random_study
from tests.reference.building import ladder
from tests.studies import config, margins, outcome, path_study, simulated
from tests.tiers import slow

BOOKS = 6
FRONT = 5
"""Accounts in front, of 14."""
WIDE = -0.01
"""A box that is wrong by 1 % of the price: the power check."""

CONSERVED = ("cash_residual", "contracts_residual")
CHOSEN = [
    "close factor, fund, pro rata after a drawdown, socialised",
    "close factor, ranked, delayed, lagging",
    "rates by the root of the size, restore target, pro rata",
    "full, coins as collateral, ranked",
    "restore target, gains at a weight, fund, ranked",
]


def looked_at(job: Job, force: Any, margin: Any) -> BlockResult:
    """Block 0 of a job; ``force`` [] looks at every row in every tick, ``margin`` [] is that of the screen."""

    def outside(*row: Any) -> Any:
        return screen.outside(*row) | force

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dense, "outside", outside)
        patch.setattr(rounds, "outside", outside)
        patch.setattr(screen, "MARGIN", margin)
        return simulate_block(job, jnp.uint32(0), jnp.int32(0))


run = quick(looked_at)


def noisy(design: dict[str, Any], rng: np.random.Generator) -> Study:
    """A random book and venue on 128 paths: steps of 1 %, a gap of 5 % in one step of thirty, a thin order book."""
    study, _ = random_study(design, rng)
    jumps = JumpConfig(
        kind="merton",
        intensity=5e3,
        mean=-0.02,
        std=0.05,
        common_intensity=1.2e4,
        common_mean=-0.02,
        common_std=0.05,
        common_correlation=0.8,
    )
    cfg = study.config
    price = dataclasses.replace(
        cfg.price, volatility=[8.0, 6.0], correlation=0.5, jump=jumps, initial_prices=study.prices0.tolist()
    )
    rounds = dataclasses.replace(cfg.protocol.liquidation, max_rounds=int(rng.choice([1, 2, 50])))
    if rounds.max_rounds == 1:  # so that it is the rounds that run out
        rounds = dataclasses.replace(rounds, keeper_capacity_usd_per_minute=None)
    liquidity = dataclasses.replace(
        cfg.liquidity, law="linear", depth_usd=rng.uniform(1e4, 5e4), recovery_half_life_minutes=None
    )
    cfg = dataclasses.replace(
        cfg, price=price, protocol=dataclasses.replace(cfg.protocol, liquidation=rounds), liquidity=liquidity
    )
    return assemble(cfg, build_market(cfg.price, cfg.run), study.book, *margins(cfg))


@pytest.mark.parametrize("design", slow(CHOSEN, CHOSEN[0], *CHOSEN[2:]))
def test_results_are_the_same_without_the_screen(design: str) -> None:
    """Bitwise, on every path and in every column; a screen that is 1 % too wide is caught."""
    liquidated = exhausted = caught = 0
    for case in range(BOOKS):
        study = noisy({**DESIGNS, **MORE_DESIGNS}[design], np.random.default_rng([case, *design.encode()]))
        job = dataclasses.replace(study.plan.job, front=FRONT)
        screened, all_looks, wrong = (
            jax.device_get(run(job, force, margin))
            for force, margin in ((False, screen.MARGIN), (True, screen.MARGIN), (False, WIDE))
        )
        assert (
            max(screened.outcome.cash_residual.max(), screened.outcome.contracts_residual.max())
            < 1e-9 * study.plan.gross_notional
        )
        for name, ours in vars(screened.outcome).items():
            if name not in CONSERVED:  # the last look measures rounding
                np.testing.assert_array_equal(
                    ours, getattr(all_looks.outcome, name), err_msg=f"{design}, book {case}: {name}"
                )
        np.testing.assert_array_equal(screened.fund_flow, all_looks.fund_flow)
        np.testing.assert_array_equal(screened.fan, all_looks.fan)
        liquidated += int(screened.outcome.liquidated_accounts[0].sum())
        exhausted += int((screened.outcome.status == ROUNDS_EXHAUSTED).sum())
        caught += not np.array_equal(screened.outcome.liquidated, wrong.outcome.liquidated)
    assert liquidated > 128 * BOOKS, "the books must be lively"
    assert exhausted > 0 or "lagging" in design, "a price that waits for the next tick needs no second round"
    assert caught >= BOOKS // 2, "no power"


@pytest.mark.slow
@pytest.mark.parametrize("design", CHOSEN)
def test_rows_that_are_looked_at_together_do_not_disturb_each_other(design: str) -> None:
    """As on an accelerator: batches that are not full, new fronts by sorting, sums in another order.

    With noise in doubles: compilers may round a float32 differently in different programs.
    """
    study = noisy({**DESIGNS, **MORE_DESIGNS}[design], np.random.default_rng([1, *design.encode()]))
    alone, together = (
        jax.device_get(
            run(dataclasses.replace(study.plan.job, front=FRONT, batch=batch, dtype="float64"), False, screen.MARGIN)
        ).outcome
        for batch in (1, 7)
    )
    assert alone.liquidated_accounts.sum() > 128
    for name, ours in vars(together).items():
        theirs = getattr(alone, name)
        if name in CONSERVED:
            assert ours.max() < 1e-9 * study.plan.gross_notional
        elif ours.dtype.kind == "f":
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-14 * study.plan.gross_notional, err_msg=name)
        else:
            np.testing.assert_array_equal(ours, theirs, err_msg=name)


@pytest.mark.parametrize(("max_rounds", "marks"), [(1, [98.0, 97.0, 97.0]), (2, [97.0, 97.0, 97.0])])
def test_who_is_left_when_rounds_run_out_is_seen_in_the_next_tick(max_rounds: int, marks: list[float]) -> None:
    """The first rung falls at 99 and pushes the mark below the second, whose turn comes one round or one tick later."""
    cfg = config(
        protocol={"maintenance_margin": 0.1, "insurance_fund": 1e6, "liquidation": {"max_rounds": max_rounds}},
        liquidity={"law": "linear", "depth_usd": 0.01 * 99.0**2 / 0.1},
        run={"paths": 128, "block_paths": 128},
    )
    results = simulated(
        path_study(cfg, ladder(np.array([0.5, 1.7, 9.0]), 10.0), np.array([[100.0], [99.0], [99.0], [99.0]]))
    )
    np.testing.assert_allclose(results[0].trace["mark"][:, 0], marks, rtol=1e-12)
    assert (outcome(results, "liquidated_accounts") == 2).all()
    assert (outcome(results, "status") == (ROUNDS_EXHAUSTED if max_rounds == 1 else 0)).all()
