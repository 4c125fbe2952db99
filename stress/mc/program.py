"""The compiled block and the devices it runs on.

The same single-device program is compiled for every device; the host hands each its blocks. A program over all devices
at once (``shard_map``) is optimised differently for one device and for several, which changes the last bits of
sums; results must not depend on the number of devices.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from stress.errors import bad_value
from stress.mc.block import BlockResult, Job, simulate_block

COMPILER: dict[str, bool | str] = {"xla_cpu_multi_thread_eigen": False}
"""One thread a device: how an operation is split over threads would change the order of its sums with their number."""

_compiled: dict[Any, Any] = {}
"""Programs by the structure and shapes of the job and its devices: a sweep over numbers compiles once."""


@dataclass(frozen=True)
class Program:
    """A compiled block program."""

    runs: tuple[Any, ...]  # one a device: (job, block [], traced []) -> BlockResult
    devices: tuple[Any, ...]
    compile_seconds: float

    def run(self, job: Job, blocks: list[int], traced: int = 0) -> list[BlockResult]:
        """Start one block a device (at most as many blocks as devices); the results arrive when they are read."""
        started = []
        for block, run, device in zip(blocks, self.runs, self.devices, strict=False):
            arguments = jax.device_put((job, jnp.uint32(block), jnp.int32(traced)), device)
            started.append(run(*arguments))
        return started


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
    with ThreadPoolExecutor(len(devices)) as pool:
        runs = tuple(pool.map(lambda device: _compile(job, device), devices))
    _compiled[key] = Program(runs, devices, time.perf_counter() - start)
    return _compiled[key]


def _compile(job: Job, device: Any) -> Any:
    arguments = jax.device_put((job, jnp.uint32(0), jnp.int32(0)), device)
    return jax.jit(simulate_block).lower(*arguments).compile(compiler_options=COMPILER)


def compiled_programs() -> int:
    """How many programs this process has compiled."""
    return len(_compiled)
