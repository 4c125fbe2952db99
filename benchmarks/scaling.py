"""``python -m benchmarks.scaling``: our engines alone, by accounts, markets and cores; time to get ready; memory.

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
MARKETS, FEW = (1, 2, 4, 8, 16), 1_000
"""Markets, for the dense engine with so many accounts."""
CASE: dict[str, Case] = {"ladder": CASES[0], "dense": CROSS}
SECONDS, REPEATS = 1.0, 3
HEAD = ("engine", "accounts", "markets", "cores", "million path-ticks/s", "billion account-ticks/s", "ready s", "GiB")


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


def table(largest: int) -> list[tuple[str, Case, int | str]]:
    """Engine, case and cores of every row: by accounts, by markets, by cores."""
    by_accounts = [
        (engine, dataclasses.replace(CASE[engine], accounts=accounts), "auto")
        for engine, sizes in SIZES.items()
        for accounts in sizes
        if accounts <= largest
    ]
    # the same open interest and depth in all, so that as much is liquidated
    by_markets = [
        ("dense", dataclasses.replace(CROSS, accounts=FEW, markets=n, interest=1e8 / n, depth=4e6 / n), "auto")
        for n in MARKETS
    ]
    by_cores = [(engine, case, cores) for engine, case in CASE.items() for cores in range(1, core_count() + 1)]
    return [*by_accounts, *by_markets, *by_cores]


def main() -> None:
    """Run all rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--out", type=Path, help="file to append the JSON lines to")
    parser.add_argument("--largest", type=int, default=1_000_000, help="most accounts")
    arguments = parser.parse_args()
    facts = machine()
    print(facts["machine"], "commit", facts["commit"])
    print("  ".join(HEAD))
    for engine, case, cores in table(arguments.largest):
        timing, more = timed(case, engine, cores)
        markets = case.markets if isinstance(case, CrossCase) else 1
        shown = core_count() if cores == "auto" else cores
        ready, peak = more["ready_seconds"], more["peak_memory_gib"]
        row = (engine, f"{case.accounts:,}", markets, shown, f"{timing.rate / 1e6:.4g}",
               f"{timing.rate * case.accounts / 1e9:.4g}", f"{ready:.1f}", f"{peak:.2f}")
        print("  ".join(f"{value:>{len(name)}}" for name, value in zip(HEAD, row, strict=True)), flush=True)
        if arguments.out:
            with arguments.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(json.loads(timing.line(facts)) | more | {"markets": markets}) + "\n")


if __name__ == "__main__":
    main()
