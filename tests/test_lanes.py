"""The kernels for GPUs, interpreted on a CPU: path by path what the engines find; and how they carry out code.

``benchmarks.gpu`` compares the compiled kernels with a CPU where there is a card.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import pallas as pl

from stress.build.study import build_study
from stress.cli.compose import load
from stress.engine.state import BEYOND_LADDER, ROUNDS_EXHAUSTED
from stress.mc.block import BlockResult, simulate_block
from stress.mc.job import Job
from stress.mc.lanes import launch_ladders
from stress.mc.lanes.cells import Cells, array_of, known, one
from stress.mc.lanes.evaluate import evaluate
from stress.mc.lanes.noise import lane_noise
from stress.mc.noise import draw_noise, tile_keys
from stress.mc.program import _run_anew, compile_program
from stress.price.base import Draw
from tests.tiers import slow

ISOLATED = (
    *("book.synthetic.isolated_share=1", "book.synthetic.isolated_beside_cross=0", "book.accounts=400"),
    *("protocol.maintenance_margin=0.01", "protocol.initial_margin=0.02", "run.engine=ladder"),
    *("price.markets=[BTC]", "price.volatility=4", "run.paths=128", "protocol.insurance_fund=2e4"),
)
CROSS = (
    *("price=gbm", "price.markets=[BTC,ETH]", "price.volatility=4", "book.accounts=200", "run.horizon_hours=0.6"),
    *("run.engine=dense", "run.precision=float64", "protocol.insurance_fund=1e5", "liquidity.depth_usd=5e6"),
)
WITHOUT_ADL = ("protocol.waterfall=[insurance_fund]", "protocol.adl.policy=none")
CASES = {
    "ladder: three variants, cascades, ADL": (*ISOLATED, "price=gbm", "run.horizon_hours=1"),
    "ladder: two markets, jumps, power law, funding, float64": (
        *(*ISOLATED, "price=merton", "price.markets=[BTC,ETH]", "liquidity=power", "run.precision=float64"),
        *("run.horizon_hours=0.3", "protocol.funding.interval_hours=0.1", "run.fund_curve=false", "run.twin=false"),
    ),
    "dense: cross accounts, tiers, funding, a breaker, few rounds": (
        *(*CROSS, *WITHOUT_ADL, "protocol.funding.interval_hours=0.2", "protocol.breaker.move=0.02"),
        *("protocol.liquidation.max_rounds=2", "cascade.window_minutes=10", "cascade.open_interest_share=0.01"),
    ),
    "dense: rates by the root of the size": (
        *(*CROSS, *WITHOUT_ADL),
        "protocol.margin={kind:root_size,initial_margin:0.02,maintenance_margin:0.01,size_factor:1e-3}",
    ),
}
SLOW = ("ladder: two markets, jumps, power law, funding, float64", "dense: rates by the root of the size",
        "dense: cross accounts, tiers, funding, a breaker, few rounds")
SAME = 1e-9
"""Relative difference of money; the kernels do the same operations, but a compiler may join two into one."""


def job_of(overrides: tuple[str, ...]) -> Job:
    """One tile of a job."""
    return dataclasses.replace(build_study(load([*overrides])[0]).plan.job, block_paths=128)


@pytest.fixture(scope="module", params=slow(CASES, *SLOW), ids=lambda name: name.replace(" ", "_"))
def both(request: pytest.FixtureRequest) -> tuple[BlockResult, BlockResult]:
    """A block in an engine, and as a kernel."""
    job = job_of(CASES[request.param])
    run: Any = jax.jit(simulate_block)
    results = (run(j, jnp.uint32(1), jnp.int32(77)) for j in (job, dataclasses.replace(job, fused=True)))
    engine, kernel = (jax.tree.map(np.asarray, result) for result in results)
    return engine, kernel


def assert_same_outcome(kernel: BlockResult, engine: BlockResult) -> None:
    """Every outcome of every path."""
    for field in dataclasses.fields(engine.outcome):
        ours, theirs = (getattr(out.outcome, field.name) for out in (kernel, engine))
        # residuals of conservation are rounding themselves
        small = 1.0 if field.name.endswith("residual") else SAME
        np.testing.assert_allclose(ours, theirs, rtol=SAME, atol=small, err_msg=field.name)
    np.testing.assert_allclose(kernel.fund_flow, engine.fund_flow, rtol=SAME, atol=SAME)


def test_every_outcome_of_every_path(both: tuple[BlockResult, BlockResult]) -> None:
    engine, kernel = both
    assert (engine.outcome.liquidated_accounts[0] > 0).mean() > 0.5, "the paths are lively"
    assert_same_outcome(kernel, engine)
    np.testing.assert_array_equal(kernel.cascade, engine.cascade)


def test_pictures_and_the_traced_path(both: tuple[BlockResult, BlockResult]) -> None:
    engine, kernel = both
    np.testing.assert_allclose(kernel.fan, engine.fan, rtol=1e-6)
    for name, values in engine.trace.items():
        np.testing.assert_allclose(kernel.trace[name], values, rtol=SAME, atol=SAME, err_msg=name)
    assert np.ptp(engine.trace["mark"]) > 0


def engine_of(case: str) -> BlockResult:
    """The block of a case in an engine."""
    return jax.jit(simulate_block)(job_of(CASES[case]), jnp.uint32(1), jnp.int32(77))


def test_the_ladder_s_case_has_what_it_is_for() -> None:
    ladder = engine_of("ladder: three variants, cascades, ADL")
    assert ladder.cascade.any() and (ladder.outcome.adl_notional[0] > 0).any()
    assert (ladder.outcome.insurance_paid[2] > ladder.outcome.insurance_paid[0]).any(), "companions wake"


@pytest.mark.slow
def test_the_dense_case_has_what_it_is_for() -> None:
    dense = engine_of("dense: cross accounts, tiers, funding, a breaker, few rounds")
    assert dense.cascade.any() and not dense.cascade.all() and (dense.outcome.bad_debt > 0).any()
    assert (dense.outcome.status == ROUNDS_EXHAUSTED).any()


def test_whoever_goes_beyond_a_kernel_is_simulated_anew() -> None:
    """ADL takes from winners, whose sizes then are no longer those of time zero."""
    job = job_of((*CROSS, "run.twin=false", "run.fund_curve=false", "protocol.insurance_fund=0"))
    device = jax.devices()[0]
    fused = dataclasses.replace(job, fused=True)
    assert (jax.jit(simulate_block)(fused, jnp.uint32(1), jnp.int32(3)).outcome.status == BEYOND_LADDER).any()
    kernel, dense = (compile_program(j, (device,)).run(j, 1, 3) for j in (fused, job))
    assert kernel.anew.any() and not kernel.anew.all()
    assert (dense.outcome.adl_notional[:, kernel.anew] > 0).all()
    assert_same_outcome(kernel, dense)
    np.testing.assert_allclose(kernel.trace["mark"], dense.trace["mark"], rtol=SAME)
    card: Any = SimpleNamespace(platform="gpu")
    on_cores = _run_anew(card, dataclasses.replace(job, batch=64), 1, 3)
    assert_same_outcome(on_cores, dense)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_noise_is_that_of_every_engine(dtype: str) -> None:
    draws = {"diffusion": Draw("normal", (2, 3)), "count": Draw("uniform", (3,)), "size": Draw("normal", ())}
    seed, tile, step = jnp.uint32(9), jnp.uint32(4), jnp.uint32(7)
    expected = draw_noise(tile_keys(seed, tile[None], step), draws, jnp.dtype(dtype))
    key = tuple(word[0] for word in tile_keys(seed, tile[None], step))
    found = lane_noise((key[0], key[1]), jnp.arange(128, dtype=jnp.uint32), draws, dtype)
    for name, values in expected.items():
        numbers = np.stack([np.asarray(n) for n in found[name].numbers.flat], axis=1).reshape(values.shape)
        assert numbers.dtype == values.dtype
        np.testing.assert_allclose(numbers, values, rtol=0, atol=3e-7 if dtype == "float32" else 0, err_msg=name)


def test_a_study_without_a_kernel_runs_all_the_same(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    def no_kernel(*given: Any) -> None:
        raise NotImplementedError("a kernel of lanes cannot carry out 'sort'")

    monkeypatch.setattr(launch_ladders, "simulate_ladders", no_kernel)
    job = job_of((*ISOLATED, "price=gbm", "run.horizon_hours=0.2"))
    kernel, dense = (dataclasses.replace(job, fused=True), dataclasses.replace(job, ladders=None))
    ours, theirs = (compile_program(j, (jax.devices()[0],)).run(j, 0) for j in (kernel, dense))
    assert "'sort'" in caplog.text
    assert_same_outcome(ours, theirs)


def countdown(x: jax.Array) -> jax.Array:
    """Turns of a loop that is another one for every lane, with a branch in it."""

    def turn(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        left, total = state
        more = jax.lax.cond(left > 3, lambda: total * 2.0, lambda: total + left)
        return left - 1.0, more

    return jax.lax.while_loop(lambda state: state[0] > 0, turn, (x, jnp.zeros(())))[1]


WORKS: dict[str, Callable[[jax.Array], Any]] = {
    "loop": countdown,
    "rows": lambda x: jax.lax.map(lambda k: x * k.astype(float) + countdown(x), jnp.arange(3)).sum(),
    "carry": lambda x: jax.lax.scan(lambda c, y: (c + y, c * y), x, jnp.stack([x, 2 * x, -x])),
    "choice": lambda x: jnp.array([1.0, 5.0, 7.0])[jnp.clip(x, 0, 2).astype(jnp.int32)],
    "product": lambda x: jnp.array([[1.0, 2.0], [3.0, 4.0]]) @ jnp.stack([x, x * x]),
    "reductions": lambda x: (jnp.stack([x, 3 - x, x * x]).max(), jnp.stack([x > 1, x > 2]).any(), -jnp.abs(x)),
    "moves": lambda x: jnp.tile(jnp.stack([x, x + 1])[::-1], 2).reshape(2, 2).T,
}


@pytest.mark.parametrize("name", WORKS)
@pytest.mark.parametrize("scalar", [False, True])
def test_code_for_one_path(name: str, scalar: bool) -> None:
    """On lanes what ``vmap`` makes of it, and what it is for a single path."""
    x = jnp.array([0.0, 1.0, 2.5, 4.0, 7.0, -1.0, 3.0, 5.0])
    expected = jax.vmap(WORKS[name])(x)
    shape = () if scalar else x.shape

    def kernel(given: Any, *out: Any) -> None:
        value = one(given[...] if not scalar else given[0])
        leaves = jax.tree.leaves(evaluate(WORKS[name], (value,), shape), is_leaf=lambda leaf: isinstance(leaf, Cells))
        for memory, leaf in zip(out, leaves, strict=True):
            for k, number in enumerate(leaf.numbers.flat):
                memory[k, :] = jnp.broadcast_to(jnp.asarray(number, leaf.dtype), memory.shape[1:])

    leaves = jax.tree.leaves(expected)
    shapes = [jax.ShapeDtypeStruct((leaf[0].size, 1 if scalar else x.size), leaf.dtype) for leaf in leaves]
    found = pl.pallas_call(kernel, out_shape=shapes, interpret=True)(x)
    for ours, theirs in zip(found, leaves, strict=True):
        wanted = theirs.reshape(x.size, -1).T
        np.testing.assert_allclose(ours, wanted[:, :1] if scalar else wanted, rtol=1e-15)


def test_what_it_cannot_do() -> None:
    with pytest.raises(NotImplementedError, match="sort"):
        evaluate(jnp.sort, (Cells(array_of([jnp.zeros(4), jnp.ones(4)]), np.dtype(float)),), (4,))


def test_known_numbers_stay_known() -> None:
    """Else places of tables would be computed at every tick."""
    found = evaluate(lambda k: jnp.arange(4)[k] * 2 + 1, (known(np.int32(3)),), (4,))
    assert found.numbers[()] == 7 and isinstance(found.numbers[()], np.generic)
