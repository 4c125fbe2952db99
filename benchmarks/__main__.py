"""``python -m benchmarks``: time every contender that is available, print ratios, append JSON lines."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import cpp_ladder
from benchmarks.case import CASES, Accounts, Case, make_accounts
from benchmarks.cross import CROSS, CrossAccounts, CrossCase, make_cross_accounts
from benchmarks.measure import Run, Timing, machine, measure

Prepared = tuple[Run, int]  # the function, and the paths it takes at a time
BASELINES = {"C++ ladder": ("cpp_ladder",), "Numba dense": ("numba_accounts", "numba_cross")}


def baseline(module: str, multiple: int, case: Case, accounts: Accounts | CrossAccounts) -> Prepared:
    """A baseline of this folder."""
    return partial(importlib.import_module(f"benchmarks.{module}").simulate_seed, case, accounts), multiple


def engine(case: Case, accounts: Accounts | CrossAccounts) -> Prepared:
    """Our engine."""
    return importlib.import_module("benchmarks.stress_engine").prepare(case, accounts)


LADDER = ("stress", "cpp_ladder", "numba_accounts", "numpy_accounts")
CONTENDERS: dict[str, Callable[[Case, Accounts | CrossAccounts], Prepared]] = {
    "stress": engine,
    "cpp_ladder": partial(baseline, "cpp_ladder", cpp_ladder.LANES),
    "numba_accounts": partial(baseline, "numba_accounts", 1),
    "numpy_accounts": partial(baseline, "numpy_accounts", 64),
    "numba_cross": partial(baseline, "numba_cross", 1),
}


def missing(name: str) -> str | None:
    """Why a contender cannot run here."""
    if name == "cpp_ladder":
        return cpp_ladder.problem()
    if name.startswith("numba") and not importlib.util.find_spec("numba"):
        return "numba is not installed: pip install numba"
    return None


def table(timings: list[Timing]) -> str:
    """Rates, and their ratios to the baselines."""
    rates = {timing.name: timing.rate for timing in timings}
    lines = [f"{'million path-ticks/s':>36} {'seconds, median and best':>26}" + "".join(f"{b:>16}" for b in BASELINES)]
    for timing in timings:
        found = (next((rates[m] for m in modules if m in rates), None) for modules in BASELINES.values())
        ratios = (f"{timing.rate / rate:>15.3g}x" if rate else " " * 16 for rate in found)
        middle, best = timing.paths * timing.case.steps / timing.rate, min(timing.seconds)
        lines.append(f"{timing.name:<16}{timing.rate / 1e6:>20.4g} {f'{middle:.3f} {best:.3f}':>26}" + "".join(ratios))
    return "\n".join(lines)


def main() -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short runs of the first case")
    parser.add_argument("--out", type=Path, help="file to append the JSON lines to")
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS), help="contenders")
    arguments = parser.parse_args()
    seconds, repeats = (0.3, 3) if arguments.quick else (2.0, 7)
    facts = machine()
    print(facts["machine"], "commit", facts["commit"])
    for case in CASES[:1] if arguments.quick else (*CASES, CROSS):
        cross = isinstance(case, CrossCase)
        print(f"\n{case.name}: {case.accounts:,} accounts, {case.steps:,} ticks")
        accounts = make_cross_accounts(case) if isinstance(case, CrossCase) else make_accounts(case)
        timings = []
        for name in arguments.only:
            if name not in (("stress", "numba_cross") if cross else LADDER):
                continue
            if reason := missing(name):
                print(f"{name}: left out, {reason}")
                continue
            run, multiple = CONTENDERS[name](case, accounts)
            timings.append(measure(name, case, run, multiple, seconds, repeats))
            if arguments.out:
                with arguments.out.open("a", encoding="utf-8") as file:
                    file.write(timings[-1].line(facts) + "\n")
        print(table(timings))


if __name__ == "__main__":
    main()
