"""``python -m benchmarks.scaling``: our engines alone, by number of accounts and of cores; time to get ready; memory.

Ready means: book read, program compiled (or fetched from the cache of an earlier call). Memory is the process's peak so
far, so it grows down the table.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import resource
import time
from pathlib import Path
from typing import Any

from benchmarks import stress_engine
from benchmarks.case import CASES, Accounts, Case, make_accounts
from benchmarks.cross import CROSS, CrossAccounts, CrossCase, make_cross_accounts
from benchmarks.measure import Timing, machine, measure
from stress.mc.program import core_count

SIZES = {"ladder": (100, 1_000, 10_000, 100_000, 1_000_000), "dense": (100, 1_000, 10_000, 100_000)}
"""Accounts by engine; the dense engine runs the cross case."""
SECONDS, REPEATS = 1.0, 3


def timed(case: Case, engine: str, workers: int | str = "auto") -> tuple[Timing, dict[str, Any]]:
    """An engine on a case, and what it took to get there."""
    accounts: Accounts | CrossAccounts
    accounts = make_cross_accounts(case) if isinstance(case, CrossCase) else make_accounts(case)
    start = time.perf_counter()
    run, multiple = stress_engine.prepare(case, accounts, engine, workers)
    ready = time.perf_counter() - start
    timing = measure(f"stress {engine}", case, run, multiple, SECONDS, REPEATS)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return timing, {"engine": engine, "workers": workers, "ready_seconds": ready, "peak_memory_gib": peak}


def main() -> None:
    """Run all sizes, then all numbers of cores."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--out", type=Path, help="file to append the JSON lines to")
    parser.add_argument("--largest", type=int, default=1_000_000, help="most accounts")
    arguments = parser.parse_args()
    facts = machine()
    print(facts["machine"], "commit", facts["commit"])
    print(f"{'engine':<8}{'accounts':>10}{'cores':>7}{'million path-ticks/s':>22}{'ready after s':>15}{'peak GiB':>10}")
    cases = {"ladder": CASES[0], "dense": CROSS}
    jobs: list[tuple[str, Case, int | str]] = [
        (engine, dataclasses.replace(cases[engine], accounts=accounts), "auto")
        for engine, sizes in SIZES.items()
        for accounts in sizes
        if accounts <= arguments.largest
    ]
    jobs += [(engine, case, cores) for engine, case in cases.items() for cores in range(1, core_count() + 1)]
    for engine, case, cores in jobs:
        timing, more = timed(case, engine, cores)
        shown = core_count() if cores == "auto" else cores
        print(
            f"{engine:<8}{case.accounts:>10,}{shown:>7}{timing.rate / 1e6:>22.4g}"
            f"{more['ready_seconds']:>15.1f}{more['peak_memory_gib']:>10.2f}"
        )
        if arguments.out:
            with arguments.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(json.loads(timing.line(facts)) | more) + "\n")


if __name__ == "__main__":
    main()
