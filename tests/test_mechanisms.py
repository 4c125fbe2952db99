"""Presets of venues with all their mechanisms on, over a small book and violent prices: what must hold whatever happens.

A preset compiles once: funds and capitals are numbers that its program is given.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stress.build.study import Study, build_study
from stress.cli.compose import load
from stress.engine.state import NEVER
from stress.mc.block import BlockResult
from tests.quick import block as run
from tests.tiers import slow

PRESETS = (
    "binance_usdm", "bitmex", "bybit", "deribit", "drift_v2", "dydx_v4", "gmx_v2", "hyperliquid", "okx", "synthetix_v3"
)  # fmt: skip
BESIDE = ("bitmex", "bybit", "deribit", "drift_v2", "okx", "synthetix_v3")
"""What they do is also done by others."""
SPARED = ("bybit", "okx")
"""By ADL that begins before the fund is empty."""
BACKSTOPS = ("gmx_v2", "hyperliquid", "synthetix_v3")
SMALL = (
    *("price=merton", "price.markets=[BTC,ETH]", "price.volatility=12", "price.jump.common_intensity=2e4"),
    *("book.accounts=60", "book.synthetic.open_interest_usd=2e7", "liquidity.depth_usd=2e6", "shock=[]"),
    *("run.paths=128", "run.block_paths=128", "run.step_seconds=60", "run.horizon_hours=0.5", "run.twin=true"),
    *("run.fund_curve=true", "run.engine=dense", "protocol.funding.interval_hours=0.1"),
)
MAIN, UNLIMITED = 0, 2
FUNDS = (0.0, 5e3, 1e5, 5e6)
CAPITALS = (1e4, 2e5, 1e8)



@cache
def study(preset: str) -> Study:
    return build_study(load([f"protocol={preset}", *SMALL])[0])


def block(preset: str, *, fund: float | None = None, capital: float | None = None) -> BlockResult:
    """Block 0 with another fund or capital, in USD, of the main variant and its twin."""
    job = study(preset).plan.job
    venues = job.venues
    if fund is not None:
        venues = dataclasses.replace(venues, fund=jnp.full(3, fund, jnp.float64).at[UNLIMITED].set(jnp.inf))
    if capital is not None:
        assert venues.backstop is not None
        venues = dataclasses.replace(venues, backstop=dataclasses.replace(venues.backstop, capital=jnp.full(3, capital, jnp.float64)))
    return jax.device_get(run(dataclasses.replace(job, venues=venues), np.uint32(0), np.int32(0)))


@pytest.mark.parametrize("preset", slow(PRESETS, *BESIDE))
def test_cash_and_contracts_are_conserved_and_deficits_paid_once(preset: str) -> None:
    result, gross = block(preset), study(preset).plan.gross_notional
    out = result.outcome
    assert (out.liquidated_accounts[MAIN] > 0).mean() > 0.5, "the paths are lively"
    assert max(out.cash_residual.max(), out.contracts_residual.max()) < 1e-12 * gross
    paid = out.insurance_paid + out.adl_haircut + out.socialised + out.uncovered
    np.testing.assert_allclose(paid, out.bad_debt, rtol=1e-9, atol=1e-10 * gross)
    assert (out.status == 0).all()


@pytest.mark.parametrize("preset", slow(PRESETS, *BESIDE))
def test_a_larger_fund_is_never_depleted_sooner(preset: str) -> None:
    """Path by path: until the smaller is depleted both pay the same. The companion with an unlimited fund tells for all.

    Of a venue whose ADL spares the fund it does not: there the companion pays what winners do.
    """
    plan = study(preset).plan
    depleted = []
    for fund in FUNDS:
        out = block(preset, fund=fund).outcome
        depleted.append(out.depletion_tick[MAIN])
        if plan.one_depletion:
            np.testing.assert_array_equal(out.depletion_tick[MAIN] < NEVER, out.drawdown[UNLIMITED] > fund)
    assert (np.diff(depleted, axis=0) >= 0).all()
    assert not plan.insured or (depleted[0] < NEVER).sum() > (depleted[-1] < NEVER).sum(), "the fund must matter"


@pytest.mark.parametrize("preset", slow(SPARED, "bybit"))
def test_adl_that_begins_sooner_spares_the_fund(preset: str) -> None:
    """On average. Not on every path: who is deleveraged may lose a hedge, and what is not sold nets with nothing.

    Of isolated accounts without impact it holds path by path.
    """
    job, left, given = study(preset).plan.job, [], []
    for drawdown in (0.05, 0.3, 0.7, 1.0):
        venues = dataclasses.replace(job.venues, drawdown=jnp.full(3, drawdown, jnp.float64))
        result = jax.device_get(run(dataclasses.replace(job, venues=venues), np.uint32(0), np.int32(0)))
        left.append(result.fund_flow[MAIN].mean())
        given.append(result.outcome.adl_notional[MAIN].mean())
    assert (np.diff(left) < 0).all()
    assert (np.diff(given) < 0).all()


@pytest.mark.parametrize("preset", slow(BACKSTOPS, "synthetix_v3"))
def test_a_backstop_with_more_capital_loses_it_on_no_further_path(preset: str) -> None:
    """And where the smaller never loses it, nothing else is different."""
    results = [block(preset, capital=capital) for capital in CAPITALS]
    assert all(result.vault is not None for result in results)
    lost = [result.vault.low[MAIN] <= -capital for result, capital in zip(results, CAPITALS, strict=True)]
    assert lost[0].sum() > lost[-1].sum() == 0
    for less, more, gone, further in zip(results, results[1:], lost, lost[1:], strict=False):
        assert not (further & ~gone).any()
        same: Any = jax.tree.map(lambda one, other, gone=gone: (one[MAIN] == other[MAIN])[~gone].all(), less.outcome, more.outcome)
        assert all(jax.tree.leaves(same)), same
