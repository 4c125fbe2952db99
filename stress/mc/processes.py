"""Processes, on one machine or several, that share the blocks of a run: ``jax.distributed``.

All of them are started with the same configuration and compile the same program. Every process takes its turn in the
order of the blocks; process 0 gets all results and keeps the run folder, so a run is the same, bit for bit, however
many processes take part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import jax
import numpy as np

from stress.errors import UserError
from stress.mc.block import BlockResult
from stress.mc.plan import Plan
from stress.mc.program import Program

T = TypeVar("T")
PATIENCE = 120
"""Seconds that a process waits for the others to start."""


def join_processes(coordinator: str | None, processes: int, process: int) -> None:
    """Meet the other ``processes`` of the run; call it before JAX starts. Raises UserError where they cannot be met."""
    if processes == 1 or jax.distributed.is_initialized():
        return
    try:
        jax.distributed.initialize(
            coordinator,
            processes,
            process,
            initialization_timeout=PATIENCE,
            cluster_detection_method="deactivate",
        )
    except RuntimeError as error:
        raise UserError(
            f"run.processes: not all {processes} processes met at {coordinator} within {PATIENCE} seconds. "
            "Start each with its own run.process, and with a coordinator that all can reach."
        ) from error


def agree_on(digest: Callable[[], str]) -> None:
    """Compare the ``digest`` (hexadecimal) of a run over all processes; all raise UserError where it differs."""
    if jax.process_count() == 1:
        return
    digests = _from_all(np.frombuffer(bytes.fromhex(digest()), np.uint8))
    odd = np.flatnonzero((digests != digests[0]).any(1)).tolist()
    if odd:
        raise UserError(
            f"run.process: {', '.join(map(str, odd))} has another configuration or version than 0. "
            "Start all processes with the same settings, files and versions."
        )


def shared_stream(plan: Plan, program: Program, blocks: list[int]) -> Iterator[tuple[int, BlockResult]]:
    """``blocks`` (those of process 0 count) with their results, in order, worked on by all processes."""
    count, mine = jax.process_count(), jax.process_index()
    if count == 1:
        yield from program.stream(plan.job, blocks)
        return
    wanted = np.zeros(plan.blocks, bool)
    wanted[blocks] = True
    blocks = np.flatnonzero(_from_first(wanted)).tolist()
    own = program.stream(plan.job, blocks[mine::count])
    nothing = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), program.result(plan.job))
    for start in range(0, len(blocks), count):
        turn = blocks[start : start + count]
        results = _from_all(next(own)[1] if mine < len(turn) else nothing)
        yield from ((block, jax.tree.map(lambda leaf, n=n: leaf[n], results)) for n, block in enumerate(turn))


def _from_first(values: np.ndarray) -> np.ndarray:
    from jax.experimental import multihost_utils

    return np.asarray(multihost_utils.broadcast_one_to_all(values))


def _from_all(mine: T) -> T:
    """Arrays of all processes, on the host, with a leading axis."""
    from jax.experimental import multihost_utils

    return jax.device_get(multihost_utils.process_allgather(mine))
