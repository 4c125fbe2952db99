"""Paths that a ladder or a kernel cannot follow to their end, simulated anew by the dense engine, a tile at a time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from stress.engine.state import BEYOND_LADDER
from stress.mc.block import BlockResult
from stress.mc.job import Job
from stress.mc.noise import TILE

STATE_LIMIT = 4 * 2**30
"""Bytes of account state up to which a tile is simulated anew; beyond that its paths keep their status."""
Run = Callable[[Job, int, int], BlockResult]
"""Simulates (job, block, traced path)."""


def followed(
    job: Job, block: int, traced: int, result: BlockResult, run: Run, threads: Callable[[int], int] = lambda _: 1
) -> BlockResult:
    """``result`` of a block, with what the dense engine makes of the paths that went beyond its ladder or kernel.

    As many tiles are simulated at once as ``threads`` says of the bytes of one.
    """
    lost = np.flatnonzero((np.asarray(result.outcome.status) == BEYOND_LADDER).any(0))
    followable = job.ladders is not None or job.fused
    dense = replace(job, ladders=None, rest=None, fused=False, block_paths=TILE)
    if not lost.size or not followable or dense.state_bytes > STATE_LIMIT:
        return result
    result, first = jax.tree.map(np.array, result), block * (job.block_paths // TILE)
    tiles = np.unique(lost // TILE).tolist()
    with ThreadPoolExecutor(threads(dense.state_bytes)) as pool:
        results = pool.map(lambda tile: run(dense, first + tile, traced % TILE), tiles)
        for tile, anew in zip(tiles, results, strict=True):
            paths = lost[lost // TILE == tile]
            _replace(result, anew, paths, traced)
            np.asarray(result.anew)[paths] = True
    return result


def _replace(result: BlockResult, anew: BlockResult, paths: np.ndarray, traced: int) -> None:
    """Write ``paths`` [n] of the tile ``anew`` into the result in place, and the trace if ``traced`` is one of them."""

    def put(old: Any, new: Any, axis: int) -> None:
        np.moveaxis(old, axis, 0)[paths] = np.moveaxis(np.asarray(new), axis, 0)[paths % TILE]

    jax.tree.map(lambda old, new: put(old, new, 1), result.outcome, anew.outcome)
    put(result.fund_flow, anew.fund_flow, 1)
    put(result.cascade, anew.cascade, 0)
    put(result.fan, anew.fan, 2)
    if traced in paths:
        for name, values in result.trace.items():
            np.asarray(values)[:] = anew.trace[name]
