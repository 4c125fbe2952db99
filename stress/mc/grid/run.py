"""Simulating settings of one family together, into the chunks that separate runs would have left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from stress.mc.block import BlockResult
from stress.mc.driver import part_of, rank_worst
from stress.mc.grid.batch import Batch, Wanted, batch_size
from stress.mc.grid.classes import Kinds, kinds_of, lost
from stress.mc.grid.market import Seen, draw, side_by_side
from stress.mc.grid.rows import RowResult
from stress.mc.grid.stories import tell_stories
from stress.mc.grid.table import Table
from stress.mc.plan import Plan
from stress.mc.program import follow_beyond, pick_workers
from stress.mc.progress import progress_bar
from stress.mc.store import finished_chunks, missing_blocks, write_chunk

MARKET_BYTES, TABLE_BYTES = 128 * 2**20, 256 * 2**20
"""Most that the market of a turn takes, and what its rows leave."""
ROW_BYTES = 2048
"""About what a row leaves."""


@dataclass(frozen=True)
class Setting:
    """A setting and the folder of its run."""

    plan: Plan
    folder: Path


@dataclass(frozen=True)
class Counted:
    """Rows of all settings, and rows that were simulated for them."""

    rows: int
    simulated: int


def simulate_grid(
    settings: Sequence[Setting], devices: int | str, *, progress: bool, stories: bool = True
) -> Counted:
    """Simulate what is missing of settings of one family (``sharing.family``); their folders then hold all chunks.

    With ``stories`` also what ``mc.story`` records of a run.

    A killed grid loses the turn that it was at: some blocks of all settings.
    """
    plan = settings[0].plan
    missing = [missing_blocks(finished_chunks(s.folder), s.plan.blocks) for s in settings]
    open_ones = [n for n, blocks in enumerate(missing) if blocks]
    blocks = sorted({block for mine in missing for block in mine})
    if not open_ones:
        return Counted(0, 0)
    kinds = kinds_of([settings[n].plan for n in open_ones])
    workers = pick_workers(devices, len(blocks) * len(kinds.venues), plan.job.state_bytes)
    paths, counted = plan.job.block_paths, Counted(0, 0)
    rows = len(blocks) * paths * len(kinds.venues)
    with progress_bar(rows, progress) as meter, ThreadPoolExecutor(len(workers)) as pool:
        for some in _turns(plan, blocks, len(kinds.venues)):
            turn = Turn(plan, some, workers[0], pool)
            before = counted.simulated
            found = turn.rows_of(kinds, lambda done, before=before: meter(before + done, f"{len(settings)} settings"))
            counted = Counted(counted.rows + sum(r.size for r in found), before + turn.table.rows)
            for n, mine in zip(open_ones, found, strict=True):
                turn.store(settings[n], mine, [block for block in missing[n] if block in set(some)])
        if stories:
            tell_stories([(settings[n].plan, settings[n].folder) for n in open_ones], workers[0])
    return counted


def _turns(plan: Plan, blocks: list[int], kinds: int) -> Iterator[list[int]]:
    """Blocks that are simulated together."""
    job, paths = plan.job, plan.job.block_paths
    market = paths * job.steps * (job.prices.shape[0] + 1) * 8
    count = max(1, min(MARKET_BYTES // market, TABLE_BYTES // max(paths * kinds * ROW_BYTES, 1)))
    for start in range(0, len(blocks), count):
        yield blocks[start : start + count]


class Turn:
    """Some blocks of all settings: their market, and the rows in it."""

    def __init__(self, plan: Plan, blocks: list[int], device: Any, pool: ThreadPoolExecutor) -> None:
        self.plan, self.blocks, self.device, self.pool = plan, blocks, device, pool
        self.paths = len(blocks) * plan.job.block_paths
        self.table, self._done = Table(), 0
        drawn = list(pool.map(lambda block: draw(plan.job, block, device), blocks))
        self.seen: Seen = side_by_side(drawn, np.asarray(plan.job.prices))

    def rows_of(self, kinds: Kinds, meter: Callable[[int], None]) -> list[np.ndarray]:
        """Rows [V, P] of the table that are every setting's own."""
        of_kind = self._kinds(kinds, meter)
        found = [np.stack([of_kind[part.kind] for part in mine]) for mine in kinds.parts]
        drawdown = np.asarray(self.table.whole()[0].outcome.drawdown)
        again: dict[tuple[int, float | None], np.ndarray] = {}
        wanted = Wanted(self.table.rows)
        for rows, mine in zip(found, kinds.parts, strict=True):
            for v, part in enumerate(mine):
                gone, key = lost(drawdown[rows[v]], part), (part.kind, part.fund)
                if len(gone):
                    again[key] = again[key] if key in again else wanted.add(part.venue, gone)
                    rows[v, gone] = again[key]
        self._simulate(wanted, meter)
        return found

    def _kinds(self, kinds: Kinds, meter: Callable[[int], None]) -> list[np.ndarray]:
        """Rows [P] of every kind: of all that lead others on every path, of the others where somebody is liquidated."""
        every, rows = np.arange(self.paths), dict[int, np.ndarray]()
        wanted = Wanted(self.table.rows)
        for n in sorted(set(kinds.leader)):
            rows[n] = wanted.add(kinds.venues[n], every)
        self._simulate(wanted, meter)
        rounds = np.asarray(self.table.whole()[0].outcome.rounds)
        wanted = Wanted(self.table.rows)
        for n, leader in enumerate(kinds.leader):
            if n != leader:
                rows[n] = rows[leader].copy()
                acts = np.flatnonzero(rounds[rows[leader]] > 0)
                rows[n][acts] = wanted.add(kinds.venues[n], acts)
        self._simulate(wanted, meter)
        return [rows[n] for n in range(len(kinds.venues))]

    def _simulate(self, wanted: Wanted, meter: Callable[[int], None]) -> None:
        """Rows of venues on paths, into the table in their order."""
        job = self.plan.job

        def simulated(batch: Batch) -> tuple[RowResult, int]:
            return batch.simulate(job, self.seen, self.device), batch.rows

        for result, rows in self.pool.map(simulated, wanted.batches(batch_size(job), still=self.paths)):
            self.table.add(result, rows)
            self._done += rows
            meter(self._done)

    def store(self, setting: Setting, rows: np.ndarray, blocks: list[int]) -> None:
        """Chunks of a setting, one for each range of its missing blocks."""
        size = self.plan.job.block_paths
        for some in _ranges(blocks):
            first = self.blocks.index(some[0]) * size
            mine = rows[:, first : first + len(some) * size]
            result = self.table.block(setting.plan.job.cascade, mine)
            result = self._beyond(setting.plan, some, result)
            arrays = part_of(setting.plan, some[0] * size, result)
            order = rank_worst(arrays["worst_key"], arrays["worst_path"])
            arrays |= {name: arrays[name][order] for name in ("worst", "worst_path", "worst_key")}
            write_chunk(setting.folder, some[0], some[-1], arrays)

    def _beyond(self, plan: Plan, blocks: list[int], result: BlockResult) -> BlockResult:
        """The result of some blocks, with the paths that no ladder can follow simulated anew as in a run."""
        if plan.job.ladders is None:
            return result
        size = plan.job.block_paths
        for n, block in enumerate(blocks):
            _write(result, n * size, follow_beyond(self.device, plan.job, block, _cut(result, n * size, size)))
        return result


AXES = {"cascade": 0, "anew": 0, "fan": 2}
"""Axis of the paths in a result; 1 of everything else."""


def _cut(result: BlockResult, first: int, count: int) -> BlockResult:
    """Some paths of a result."""
    def part(name: str) -> Any:
        where = (slice(None),) * AXES.get(name, 1) + (slice(first, first + count),)
        return jax.tree.map(lambda leaf: leaf[where], getattr(result, name))

    return replace(result, **{name: part(name) for name in BlockResult.__dataclass_fields__ if name != "trace"})


def _write(result: BlockResult, first: int, part: BlockResult) -> None:
    """Write some paths into a result, in place."""
    for name in BlockResult.__dataclass_fields__:
        if name == "trace":
            continue
        into, new = getattr(_cut(result, first, part.cascade.shape[0]), name), getattr(part, name)
        jax.tree.map(lambda old, now: old.__setitem__(..., now), into, new)


def _ranges(blocks: list[int]) -> Iterator[list[int]]:
    """Consecutive numbers together."""
    some: list[int] = []
    for block in blocks:
        if some and block != some[-1] + 1:
            yield some
            some = []
        some = [*some, block]
    if some:
        yield some
