"""The ladder engine against the dense one, which the plain reference checks: every outcome, on every path."""

from __future__ import annotations

import dataclasses
import functools
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stress.build.engine import obstacles
from stress.build.study import Study, build_study
from stress.cli.compose import load
from stress.config.adl import ADL_POLICIES
from stress.engine.ladder.book import sort_book
from stress.engine.ladder.crowd import everybody
from stress.engine.ladder.deleverage import matched_sides, nobody, sides
from stress.engine.ladder.pending import Leaving, Pending, due
from stress.engine.state import BEYOND_LADDER, NOT_FINITE, OK
from stress.errors import UserError
from stress.mc.block import BlockResult, simulate_block
from stress.mc.fallback import followed
from stress.mc.job import Job
from stress.mc.program import compile_program, pick_workers
from stress.protocol.margin.tiers import margin_table
from stress.types import NEVER
from tests.designs import LADDER_DESIGNS
from tests.quick import block
from tests.random_books import random_study
from tests.tiers import slow

RELATIVE, ABSOLUTE = 1e-9, 1e-12
"""Rounding of sums in another order: relative, and relative to the money in the book."""
PICTURE = 3e-6
"""The fan is float32."""
CONSERVED = 1e-12
BOOKS = 15
VELOCITY = "{skew_scale:1,max_velocity:1,initial_rate:0}"

run = jax.jit(simulate_block)

VENUE = [
    "price=gbm",
    "price.markets=[X,Y]",
    "price.initial_prices=[100,7]",
    "price.volatility=[6,9]",
    "price.correlation=0.5",
    "book.accounts=300",
    "book.synthetic.open_interest_usd=1e7",
    "book.synthetic.isolated_share=1",
    "book.synthetic.isolated_beside_cross=0",
    "book.synthetic.multi_market_share=0",
    "book.synthetic.leverage_median=12",
    "protocol.maintenance_margin=0.01",
    "protocol.initial_margin=0.02",
    "protocol.insurance_fund=3e4",
    "protocol.waterfall=[insurance_fund,adl]",
    "protocol.funding.interval_hours=1",
    "liquidity.depth_usd=1e6",
    "run.paths=256",
    "run.block_paths=256",
    "run.horizon_hours=4",
    "cascade.window_minutes=20",
    "cascade.open_interest_share=0.4",
]


@cache
def made(*more: str) -> Study:
    """A lively venue of two markets that a ladder can follow."""
    return build_study(load([*VENUE, *more])[0])


@cache
def both(*more: str) -> tuple[BlockResult, BlockResult]:
    """The block in the ladder engine and in the dense one."""
    job = made(*more).plan.job
    assert job.ladders is not None
    return (
        jax.device_get(run(job, np.uint32(0), np.int32(3))),
        jax.device_get(run(dataclasses.replace(job, ladders=None), np.uint32(0), np.int32(3))),
    )


def agree(ladder: BlockResult, dense: BlockResult, money: float, case: str) -> None:
    """Counts exactly, money to rounding, and both conserve cash and contracts."""
    for field in dataclasses.fields(ladder.outcome):
        ours, theirs = (np.asarray(getattr(result.outcome, field.name)) for result in (ladder, dense))
        if field.name in ("cash_residual", "contracts_residual"):
            assert ours.max() <= CONSERVED * money, f"{case}: {field.name} {ours.max()} of {money}"
        elif ours.dtype.kind == "f":
            close(ours, theirs, money, f"{case}: {field.name}")
        else:
            np.testing.assert_array_equal(ours, theirs, err_msg=f"{case}: {field.name}")
    close(ladder.fund_flow, dense.fund_flow, money, f"{case}: fund_flow")
    np.testing.assert_array_equal(ladder.cascade, dense.cascade, err_msg=f"{case}: cascade")
    np.testing.assert_allclose(ladder.fan, dense.fan, rtol=PICTURE, err_msg=f"{case}: fan")
    for name, values in ladder.trace.items():
        close(values, dense.trace[name], money, f"{case}: trace of {name}")


def close(ours: object, theirs: object, money: float, case: str) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=RELATIVE, atol=ABSOLUTE * money, err_msg=case)  # type: ignore[arg-type]


@pytest.mark.parametrize("design", slow(LADDER_DESIGNS, "fund only", "pro rata without a fund", "keepers with a capacity"))
def test_random_books(design: str) -> None:
    """Random books, prices, funding, fees, spreads, impact laws; one given path in all lanes."""
    events = np.zeros(3)
    for seed in range(BOOKS):
        study, _ = random_study(LADDER_DESIGNS[design], np.random.default_rng(seed), ladder=True)
        job = study.plan.job
        assert job.ladders is not None
        ladder = jax.device_get(block(job, np.uint32(0), 5))
        dense = jax.device_get(block(dataclasses.replace(job, ladders=None), np.uint32(0), 5))
        out = ladder.outcome
        followed = dataclasses.replace(out, status=np.where(out.status == BEYOND_LADDER, OK, out.status))
        beyond = (out.status == BEYOND_LADDER).any()
        agree(
            dataclasses.replace(ladder, outcome=followed if beyond else out),
            dense,
            study.plan.gross_notional,
            f"seed {seed}",
        )
        events += [out.depletion_tick[0, 0] < NEVER, out.liquidated_accounts[0, 0] > 3, beyond]
    assert events[0] > BOOKS / 8 and events[1] > BOOKS / 3 and events[2] < BOOKS / 5, f"lively? {events}"


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("run.precision=float64", "liquidity=linear", "protocol.adl.policy=none")])
def test_many_paths(more: tuple[str, ...]) -> None:
    """Noise, companions, cascades, ADL on many winners: path by path."""
    ladder, dense = both(*more)
    agree(ladder, dense, made(*more).plan.gross_notional, "two markets")


def test_the_paths_are_lively() -> None:
    """Else agreement means nothing."""
    ladder, _ = both()
    out, main, twin, unlimited = ladder.outcome, 0, 1, 2
    assert 0.1 < (out.depletion_tick[main] < NEVER).mean() < 0.9
    assert 0.05 < ladder.cascade.mean() < 0.95
    assert (out.adl_accounts[main] > 50).any() and (out.adl_notional[unlimited] == 0).all()
    assert out.rounds.max() >= 4 and (out.liquidated[main] > 0).any(0).all()
    assert (out.liquidated[twin].sum() < out.liquidated[main].sum()) and (out.liquidated_accounts > 100).any()


def test_prices_that_overflow_are_seen() -> None:
    """By both engines, on every path."""
    for result in both("price.drift=3e7"):
        assert (result.outcome.status == NOT_FINITE).all()


def test_a_number_two_percent_off_is_noticed() -> None:
    job = made().plan.job
    venues = dataclasses.replace(
        job.venues, fees=dataclasses.replace(job.venues.fees, rate=job.venues.fees.rate * 1.02)
    )
    other = jax.device_get(run(dataclasses.replace(job, venues=venues), np.uint32(0), 3))
    with pytest.raises(AssertionError, match=r"fees_to_fund|drawdown|bad_debt|depletion"):
        agree(other, both()[1], made().plan.gross_notional, "wrong fee")


def test_blocks_of_any_size_give_the_same_bits() -> None:
    """A tile is worked on by itself."""
    small = made("run.block_paths=128").plan.job
    parts = [jax.device_get(run(small, np.uint32(block), 0)) for block in range(2)]
    whole = both()[0]
    for field in dataclasses.fields(whole.outcome):
        joined = np.concatenate([np.asarray(getattr(part.outcome, field.name)) for part in parts], axis=1)
        np.testing.assert_array_equal(joined, getattr(whole.outcome, field.name), err_msg=field.name)


def test_look_up_is_that_of_a_plain_search() -> None:
    """Ties, both ends, any start."""
    rng = np.random.default_rng(8)
    size = np.where(rng.random(200) < 0.7, 1.0, -1.0)[None] * rng.uniform(0.1, 5.0, 200)
    quote = -size[0] * np.round(rng.normal(90.0, 5.0, 200))
    ladders = sort_book(size, quote, np.zeros(200, bool), margin_table([np.array([np.inf])], [np.array([0.01])]))
    for ladder, sign in enumerate((1.0, -1.0)):
        keys = np.sort(-quote[sign * size[0] > 0] / np.abs(size[0][sign * size[0] > 0]))[::-1]
        look = jax.jit(lambda start, limit, ladder=ladder: ladders.first_not_above(ladder, start, limit))
        for start in (0, 1, 7, len(keys) - 1, len(keys)):
            for limit in (*keys[::9], keys[0] + 1, keys[-1] - 1, -np.inf):
                expected = max(start, int((keys > limit).sum()))
                assert int(look(jnp.int32(start), limit)) == expected, (ladder, start, limit)


# --- beyond the ladder -------------------------------------------------------------------------------------------------
LEVIED = ("protocol.waterfall=[insurance_fund,adl,socialised_loss]", "price.volatility=[12,16]")


ONE_TILE = ("run.paths=128", "run.block_paths=128")


def _on_host(job: Job, block: int, traced: int) -> BlockResult:
    return jax.device_get(run(job, np.uint32(block), np.int32(traced)))


def anew(job: Job, ladder: BlockResult) -> BlockResult:
    """A ladder's block after the dense engine took the paths that it could not follow."""
    return followed(job, 0, 3, ladder, _on_host)


def owing(*more: str) -> tuple[Study, BlockResult, BlockResult, np.ndarray]:
    """A study, its block as a run gets it, the dense engine's, and which paths the ladder could not follow."""
    more = (*more, *ONE_TILE)
    ladder, dense = both(*more)
    lost = (np.asarray(ladder.outcome.status) == BEYOND_LADDER).any(0)
    return made(*more), anew(made(*more).plan.job, ladder), dense, lost


def test_paths_with_levies_are_simulated_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A levy goes by profit, so it is the dense engine's, in every run. Where its state is too large the status says so."""
    study = made(*LEVIED, *ONE_TILE)
    job, workers = study.plan.job, pick_workers(1, 1)
    result = compile_program(job, workers).run(job, 0, 3)
    alone = dataclasses.replace(job, ladders=None)
    dense = compile_program(alone, workers).run(alone, 0, 3)
    lost = np.asarray(result.anew)
    np.testing.assert_array_equal(lost, (np.asarray(dense.outcome.socialised) > 0).any(0))
    assert 0.05 < lost.mean() < 0.95
    agree(result, dense, study.plan.gross_notional, "levies")
    monkeypatch.setattr("stress.mc.fallback.STATE_LIMIT", 1000)
    left = compile_program(job, workers).run(job, 0, 3)
    assert not left.anew.any()
    np.testing.assert_array_equal((left.outcome.status == BEYOND_LADDER).any(0), lost)


@pytest.mark.parametrize("payment", slow([0.0, 0.009], 0.0))
def test_tiers_that_nobody_is_liquidated_in(payment: float) -> None:
    """Positions grow beyond the first tier; funding moves triggers there on some paths, which the dense engine takes."""
    flat = made()
    trigger = np.abs(flat.book.quote) / (1.0 - np.sign(flat.book.size.sum(1)) * 0.01)
    largest = np.maximum(trigger, np.abs(flat.book.size) @ flat.prices0)[~flat.book.residual].max()
    bound = 1.025 * largest
    first = f"{{up_to_usd:{bound},initial_margin:0.02,maintenance_margin:0.01}}"
    tiers = f"[{first},{{up_to_usd:null,initial_margin:0.4,maintenance_margin:0.2}}]"
    more = (
        "protocol.maintenance_margin=null",
        "protocol.initial_margin=null",
        f"protocol.margin_tiers.default={tiers}",
        "price.volatility=[30,40]",
        f"protocol.funding.premium={payment}",
    )
    study, result, dense, lost = owing(*more)
    assert lost.mean() < 0.02 if payment == 0 else 0.2 < lost.mean() < 0.8
    agree(result, dense, study.plan.gross_notional, "tiers")
    unaware = both(*more, *ONE_TILE)[0].outcome.liquidated[:, lost].sum((0, 2, 3))
    assert payment == 0 or (unaware != dense.outcome.liquidated[:, lost].sum((0, 2, 3))).mean() > 0.1, "else no proof"


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("below", [True, False])
def test_a_side_closed_whole(side: int, below: bool) -> None:
    """Two winners and one loser; ADL closes the winners 0.5 USD this or that side of their first bankruptcy price."""
    size, entry = side * np.array([[2.0, 3.0, -5.0]]), np.array([90.0, 100.0, 100.0])
    quote = np.array([4.0, 4.0, 50.0]) * np.abs(size[0]) - size[0] * entry
    bankrupt = -quote[:2] / size[0, :2]
    price = bankrupt.max() + (-0.5 if below else 0.5) if side > 0 else bankrupt.min() + (0.5 if below else -0.5)
    assert ((quote + size[0] * price)[:2].min() < 0) == below
    ladders = sort_book(size, quote, np.zeros(3, bool), margin_table([np.array([np.inf])], [np.array([0.01])]))
    keepers = made().plan.job.venues.keepers
    crowd, leaving, none = everybody(ladders.markets, keepers), Leaving(*jnp.zeros((2, 2), jnp.int32)), jnp.zeros(2)
    found = sides(ladders, crowd, leaving, jnp.full(2, 95.0), jnp.float64(1.0))
    taken = jnp.asarray([5.0, 0.0] if side > 0 else [0.0, 5.0])
    assert bool(matched_sides(ladders, crowd, leaving, found, none, none, taken, taken * price).beyond) == below


@pytest.mark.parametrize("side", [0, 1])
def test_winners_beside_others_that_wait(side: int) -> None:
    """Who waits for keepers is no winner. It takes funding beyond all bounds that a side wins while some of it wait."""
    ladders, venue = made().plan.job.ladders, made().plan.job.venues
    assert ladders is not None
    match = dataclasses.replace(nobody(everybody(ladders.markets, venue.keepers)), won=jnp.asarray([5.0, 0, 0, 0]))
    ends, reached = jnp.zeros(4, jnp.int32), jnp.zeros(4, jnp.int32).at[side].set(3)
    late = dataclasses.replace(venue.keepers, delay=jnp.int32(1), delayed=True)
    found = due(late, Pending(jnp.zeros((2, 4), jnp.int32), jnp.int32(4)), ends, reached, jnp.int32(5))
    assert bool(match.beyond_ladders(venue, found.waits(), jnp.zeros(()), jnp.zeros(()))) == (side == 0)


KEEPERS = ("protocol.liquidation.keeper_delay_seconds=120", "protocol.liquidation.keeper_capacity_usd_per_minute=2e5")


@pytest.mark.slow
def test_late_and_small_keepers() -> None:
    """A queue that lasts, accounts that recover while they wait, accounts closed in part, ADL beside it all."""
    study, result, dense, lost = owing(*KEEPERS)
    agree(result, dense, study.plan.gross_notional, "keepers")
    out, free = dense.outcome, both()[1].outcome  # whose first tile has the same prices
    assert lost.mean() < 0.05 and (out.adl_accounts[0] > 100).any()
    assert (out.bad_debt[0] > 2 * free.bad_debt[0, : len(lost)]).mean() > 0.5


@pytest.mark.slow
def test_more_accounts_closed_in_part_than_there_are_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    many, dense = both(*KEEPERS, *ONE_TILE)
    monkeypatch.setattr("stress.engine.ladder.aside.SLOTS", 3)
    jax.clear_caches()
    job, run_anew = made(*KEEPERS, *ONE_TILE).plan.job, jax.jit(functools.partial(simulate_block))
    few = jax.device_get(run_anew(job, np.uint32(0), np.int32(3)))
    lost, anyway = ((np.asarray(result.outcome.status) == BEYOND_LADDER).any(0) for result in (few, many))
    assert (lost & ~anyway).any()
    agree(anew(job, few), dense, made().plan.gross_notional, "few slots")


# --- which engine ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("override", "word"),
    [
        ("protocol.maintenance_margin=null protocol.initial_margin=null", "tier"),
        ("protocol.liquidation.rule=close_factor", "whole"),
        ("protocol.liquidation.keeper_delay_seconds=90000", "delay"),
        ("protocol.breaker.move=0.1", "breaker"),
        ("protocol.oracle.lag_seconds=60", "lags"),
        *((f"protocol.adl.policy={name}", "rank") for name in ADL_POLICIES if name not in ("none", "pro_rata")),
        ("protocol.adl.price=mark", "paid"),
        (f"protocol.funding.kind=velocity protocol.funding.velocity={VELOCITY}", "book"),
        ("protocol.waterfall=[insurance_fund,socialised_loss]", "profit"),
        ("protocol.waterfall=[insurance_fund,adl,socialised_loss] protocol.adl.policy=none", "profit"),
        ("book.synthetic.multi_market_share=0.5 book.synthetic.isolated_share=0", "several markets"),
    ],
)
def test_where_it_is_not_exact_the_dense_engine_runs(override: str, word: str) -> None:
    study = made(*override.split())
    assert study.plan.job.ladders is None
    (reason,) = obstacles(study.config, study.book, study.margin, study.market)
    assert word in reason
    with pytest.raises(UserError, match=r"run\.engine=ladder") as caught:
        made(*override.split(), "run.engine=ladder")
    assert reason in str(caught.value) and "run.engine=auto" in str(caught.value)


@pytest.mark.parametrize(
    ("device", "override", "word"),
    [
        ("tpu", "run.seed=1", "tpu"),
        ("gpu", "protocol.liquidation.keeper_delay_seconds=60", "keepers"),
        ("gpu", "protocol.liquidation.keeper_capacity_usd_per_minute=1e6", "keepers"),
    ],
)
def test_another_device_than_a_cpu_has_no_ladder(
    monkeypatch: pytest.MonkeyPatch, device: str, override: str, word: str
) -> None:
    study = made(override)
    assert not obstacles(study.config, study.book, study.margin, study.market)
    monkeypatch.setattr(jax, "default_backend", lambda: device)
    (reason,) = obstacles(study.config, study.book, study.margin, study.market)
    assert word in reason


def test_a_gpu_runs_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ladders, and the dense engine where accounts are open or closed; what is split on a CPU is dense there."""
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    job = made("run.seed=77").plan.job
    assert job.fused and job.all_on_ladders
    assert made("run.engine=dense", "run.seed=77").plan.job.fused
    assert not made("protocol.liquidation.rule=close_factor", "run.seed=77").plan.job.fused
    assert not made("protocol.oracle.lag_seconds=60", "run.seed=77").plan.job.fused


def test_the_engine_can_be_chosen() -> None:
    assert made().plan.job.ladders is not None and made("run.engine=ladder").plan.job.ladders is not None
    assert made("run.engine=dense").plan.job.ladders is None
