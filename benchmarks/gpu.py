"""``python -m benchmarks.gpu``: all there is to know about an accelerator in one call of less than ten minutes.

The engine's tests on it; agreement with this machine's CPU, path by path; peaks, and speed against all cores for
several books and blocks; the largest block. Every part says what it found as JSON lines and in a table.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.measure import machine
from benchmarks.peaks import measure_peaks
from stress.build.study import build_study
from stress.cli.compose import load
from stress.cli.runtime import configure_jax
from stress.mc.block import Job
from stress.mc.program import Program, compile_program, core_count

TESTS = ["tests/test_engine_reference.py", "tests/test_oracles_engine.py", "tests/test_screen.py"]
SAME = 1e-6
"""Relative difference of money below which two devices agree on a path."""
CASES = {
    "default": [],
    "10,000 accounts": ["book.accounts=10000"],
    "100,000 accounts": ["book.accounts=100000"],
}
BLOCKS = (1024, 8192, 65536)


def job_of(overrides: list[str], paths: int) -> Job:
    """The default run but for ``overrides``, one block of as many paths."""
    cfg = load([*overrides, f"run.paths={paths}", f"run.block_paths={paths}", "run.engine=dense"])[0]
    configure_jax(cfg.run)
    return build_study(cfg).plan.job


def program_on(job: Job, device: Any) -> Program:
    """The job's program for one device."""
    return compile_program(job, (device,))


def rate(program: Program, job: Job, blocks: int = 1) -> float:
    """Path-ticks a second, the first block aside."""
    program.run(job, 0)
    start = time.perf_counter()
    for _ in program.stream(job, list(range(1, blocks + 1))):
        pass
    return job.block_paths * job.steps * blocks / (time.perf_counter() - start)


def tested(seconds: float) -> dict[str, Any]:
    """Whether the engine's tests pass on the default device."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", *TESTS]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return {"part": "tests", "passed": None, "note": f"not finished in {seconds:.0f} s"}
    return {"part": "tests", "passed": done.returncode == 0, "note": done.stdout.strip().splitlines()[-1]}


def agreement(precision: str, device: Any, paths: int) -> dict[str, Any]:
    """The same paths on ``device`` and on a CPU."""
    job = job_of([f"run.precision={precision}", "run.horizon_hours=6"], paths)
    cpu = dataclasses.replace(job, batch=1)
    ours = program_on(job, device).run(job, 0).outcome
    theirs = program_on(cpu, jax.local_devices(backend="cpu")[0]).run(cpu, 0).outcome
    apart = {}
    for name in ("bad_debt", "drawdown", "liquidated"):
        a, b = (np.asarray(getattr(out, name))[0].reshape(paths, -1).sum(1) for out in (ours, theirs))
        apart[name] = float((np.abs(a - b) > SAME * np.maximum(np.abs(b), 1.0)).mean())
    same = float((ours.depletion_tick[0] == theirs.depletion_tick[0]).mean())
    return {"part": "agreement", "precision": precision, "paths": paths, "same_depletion_tick": same, "apart": apart}


def speeds(device: Any, cases: dict[str, list[str]], blocks: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """Path-ticks a second on ``device`` by book and block, and on all cores of the CPU."""
    for name, overrides in cases.items():
        small = dataclasses.replace(job_of(overrides, 128), batch=1)
        cores = compile_program(small, (jax.local_devices(backend="cpu")[0],) * core_count())
        cpu = rate(cores, small, 4 * core_count())
        for paths in blocks:
            job = job_of(overrides, paths)
            start = time.perf_counter()
            try:
                program = program_on(job, device)
                compiled = time.perf_counter() - start
                found = rate(program, job)
            except jax.errors.JaxRuntimeError as error:  # out of memory: what larger blocks would be, too
                yield {"part": "speed", "case": name, "paths": paths, "error": str(error).splitlines()[0]}
                break
            accounts = job.accounts.entry.shape[1]
            yield {"part": "speed", "case": name, "paths": paths, "accounts": accounts, "compile_seconds": compiled,
                   "path_ticks_per_second": found, "account_ticks_per_second": found * accounts,
                   "cpu_path_ticks_per_second": cpu, "ratio": found / cpu}  # fmt: skip


def parts(device: Any, quick: bool) -> Iterator[dict[str, Any]]:
    """Everything, the most important first."""
    yield {"part": "peaks", **dataclasses.asdict(measure_peaks())}
    for precision in ("float64", "float32"):
        yield agreement(precision, device, 256 if quick else 4096)
    yield from speeds(device, {"default": []} if quick else CASES, BLOCKS[:1] if quick else BLOCKS)
    if not quick:
        yield tested(180.0)


def main() -> None:
    """Parse the arguments and run until the time is over."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--rehearse", action="store_true", help="on the CPU, small: does the benchmark itself work?")
    parser.add_argument("--minutes", type=float, default=9.0, help="begin no part after this time")
    parser.add_argument("--out", type=Path, help="file to append the JSON lines to")
    arguments = parser.parse_args()
    configure_jax(load([])[0].run)
    device = jax.local_devices()[0]
    if device.platform == "cpu" and not arguments.rehearse:
        parser.error("JAX sees no GPU here (pip install 'jax[cuda13]'); --rehearse runs it small on the CPU")
    facts, started = machine() | {"device": device.device_kind}, time.perf_counter()
    print(json.dumps(facts))
    for result in parts(device, arguments.rehearse):
        print(json.dumps(result | {"at_seconds": round(time.perf_counter() - started, 1)}), flush=True)
        if arguments.out:
            with arguments.out.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(result | facts) + "\n")
        if time.perf_counter() - started > 60.0 * arguments.minutes:
            print("The time is over; the parts that are missing: run again with --minutes.")
            break


if __name__ == "__main__":
    main()
