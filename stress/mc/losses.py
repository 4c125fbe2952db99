"""Some paths of a run once more, with what each account cost the insurance funds (``engine.losses``).

Only these paths are simulated, one variant of them, by the dense engine: it follows everything that another engine
does, on the same noise. What comes out for a path must be what the run has for it, or there is a defect.

With a fund for each market a path's drawdown is that of one of them, over its share of all funds: of the one that is
largest. Its parts are what accounts cost that fund, over the same share: the derivative of a maximum is that of its
largest term. What flowed into a fund whatever happens, up to the round of its drawdown, is a part of its own.
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
from stress.engine.losses import drawdowns, lost_at_peak
from stress.engine.rows import Rows, pack_rows
from stress.engine.state import DEBT, Row
from stress.mc.job import Job
from stress.mc.market import Market, answered, move_market, open_market
from stress.mc.noise import TILE
from stress.mc.premium import first_premium_noise, premium_noise
from stress.mc.program import COMPILER, DENSE, core_count
from stress.mc.start import first_row
from stress.protocol.venue import Venue
from stress.types import Array

BUDGET, FEWEST, MOST = 2**24, 4, 64
"""Bytes of accounts that are simulated together, and fewest and most paths of them."""
ROUNDING = 1e-9
"""Of the amounts that are added up: what a path's total may differ by from that of the run."""
MEASURES = {"fund_drawdown": "unlimited", "total_drawdown": "unlimited", "bad_debt": "main"}
"""What is recorded by account, under the name of its column, and the variant that it is of."""


@dataclass(frozen=True)
class Losses:
    """What accounts cost the fund in USD, by path and position. Axes: ``K`` paths, ``A`` markets, ``N`` accounts."""

    path: np.ndarray  # [K] number in the run
    total: np.ndarray  # [K] USD, the path's value of the measure
    lost: Any  # [K, A * N] USD, a sparse array: position (a, n) in column a * N + n
    income: np.ndarray  # [K] USD, not positive: what flowed in that no account paid


def record_losses(
    job: Job, variants: tuple[str, ...], measure: str, paths: np.ndarray, on_paths: Callable[[int], None]
) -> Losses:
    """Simulate ``paths`` [K] of a run again; ``on_paths`` is told how many are done.

    Raises AssertionError where the losses of accounts do not add up to the path's.
    """
    one = _one_variant(job, variants.index(MEASURES[measure]), len(paths))
    if not len(paths):
        return Losses(paths, np.zeros(0), sparse.csr_array((0, job.size.size)), np.zeros(0))
    first, *others = np.split(paths, range(one.block_paths, len(paths), one.block_paths))
    found = [_run(one, measure, first)]  # before the others, which find it compiled
    on_paths(len(first))
    with ThreadPoolExecutor(1 if jax.default_backend() != "cpu" else core_count()) as pool:
        for part in pool.map(lambda some: _run(one, measure, some), others):
            found.append(part)
            on_paths(sum(len(total) for total, _, _ in found))
    totals, lost, income = zip(*found, strict=True)
    losses = Losses(paths, np.concatenate(totals), sparse.vstack(lost, "csr"), np.concatenate(income))
    _assert_adds_up(losses)
    return losses


def _assert_adds_up(losses: Losses) -> None:
    off = np.abs(np.asarray(losses.lost.sum(1)).ravel() + losses.income - losses.total)
    bad = np.flatnonzero(~(off <= ROUNDING * _scale(losses, losses.total)))
    if len(bad):
        raise AssertionError(
            f"path {losses.path[bad[0]]}: what accounts lost differs by {off[bad[0]]:.6g} USD from what the fund did. "
            "This is a defect of the engine, not of the input."
        )


def _scale(losses: Losses, total: np.ndarray) -> np.ndarray:
    """USD [K] of the amounts that make up totals [K]."""
    return np.asarray(abs(losses.lost).sum(1)).ravel() + np.abs(losses.income) + np.abs(total)


def assert_same_paths(losses: Losses, recorded: np.ndarray) -> None:
    """Raises AssertionError unless the run has the same totals: ``recorded`` [K] in USD."""
    bad = np.flatnonzero(~(np.abs(losses.total - recorded) <= ROUNDING * _scale(losses, recorded)))
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


def _run(job: Job, measure: str, paths: np.ndarray) -> tuple[np.ndarray, Any, np.ndarray]:
    """Totals [K], losses [K, A * N] and income [K] of ``paths`` [K], at most a block."""
    options = COMPILER | DENSE if jax.default_backend() == "cpu" else {}
    program = _program(tuple(sorted(options.items())))
    padded = np.resize(paths, job.block_paths).astype(np.uint32)
    total, lost, income = jax.device_get(program(job, padded // TILE, padded % TILE)[measure])
    k = len(paths)
    return total[:k], sparse.csr_array(lost[:k].reshape(k, -1)), income[:k]


Told = tuple[Array, Array, Array]
"""Totals [B], losses [B, A, N] and income [B] in USD."""


@cache
def _program(options: tuple[tuple[str, bool | str], ...]) -> Callable[..., dict[str, Told]]:
    """:func:`simulate_paths`, compiled at the first call for jobs of a shape."""
    return jax.jit(simulate_paths, compiler_options=dict(options))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class State:
    """What is carried from tick to tick."""

    market: Market
    rows: Rows  # [B, ...]
    peak: Array  # [B, G] int32, the tick of each fund's drawdown, 0 without one


def simulate_paths(job: Job, tiles: Array, lanes: Array) -> dict[str, Told]:
    """What is told, by measure, of the paths at ``lanes`` [B] of ``tiles`` [B]."""
    lanes = lanes.astype(jnp.int32)
    venue = jax.tree.map(lambda leaf: jnp.repeat(leaf, job.block_paths, axis=0), job.venues)
    normal = first_premium_noise(job, tiles, lanes)
    first = jax.vmap(lambda venue, normal: first_row(venue, job, normal))(venue, normal)
    packed, together = pack(venue), job.batch > 1

    def tick(state: State, number: Array) -> tuple[State, None]:
        market, fundamental, multiplier = move_market(job, state.market, tiles, number, lanes)
        normal = premium_noise(job, tiles, number, lanes)
        rows = advance(packed, job.accounts, state.rows, fundamental, multiplier, number, 0, job.batch, normal)
        before, after = state.rows.row(together), rows.row(together)
        sold = (after.outcome.liquidated - before.outcome.liquidated).sum(2)
        rose = jax.vmap(drawdowns)(after) > jax.vmap(drawdowns)(before)
        return State(answered(job, market, sold), rows, jnp.where(rose, number, state.peak)), None

    peak = jnp.zeros(jax.vmap(drawdowns)(first).shape, jnp.int32)
    start = State(open_market(job, tiles, lanes), pack_rows(first, job.front), peak)
    end, _ = jax.lax.scan(tick, start, jnp.arange(1, job.steps + 1, dtype=jnp.int32))
    return jax.vmap(_told)(venue, end.rows.row(together), end.peak)


def _told(venue: Venue, row: Row, peak: Array) -> dict[str, Told]:
    """What is told of one path, by measure; ``peak`` [G] ticks."""
    shares = jnp.ones(1) if venue.insurance is None else venue.insurance.shares
    income = jnp.zeros(1) if venue.insurance is None else -venue.insurance.income * peak
    each, lost = drawdowns(row), lost_at_peak(row.marks, drawdowns(row))
    needed = jnp.where(each > 0, each / shares, 0.0)
    worst = jnp.arange(len(each)) == needed.argmax()
    part = jnp.where(worst & (each > 0), 1.0 / shares, 0.0)
    return {
        "fund_drawdown": (row.outcome.drawdown, lost * part[:, None], (income * part).sum()),
        "total_drawdown": (each.sum(), lost, income.sum()),
        "bad_debt": (row.outcome.bad_debt, row.marks[DEBT], jnp.zeros(())),
    }
