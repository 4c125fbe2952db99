"""The compiled block and the devices it runs on.

One program simulates one block on every device at once (``shard_map``); the host feeds it block numbers. Its shape
depends on the configuration only, so neither the number of devices nor how blocks are grouped changes a bit of a
result.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from stress.errors import bad_value
from stress.mc.block import BlockResult, Job, simulate_block

_compiled: dict[Any, Any] = {}
"""Programs by the structure and shapes of the job and its devices: a sweep over numbers compiles once."""


@dataclass(frozen=True)
class Program:
    """A compiled block program."""

    run: Any  # (job, blocks [D], traced [D]) -> BlockResult with leading axis [D]
    devices: tuple[Any, ...]
    compile_seconds: float


def pick_devices(wanted: int | str) -> tuple[Any, ...]:
    """The local devices to use; raises UserError when there are not that many."""
    devices = jax.local_devices()
    if isinstance(wanted, str):
        return tuple(devices)
    if wanted > len(devices):
        raise bad_value("run.devices", wanted, f"at most the {len(devices)} devices present ({devices[0].platform})")
    return tuple(devices[:wanted])


def compile_program(job: Job, devices: tuple[Any, ...]) -> Program:
    """The program for ``job``, from the cache of this process where a job of the same shape has run."""
    leaves, tree = jax.tree.flatten(job)
    shapes = tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves)
    key = (tree, shapes, devices)
    if key in _compiled:
        return replace(_compiled[key], compile_seconds=0.0)
    start = time.perf_counter()
    mesh = Mesh(np.array(devices), ("block",))
    sharded = jax.jit(
        jax.shard_map(
            _one_block,
            mesh=mesh,
            in_specs=(PartitionSpec(), PartitionSpec("block"), PartitionSpec("block")),
            out_specs=PartitionSpec("block"),
            check_vma=False,
        )
    )
    numbers = jax.ShapeDtypeStruct((len(devices),), jnp.uint32)
    run = sharded.lower(job, numbers, jax.ShapeDtypeStruct((len(devices),), jnp.int32)).compile()
    _compiled[key] = Program(run, devices, time.perf_counter() - start)
    return _compiled[key]


def compiled_programs() -> int:
    """How many programs this process has compiled."""
    return len(_compiled)


def _one_block(job: Job, blocks: jax.Array, traced: jax.Array) -> BlockResult:
    """The block of one device; blocks [1], traced [1]."""
    result = simulate_block(job, blocks[0], traced[0])
    return jax.tree.map(lambda leaf: leaf[None], result)
