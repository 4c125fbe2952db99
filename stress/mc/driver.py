"""The stream: feed blocks to the workers, store chunks, keep the tally, show progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stress.mc.block import BlockResult
from stress.mc.columns import path_columns
from stress.mc.plan import Plan
from stress.mc.processes import shared_stream
from stress.mc.program import Program
from stress.mc.store import Chunk, write_chunk


@dataclass
class Buffer:
    """Blocks that are finished but not stored yet."""

    first: int = 0
    last: int = -1
    parts: list[dict[str, np.ndarray]] = field(default_factory=list)
    since: float = field(default_factory=time.perf_counter)


def stream(
    plan: Plan, program: Program, blocks: list[int], folder: Path, on_chunk: Callable[[dict[str, np.ndarray]], None]
) -> Iterator[Chunk]:
    """Simulate ``blocks`` and store them; yields every stored chunk. Chunks hold consecutive blocks."""
    buffer = Buffer()
    for block, result in shared_stream(plan, program, blocks):
        if buffer.parts and block != buffer.last + 1:
            yield _flush(plan, buffer, folder, on_chunk)
            buffer = Buffer()
        if not buffer.parts:
            buffer.first = block
        buffer.parts.append(part_of(plan, block * plan.job.block_paths, result))
        buffer.last = block
        if time.perf_counter() - buffer.since >= plan.chunk_seconds:
            yield _flush(plan, buffer, folder, on_chunk)
            buffer = Buffer()
    if buffer.parts:
        yield _flush(plan, buffer, folder, on_chunk)


def part_of(plan: Plan, first: int, result: BlockResult) -> dict[str, np.ndarray]:
    """Columns and price paths of one block, or several, from path ``first`` on, cut to those that were asked for."""
    about = (plan.fund, plan.markets, plan.variants, plan.step_seconds, plan.capital)
    columns = path_columns(result, first, *about)
    keep = min(len(columns["path"]), plan.paths - first)
    columns = {name: values[:keep] for name, values in columns.items()}
    sample = max(0, min(keep, plan.fan_paths - first))
    worst = worst_rows(columns, plan.worst_paths)
    fan = np.moveaxis(np.asarray(result.fan), -1, 0)  # [B, G, A]
    return columns | {
        "fan": fan[:sample],
        "fan_path": columns["path"][:sample],
        "worst": fan[worst],
        "worst_path": columns["path"][worst],
        "worst_key": worst_key(columns)[worst],
    }


def worst_key(columns: dict[str, np.ndarray]) -> np.ndarray:
    """How bad a path was [n, 2]: the fund's drawdown (bad debt where it was not measured), then what was liquidated."""
    drawdown = columns["fund_drawdown"]
    return np.stack(
        [np.where(np.isnan(drawdown), columns["bad_debt"], drawdown), columns["liquidated_notional"]], axis=1
    )


def worst_rows(columns: dict[str, np.ndarray], count: int) -> np.ndarray:
    """Rows of the ``count`` worst paths, the worst first; ties by path number."""
    return rank_worst(worst_key(columns), columns["path"])[:count]


def rank_worst(key: np.ndarray, path: np.ndarray) -> np.ndarray:
    """Order [n] from worst to best."""
    return np.lexsort((path, -key[:, 1], -key[:, 0]))


def _flush(plan: Plan, buffer: Buffer, folder: Path, on_chunk: Callable[[dict[str, np.ndarray]], None]) -> Chunk:
    arrays = {name: np.concatenate([part[name] for part in buffer.parts]) for name in buffer.parts[0]}
    order = rank_worst(arrays["worst_key"], arrays["worst_path"])[: plan.worst_paths]
    for name in ("worst", "worst_path", "worst_key"):
        arrays[name] = arrays[name][order]
    chunk = write_chunk(folder, buffer.first, buffer.last, arrays)
    on_chunk(arrays)
    return chunk
