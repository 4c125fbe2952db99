"""Some paths of a run once more, with what each account cost the insurance fund (``engine.losses``).

Only these paths are simulated, one variant of them, by the dense engine: it follows everything that another engine
does, on the same noise. What comes out for a path must be what the run has for it, or there is a defect.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import sparse

from stress.engine.batches import pack
from stress.engine.dense import advance
from stress.engine.losses import lost_at_peak
from stress.engine.rows import Rows, pack_rows
from stress.engine.state import DEBT
from stress.mc.job import Job
from stress.mc.market import Market, answered, move_market, open_market
from stress.mc.noise import TILE
from stress.mc.premium import first_premium_noise, premium_noise
from stress.mc.program import COMPILER, DENSE, core_count
from stress.mc.start import first_row
from stress.types import Array

BUDGET, FEWEST, MOST = 2**24, 4, 64
"""Bytes of accounts that are simulated together, and fewest and most paths of them."""
ROUNDING = 1e-9
"""Of the amounts that are added up: what a path's total may differ by from that of the run."""
MEASURES = {"fund_drawdown": "unlimited", "bad_debt": "main"}
"""What is recorded by account, under the name of its column, and the variant that it is of."""


@dataclass(frozen=True)
class Losses:
    """What accounts cost the fund in USD, by path and position. Axes: ``K`` paths, ``A`` markets, ``N`` accounts."""

    path: np.ndarray  # [K] number in the run
    total: np.ndarray  # [K] USD, the path's value of the measure
    lost: Any  # [K, A * N] USD, a sparse array: position (a, n) in column a * N + n


def record_losses(
    job: Job, variants: tuple[str, ...], measure: str, paths: np.ndarray, on_paths: Callable[[int], None]
) -> Losses:
    """Simulate ``paths`` [K] of a run again; ``on_paths`` is told how many are done.

    Raises AssertionError where the losses of accounts do not add up to the path's.
    """
    one = _one_variant(job, variants.index(MEASURES[measure]), len(paths))
    if not len(paths):
        return Losses(paths, np.zeros(0), sparse.csr_array((0, job.size.size)))
    first, *others = np.split(paths, range(one.block_paths, len(paths), one.block_paths))
    found = [_run(one, measure, first)]  # before the others, which find it compiled
    on_paths(len(first))
    with ThreadPoolExecutor(1 if jax.default_backend() != "cpu" else core_count()) as pool:
        for part in pool.map(lambda some: _run(one, measure, some), others):
            found.append(part)
            on_paths(sum(len(total) for total, _ in found))
    totals, lost = zip(*found, strict=True)
    losses = Losses(paths, np.concatenate(totals), sparse.vstack(lost, "csr"))
    _assert_adds_up(losses)
    return losses


def _assert_adds_up(losses: Losses) -> None:
    off = np.abs(np.asarray(losses.lost.sum(1)).ravel() - losses.total)
    scale = np.asarray(abs(losses.lost).sum(1)).ravel() + np.abs(losses.total)
    bad = np.flatnonzero(off > ROUNDING * scale)
    if len(bad):
        raise AssertionError(
            f"path {losses.path[bad[0]]}: what accounts lost differs by {off[bad[0]]:.6g} USD from what the fund did. "
            "This is a defect of the engine, not of the input."
        )


def assert_same_paths(losses: Losses, recorded: np.ndarray) -> None:
    """Raises AssertionError unless the run has the same totals: ``recorded`` [K] in USD."""
    scale = np.asarray(abs(losses.lost).sum(1)).ravel() + np.abs(recorded)
    bad = np.flatnonzero(~(np.abs(losses.total - recorded) <= ROUNDING * scale))
    if len(bad):
        raise AssertionError(
            f"path {losses.path[bad[0]]}: simulated again it comes to {losses.total[bad[0]]:.17g} USD, in the run to "
            f"{recorded[bad[0]]:.17g} ({len(bad)} paths). This is a defect of the engine, not of the input."
        )


def _one_variant(job: Job, variant: int, paths: int) -> Job:
    """A job of one variant that records losses, with as many paths in a block as there is room for."""
    markets, accounts = job.size.shape
    rows = max(FEWEST, min(MOST, paths, BUDGET // (8 * accounts * (4 * markets + 2))))
    return replace(
        job,
        venues=jax.tree.map(lambda leaf: leaf[variant : variant + 1], job.venues),
        accounts=replace(job.accounts, opened=job.prices),
        cascade=replace(job.cascade, paired=False),
        ladders=None,
        rest=None,
        fused=False,
        variants=1,
        unlimited=False,
        block_paths=rows,
    )


def _run(job: Job, measure: str, paths: np.ndarray) -> tuple[np.ndarray, Any]:
    """Totals [K] and losses [K, A * N] of ``paths`` [K], at most a block."""
    options = COMPILER | DENSE if jax.default_backend() == "cpu" else {}
    program = _program(tuple(sorted(options.items())))
    padded = np.resize(paths, job.block_paths).astype(np.uint32)
    total, lost = jax.device_get(program(job, padded // TILE, padded % TILE)[measure])
    return total[: len(paths)], sparse.csr_array(lost[: len(paths)].reshape(len(paths), -1))


@cache
def _program(options: tuple[tuple[str, bool | str], ...]) -> Callable[..., dict[str, tuple[Array, Array]]]:
    """:func:`simulate_paths`, compiled at the first call for jobs of a shape."""
    return jax.jit(simulate_paths, compiler_options=dict(options))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class State:
    """What is carried from tick to tick."""

    market: Market
    rows: Rows  # [B, ...]


def simulate_paths(job: Job, tiles: Array, lanes: Array) -> dict[str, tuple[Array, Array]]:
    """Totals [B] and losses [B, A, N] in USD, by measure, of the paths at ``lanes`` [B] of ``tiles`` [B]."""
    lanes = lanes.astype(jnp.int32)
    venue = jax.tree.map(lambda leaf: jnp.repeat(leaf, job.block_paths, axis=0), job.venues)
    normal = first_premium_noise(job, tiles, lanes)
    rows = pack_rows(jax.vmap(lambda venue, normal: first_row(venue, job, normal))(venue, normal), job.front)
    packed = pack(venue)

    def tick(state: State, number: Array) -> tuple[State, None]:
        market, fundamental, multiplier = move_market(job, state.market, tiles, number, lanes)
        normal = premium_noise(job, tiles, number, lanes)
        rows = advance(packed, job.accounts, state.rows, fundamental, multiplier, number, 0, job.batch, normal)
        together = job.batch > 1
        sold = (rows.row(together).outcome.liquidated - state.rows.row(together).outcome.liquidated).sum(2)
        return State(answered(job, market, sold), rows), None

    start = State(open_market(job, tiles, lanes), rows)
    end, _ = jax.lax.scan(tick, start, jnp.arange(1, job.steps + 1, dtype=jnp.int32))
    last = end.rows.row(job.batch > 1)
    out = last.outcome
    return {
        "fund_drawdown": (out.drawdown, jax.vmap(lost_at_peak)(last.marks, out.drawdown)),
        "bad_debt": (out.bad_debt, last.marks[DEBT]),
    }
