"""``python -m benchmarks.gpu``: all there is to know about a GPU, in one call of a few minutes.

Peaks; speed of the kernels by book and block, against the same engines without a kernel and against all cores of the
CPU beside it; agreement with the CPU, path by path; every account looked at in every tick, against the peaks; the
largest block; the engine's tests. Every part says what it found as a JSON line, the most important first.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.case import CASES, make_accounts
from benchmarks.cross import CROSS, make_cross_accounts
from benchmarks.measure import machine
from benchmarks.peaks import Peaks, measure_peaks
from benchmarks.roofline import tick_operations
from benchmarks.stress_engine import make_study
from stress.build.study import build_study
from stress.cli.compose import load
from stress.cli.runtime import configure_jax
from stress.engine import screen
from stress.mc.job import Job
from stress.mc.program import Program, compile_program, core_count

TESTS = ["tests/test_oracles_engine.py", "tests/test_lanes.py"]
SAME = 1e-6
"""Money that two devices may differ by on a path, as a share of what it liquidates: noise in float32 is rounded."""
ISOLATED = (
    *("book.synthetic.isolated_share=1", "book.synthetic.isolated_beside_cross=0", "price.markets=[BTC]"),
    *("protocol.maintenance_margin=0.01", "protocol.initial_margin=0.02"),
)
STUDIES = {"default": (), "isolated": ISOLATED}
"""Whole studies: three variants, ADL, funding, regimes; of three markets (dense), and of one (ladder)."""
BLOCKS = {
    "ladder": (2**18, 2**20),
    "ladder_deep": (2**20,),
    "cross": (2**12, 2**14),
    "default": (2**13,),
    "isolated": (2**17,),
}


def job_of(name: str, paths: int, ticks: int | None = None) -> Job:
    """One block of a case or study, for all its ticks or fewer."""
    job = _job(name)
    return dataclasses.replace(job, block_paths=paths, fused=True, steps=ticks or job.steps)


@cache
def _job(name: str) -> Job:
    if name in STUDIES:
        cfg = load([*STUDIES[name], "run.paths=1e6"])[0]
        configure_jax(cfg.run)
        return build_study(cfg).plan.job
    if name == CROSS.name:
        return make_study(CROSS, make_cross_accounts(CROSS)).plan.job
    case = next(case for case in CASES if case.name == name)
    return make_study(case, make_accounts(case)).plan.job


def program_on(job: Job, device: Any) -> tuple[Program, float]:
    """The job's program for one device, and what it took to compile."""
    start = time.perf_counter()
    return compile_program(job, (device,)), time.perf_counter() - start


def seconds_a_block(program: Program, job: Job, repeats: int = 3) -> float:
    """Of a block whose result stays on the device, in the best of some repeats after a warm-up."""
    (device,) = dict.fromkeys(program.workers)
    taken = []
    for block in range(repeats + 1):
        arguments = jax.device_put((job, np.uint32(block), np.int32(0)), device)
        start = time.perf_counter()
        jax.block_until_ready(program.runs[device](*arguments))
        taken.append(time.perf_counter() - start)
    return min(taken[1:])


def speed(name: str, paths: int, device: Any, ticks: int | None = None) -> dict[str, Any]:
    """Path-ticks a second of the kernel."""
    job = job_of(name, paths, ticks)
    program, compiled = program_on(job, device)
    taken = seconds_a_block(program, job)
    rate, accounts = paths * job.steps / taken, job.quote.shape[0]
    found = {"part": "speed", "case": name, "paths": paths, "variants": job.variants, "accounts": accounts}
    found |= {"compile_seconds": compiled, "seconds": taken, "path_ticks_per_second": rate}
    return found | {"account_ticks_per_second": rate * accounts, "operations": tick_operations(job)}


def without_a_kernel(name: str, paths: int, ticks: int, device: Any) -> dict[str, Any]:
    """The dense engine as XLA compiles it, for fewer ticks: the baseline of its kernel."""
    job = dataclasses.replace(job_of(name, paths, ticks), fused=False, ladders=None)
    program, compiled = program_on(job, device)
    taken = seconds_a_block(program, job, repeats=1)
    found = {"part": "no kernel", "case": name, "paths": paths, "ticks": ticks, "compile_seconds": compiled}
    return found | {"path_ticks_per_second": paths * ticks / taken}


def on_cores(name: str) -> dict[str, Any]:
    """Path-ticks a second on all cores of the CPU."""
    paths, cores = 1024 if name == CROSS.name else 4096, core_count()
    job = dataclasses.replace(job_of(name, paths), fused=False, batch=1)
    program = compile_program(job, (jax.local_devices(backend="cpu")[0],) * cores)
    blocks = list(range(1, 2 * cores + 1))
    program.run(job, 0)
    start = time.perf_counter()
    for _ in program.stream(job, blocks):
        pass
    rate = paths * job.steps * len(blocks) / (time.perf_counter() - start)
    return {"part": "cores", "case": name, "cores": cores, "path_ticks_per_second": rate}


def agreement(name: str, precision: str, device: Any, paths: int, ticks: int | None = None) -> dict[str, Any]:
    """The same paths by the kernel and on a CPU."""
    job = dataclasses.replace(job_of(name, paths, ticks), dtype=precision)
    cpu = dataclasses.replace(job, batch=1, fused=False)
    ours = program_on(job, device)[0].run(job, 0).outcome
    theirs = program_on(cpu, jax.local_devices(backend="cpu")[0])[0].run(cpu, 0).outcome
    size = np.maximum(np.asarray(theirs.liquidated).sum((2, 3)), 1.0)
    apart = {}
    for field in ("bad_debt", "drawdown", "insurance_paid", "liquidated"):
        a, b = (np.asarray(getattr(out, field)).reshape(*size.shape, -1).sum(2) for out in (ours, theirs))
        apart[field] = {
            "paths": float((np.abs(a - b) > SAME * size).mean()),
            "largest": float((np.abs(a - b) / size).max()),
        }
    same = {
        "depletion_tick": float((ours.depletion_tick == theirs.depletion_tick).mean()),
        "liquidated_accounts": float((ours.liquidated_accounts == theirs.liquidated_accounts).mean()),
    }
    return {"part": "agreement", "case": name, "precision": precision, "paths": paths, "same": same, "apart": apart}


def every_tick(device: Any, paths: int, peaks: Peaks) -> dict[str, Any]:
    """Every account looked at in every tick: what the dense kernel's loop over accounts reaches of the peaks."""
    job = job_of(CROSS.name, paths, 60)
    margin, screen.MARGIN = screen.MARGIN, 1.0  # no price is within a screen
    try:
        taken = seconds_a_block(program_on(job, device)[0], job)
    finally:
        screen.MARGIN = margin
    accounts, markets = job.quote.shape[0], job.prices.shape[0]
    looked = paths * job.steps * accounts / taken
    moved, computed = 8 * (markets + 1) + 8, 13 * markets + 8  # of an account, counted in engine.alone.glance
    return {
        "part": "every account, every tick", "case": CROSS.name, "paths": paths, "accounts_per_second": looked,
        "bytes_per_second": looked * moved, "of_copies": looked * moved / peaks.bytes_per_second,
        "float64_per_second": looked * computed, "of_float64": looked * computed / peaks.float64_per_second,
    }  # fmt: skip


def largest(name: str, device: Any) -> dict[str, Any]:
    """The largest block, in powers of two, that the memory holds."""
    paths, found = max(BLOCKS[name]), 0
    try:
        while True:
            paths *= 2
            job = job_of(name, paths)
            seconds_a_block(program_on(job, device)[0], job, repeats=1)
            found = paths
    except (jax.errors.JaxRuntimeError, OverflowError, ValueError) as error:
        return {"part": "largest block", "case": name, "paths": found, "then": str(error).splitlines()[0][:200]}


def tested(seconds: float) -> dict[str, Any]:
    """Whether the engine's tests pass on the default device."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", *TESTS]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as late:
        said = (late.stdout or b"").decode().strip().splitlines()[-1:]
        return {"part": "tests", "passed": None, "note": f"not finished in {seconds:.0f} s: {''.join(said)}"}
    return {"part": "tests", "passed": done.returncode == 0, "note": "\n".join(done.stdout.strip().splitlines()[-12:])}


def parts(device: Any, quick: bool, test_seconds: float) -> Iterator[dict[str, Any]]:
    """Everything, the most important first."""
    peaks = measure_peaks()
    yield {"part": "peaks", **dataclasses.asdict(peaks)}
    blocks = dict.fromkeys(("ladder", "cross"), (128,)) if quick else BLOCKS
    ticks = 3 if quick else None
    for name in ("ladder", "cross"):
        for paths in blocks[name]:
            yield speed(name, paths, device, ticks)
        yield agreement(name, "float32", device, 128 if quick else 4096, ticks)
    if quick:
        return
    yield without_a_kernel("cross", 2**13, 120, device)
    yield without_a_kernel("ladder", 2**16, 120, device)
    yield every_tick(device, 2**13, peaks)
    for name in ("ladder_deep", "isolated", "default"):
        yield speed(name, blocks[name][0], device)
    yield agreement("default", "float32", device, 1024)
    for name in ("ladder", "cross"):
        yield on_cores(name)
    yield agreement("ladder", "float64", device, 4096)
    yield tested(test_seconds)
    for name in ("ladder", "cross"):
        yield largest(name, device)


def attempts(results: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The results, and what went wrong as the last of them."""
    try:
        yield from results
    except Exception as error:
        yield {"part": "failed", "error": f"{type(error).__name__}: {error}"[:2000]}


def main() -> None:
    """Parse the arguments and run until the time is over."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--rehearse", action="store_true", help="on the CPU, small: does the benchmark itself work?")
    parser.add_argument("--minutes", type=float, default=9.0, help="begin no part after this time")
    parser.add_argument("--test-seconds", type=float, default=120.0, help="for the engine's tests")
    parser.add_argument("--out", type=Path, help="file to append the JSON lines to")
    arguments = parser.parse_args()
    configure_jax(load([])[0].run)
    device = jax.local_devices()[0]
    if device.platform == "cpu" and not arguments.rehearse:
        parser.error("JAX sees no GPU here (pip install 'jax[cuda13]'); --rehearse runs it small on the CPU")
    facts, started = machine() | {"device": device.device_kind}, time.perf_counter()
    print(json.dumps(facts))
    for result in attempts(parts(device, arguments.rehearse, arguments.test_seconds)):
        print(json.dumps(result | {"at_seconds": round(time.perf_counter() - started, 1)}), flush=True)
        if arguments.out:
            with arguments.out.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(result | facts) + "\n")
        if time.perf_counter() - started > 60.0 * arguments.minutes:
            print("The time is over; the parts that are missing: run again with --minutes.")
            break


if __name__ == "__main__":
    main()
