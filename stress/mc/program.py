"""The compiled block and the workers that run it.

A worker is a device, or on a CPU a thread of the host: XLA runs what several threads give to one CPU device side by
side. So a CPU needs one program however many cores it has, and no result can depend on how many of them work. A program
over several devices (``shard_map``) is optimised differently for one device and for several, which changes the last
bits of sums.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from stress.errors import UserError, bad_value
from stress.mc.block import BlockResult, simulate_block
from stress.mc.cores import core_count, memory_bytes
from stress.mc.fallback import followed
from stress.mc.job import Job

COMPILER: dict[str, bool | str] = {
    # one thread a block: how an operation is split over threads would change the order of its sums with their number
    "xla_cpu_multi_thread_eigen": False,
    # the widest vectors that the machine has: they take a third off the ladder's noise
    "xla_cpu_prefer_vector_width": "512",
}
if jax.__version_info__ < (0, 11):  # halves the time to compile at the same speed; later versions have no such switch
    COMPILER["xla_cpu_use_fusion_emitters"] = False
DENSE: dict[str, bool | str] = {
    # long sums stay in our loops: a library would take them, with threads of its own, at three times the time
    "xla_cpu_experimental_ynn_fusion_type": "",
    # minima and maxima that the compiler may vectorise: a number that is none may get lost in them
    "xla_cpu_enable_fast_min_max": True,
    # the higher levels take half as long again to compile and make nothing faster
    "xla_backend_optimization_level": "1",
}
"""Besides, for the dense engine."""

ROOM, COPIES = 0.75, 2
"""Share of the memory that blocks may take, and how often a block holds its accounts: as given, and as they change."""
WITHOUT_KERNEL = 16 * 2**30
"""Bytes of accounts up to which a block that was planned for a kernel runs without."""
IN_FLIGHT = 2
"""Blocks given to each worker, so that it works while the host stores."""

KEPT = 16
"""Programs that a process keeps: each takes tens of MB, and hundreds of the regions that memory may be mapped in."""
_compiled: dict[Any, Any] = {}
"""Programs by the structure and shapes of the job and its workers, last used last: a sweep over numbers needs one."""
_seconds: list[float] = []
"""What each program of this process took to compile."""
_compiling = threading.Lock()
"""Held while a program is looked up or compiled: once, however many workers need it."""


@dataclass(frozen=True)
class Program:
    """A compiled block program."""

    runs: dict[Any, Any]  # by device: (job, block [], traced []) -> BlockResult
    workers: tuple[Any, ...]  # the device of each worker
    compile_seconds: float

    def run(self, job: Job, block: int, traced: int = 0, worker: int = 0) -> BlockResult:
        """One block, on the host; of its path ``traced`` the trace."""
        device = self.workers[worker % len(self.workers)]
        arguments = jax.device_put((job, np.uint32(block), np.int32(traced)), device)  # free for what is there already
        result = jax.device_get(self.runs[device](*arguments))
        return followed(job, block, traced, result, lambda *given: _run_anew(device, *given), partial(_threads, device))

    def result(self, job: Job) -> BlockResult:
        """Shapes and types of what a block leaves."""
        return jax.eval_shape(simulate_block, job, jnp.uint32(0), jnp.int32(0))

    def stream(self, job: Job, blocks: list[int]) -> Iterator[tuple[int, BlockResult]]:
        """``blocks`` with their results, in order, on all workers."""
        there = {device: jax.device_put(job, device) for device in dict.fromkeys(self.workers)}
        waiting = deque[tuple[int, Future[BlockResult]]]()
        pool = ThreadPoolExecutor(len(self.workers))
        try:
            for number, block in enumerate(blocks):
                mine = there[self.workers[number % len(self.workers)]]
                waiting.append((block, pool.submit(self.run, mine, block, worker=number)))
                if len(waiting) >= IN_FLIGHT * len(self.workers):
                    first, result = waiting.popleft()
                    yield first, result.result()
            while waiting:
                first, result = waiting.popleft()
                yield first, result.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _run_anew(device: Any, job: Job, block: int, traced: int) -> BlockResult:
    """A block of another job, whose program the first that needs it compiles.

    For an accelerator the cores beside it do: a few paths take it as long as thousands.
    """
    if device.platform != "cpu" and (cores := _cores_beside()):
        device, job = cores[0], replace(job, batch=1)
    return compile_program(job, (device,)).run(job, block, traced)


def _cores_beside() -> list[Any]:
    """The CPU of an accelerator's machine; nothing where JAX was told to leave it alone."""
    try:
        return jax.local_devices(backend="cpu")
    except RuntimeError:
        return []


def _threads(device: Any, state_bytes: int) -> int:
    """Tiles of ``state_bytes`` that are simulated anew at once: a worker of a CPU has a core."""
    if device.platform == "cpu" or not _cores_beside():
        return 1
    return max(1, int(min(core_count(), _room(state_bytes))))


def _room(state_bytes: int) -> float:
    """Blocks of ``state_bytes`` that the memory holds."""
    return ROOM * memory_bytes() / (COPIES * max(state_bytes, 1))


def pick_workers(wanted: int | str, blocks: int, state_bytes: int = 0) -> tuple[Any, ...]:
    """The device of each worker, at most ``blocks``, and on a CPU as many as have room for the ``state_bytes`` of one.

    Raises UserError when there are fewer accelerators than wanted, or when the memory does not hold a single block.
    """
    devices = jax.local_devices()
    cpu = devices[0].platform == "cpu"
    count = (core_count() if cpu else len(devices)) if isinstance(wanted, str) else wanted
    if cpu and state_bytes:
        room = min(count, _room(state_bytes))
        if room < 1:
            raise UserError(
                f"The accounts of a block of paths take {COPIES * state_bytes / 1e9:.0f} GB, and this machine has "
                f"{memory_bytes() / 1e9:.0f} GB of memory. Fewer accounts or markets, run.twin=false and "
                "run.fund_curve=false need less; accounts with one position under a flat margin rate need next to "
                "none (see docs/concepts/engines.md)."
            )
        count = int(room)
    if not cpu and count > len(devices):
        raise bad_value("run.devices", wanted, f"at most the {len(devices)} devices present ({devices[0].platform})")
    return tuple((devices[:1] * count if cpu else devices)[: min(count, blocks)])


def follow_beyond(device: Any, job: Job, block: int, result: BlockResult) -> BlockResult:
    """``result`` of a block with the paths that went beyond their ladders simulated anew (``mc.fallback``)."""
    return followed(job, block, 0, result, lambda *given: _run_anew(device, *given), partial(_threads, device))


def compiled_for(work: Callable[..., Any], job: Job, *given: Any, device: Any) -> Any:
    """``work(job, *given)`` of the dense engine compiled for a device, as blocks are, and kept as they are."""
    leaves, tree = jax.tree.flatten((job, given))
    key = (work, tree, tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves), (device,))
    with _compiling:
        known = _compiled.pop(key, None)
        _compiled[key] = known or _lowered(work, job, given, device)
        if len(_compiled) > KEPT:
            del _compiled[next(iter(_compiled))]
        return _compiled[key]


def _lowered(work: Callable[..., Any], job: Job, given: tuple[Any, ...], device: Any) -> Any:
    start = time.perf_counter()
    options = COMPILER | DENSE if device.platform == "cpu" else {}
    made = jax.jit(work).lower(*jax.device_put((job, *given), device)).compile(compiler_options=options)
    _seconds.append(time.perf_counter() - start)
    return made


def compile_program(job: Job, workers: tuple[Any, ...]) -> Program:
    """The program for ``job``, from the cache of this process where a job of the same shape has run."""
    leaves, tree = jax.tree.flatten(job)
    shapes = tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves)
    devices = tuple(dict.fromkeys(workers))
    key = (tree, shapes, devices)
    with _compiling:
        known = _compiled.pop(key, None)
        program = known or _compiled_for(job, devices)
        _compiled[key] = program  # the last used one is the last
        if len(_compiled) > KEPT:
            del _compiled[next(iter(_compiled))]
    return replace(program, workers=workers, compile_seconds=0.0 if known else program.compile_seconds)


def _compiled_for(job: Job, devices: tuple[Any, ...]) -> Program:
    start = time.perf_counter()
    with ThreadPoolExecutor(len(devices)) as pool:
        runs = dict(zip(devices, pool.map(lambda device: _compile(job, device), devices), strict=True))
    _seconds.append(time.perf_counter() - start)
    return Program(runs, devices, _seconds[-1])


def _compile(job: Job, device: Any) -> Any:
    """A function of a job, a block and a traced path; without a kernel where this job's cannot be made."""
    if not job.fused:
        return _compile_as_is(job, device)
    try:
        return _compile_as_is(job, device)
    except NotImplementedError as error:  # of an operation that a kernel has not
        if _without_kernel(job).state_bytes > WITHOUT_KERNEL:
            raise UserError(f"No kernel can be made for this study ({error}). Set run.engine=dense.") from error
        logging.getLogger(__name__).warning("no kernel for this study, it runs without: %s", error)
    run = _compile_as_is(_without_kernel(job), device)
    return lambda job, block, traced: run(_without_kernel(job), block, traced)


def _without_kernel(job: Job) -> Job:
    """The job for the dense engine as the compiler makes it: ladders are for kernels, or for a CPU."""
    return replace(job, fused=False, ladders=None, rest=None)


def _compile_as_is(job: Job, device: Any) -> Any:
    arguments = jax.device_put((job, jnp.uint32(0), jnp.int32(0)), device)
    options = COMPILER | ({} if job.all_on_ladders else DENSE) if device.platform == "cpu" else {}
    return jax.jit(simulate_block).lower(*arguments).compile(compiler_options=options)


def compiled_programs() -> int:
    """How many programs this process has compiled."""
    return len(_seconds)


def forget_programs() -> None:
    """Free the programs that are kept; who needs one again compiles it again."""
    with _compiling:
        _compiled.clear()
