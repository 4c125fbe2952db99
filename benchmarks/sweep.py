"""``python -m benchmarks.sweep``: what a job of a sweep over numbers costs besides its simulation and its report.

Each job simulates by itself here (``run.variants=separate``); where they share, see ``benchmarks.grid``.

The baseline is what the first job waits for: imports, composing all jobs, compiling the program or fetching it from the
cache of an earlier call.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

START = time.time()

JOBS = 12
SMALL = ("run.paths=128", "run.horizon_hours=1", "run.progress=false", "report.enabled=false", "run.variants=separate")


def marked(module: Any, name: str, before: list[float], after: list[float]) -> None:
    """Note when a function of a module is called, and when it returns."""
    work: Callable[..., Any] = getattr(module, name)

    def noted(*given: Any, **named: Any) -> Any:
        before.append(time.time())
        try:
            return work(*given, **named)
        finally:
            after.append(time.time())

    setattr(module, name, noted)


def main() -> None:
    """Run a sweep in an empty folder."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description=__doc__)
    parser.add_argument("--out", type=Path, help="file to append the JSON line to")
    out = parser.parse_args().out
    from benchmarks.measure import machine
    from stress import session
    from stress.cli import main as command
    from stress.cli import sweep

    facts, simulated, ended = machine(), list[float](), list[float]()
    marked(session, "simulate", simulated, [])
    marked(sweep, "sweep_job", [], ended)
    funds = ",".join(str(1_000_000 + n) for n in range(JOBS))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        command.main(["-m", f"protocol.insurance_fund={funds}", *SMALL])
    gaps = [1e3 * (start - end) for start, end in zip(simulated[1:], ended[:-1], strict=True)]
    own = 1e3 * (simulated[0] - START)
    median, best = statistics.median(gaps), min(gaps)
    print(facts["machine"], "commit", facts["commit"])
    print(f"from the end of a job to the simulation of the next: median {median:.0f} ms, best {best:.0f} ms")
    print(f"from the start of the process to the first simulation: {own:.0f} ms, {own / median:.0f}x the median")
    if out is not None:
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"name": "sweep", "gap_ms": gaps, "process_ms": own} | facts) + "\n")


if __name__ == "__main__":
    main()
