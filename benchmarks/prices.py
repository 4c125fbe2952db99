"""``python -m benchmarks.prices``: price paths of every market model, against NumPy, Numba and QuantLib.

A path leaves its last log-price and the lowest (QuantLib the last alone). Before anything is timed, every contender
has to agree with closed-form moments of its model, and with Numba where there are none. Contenders take turns, so that
other work on the machine hits all alike.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import numpy_prices, quantlib_prices
from benchmarks.measure import cores, enough_paths, machine
from benchmarks.price_case import MARKETS, MODELS, Ends, PriceCase, price_cases
from benchmarks.price_moments import LIMIT, Check, checks

Simulate = Callable[[int, int], Ends]
OURS, REFERENCE = "stress", "numba"
CONTENDERS = (OURS, REFERENCE, "numpy", "quantlib")
CHECKED = {"quantlib": 2_000, "numpy": 8_192}
"""Paths of the check of the slow ones, and of the others."""
CHECKED_ELSE = 32_768
SECONDS, REPEATS = 1.0, 5


@dataclass(frozen=True)
class Timing:
    """Seconds of repeated runs of as many paths on some cores."""

    name: str
    case: PriceCase
    cores: int
    paths: int
    seconds: list[float]
    processor_seconds: list[float]  # of all threads and processes together

    @property
    def rate(self) -> float:
        """Path-steps a second of the median run; all markets of a path together are one."""
        return self.paths * self.case.steps / statistics.median(self.seconds)

    @property
    def rate_a_core(self) -> float:
        """Path-steps a second of a processor, which other work on the machine hardly changes."""
        return self.paths * self.case.steps / statistics.median(self.processor_seconds)

    def line(self, facts: dict[str, Any], ours: float | None) -> str:
        """The JSON line."""
        record = {
            "name": self.name,
            "case": self.case.name,
            "markets": self.case.markets,
            "cores": self.cores,
            "paths": self.paths,
            "steps": self.case.steps,
            "seconds_median": statistics.median(self.seconds),
            "seconds_best": min(self.seconds),
            "repeats": len(self.seconds),
            "path_steps_per_second": self.rate,
            "path_steps_per_processor_second": self.rate_a_core,
            "stress_over_this": None if ours is None else ours / self.rate,
        }
        return json.dumps(record | facts)


def missing(name: str, case: PriceCase) -> str | None:
    """Why a contender does not take part."""
    if name == "numba" and not importlib.util.find_spec("numba"):
        return "numba is not installed: pip install numba"
    return quantlib_prices.problem(case) if name == "quantlib" else None


@contextmanager
def prepared(name: str, case: PriceCase, count: int) -> Iterator[tuple[Simulate, int]]:
    """A contender on some cores, compiled, and the paths it takes at a time."""
    match name:
        case "numba":
            with numba_threads(count):
                yield numba_loop(case), 64
        case "numpy":
            yield numpy_prices.prepare(case, count), numpy_prices.block_paths(case)
        case "quantlib":
            run, end = quantlib_prices.prepare(case, count)
            try:
                yield run, 16
            finally:
                end()
        case _:
            from benchmarks import stress_prices

            yield stress_prices.prepare(case, count)


def numba_loop(case: PriceCase) -> Simulate:
    """The loop for one market, or for several."""
    from benchmarks import numba_many, numba_one

    return (numba_one if case.markets == 1 else numba_many).prepare(case)


@contextmanager
def numba_threads(count: int) -> Iterator[None]:
    """Numba on so many cores."""
    import numba

    before = numba.get_num_threads()
    numba.set_num_threads(count)
    try:
        yield
    finally:
        numba.set_num_threads(before)


def checked(name: str, run: Simulate, case: PriceCase, other: Ends | None) -> tuple[Ends, list[Check]]:
    """Paths of a contender, which must agree with what is known, and with another's."""
    ends = run(1_000, CHECKED.get(name, CHECKED_ELSE))
    found = checks(case, ends, other)
    for check in found:
        if abs(check.z) > LIMIT:
            raise AssertionError(f"{name}, {case.name} in {case.markets} markets: {check}, z {check.z:.2f}")
    return ends, found


def timed(case: PriceCase, names: list[str], count: int, seconds: float, repeats: int) -> list[Timing]:
    """All contenders by turns, on ``count`` cores."""
    with ExitStack() as stack:
        runs = {name: stack.enter_context(prepared(name, case, count)) for name in names}
        other: Ends | None = None
        for name in sorted(names, key=lambda name: name != REFERENCE):
            ends, found = checked(name, runs[name][0], case, other)
            other = ends if name == REFERENCE else other
            worst = max(found, key=lambda check: abs(check.z))
            print(f"  {name} agrees: {len(found)} statistics, largest z {worst.z:.2f} ({worst.name})", flush=True)
        paths = {name: enough_paths(run, multiple, seconds) for name, (run, multiple) in runs.items()}
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
        for seed in range(1, repeats + 1):
            for name in names:
                times[name].append(clocks(runs[name][0], seed, paths[name]))
    return [Timing(name, case, count, paths[name], *map(list, zip(*times[name], strict=True))) for name in names]


def clocks(run: Simulate, seed: int, paths: int) -> tuple[float, float]:
    """Seconds of one run, on the wall and of processors."""
    start, work = time.perf_counter(), time.process_time()
    ends = run(seed, paths)
    return time.perf_counter() - start, time.process_time() - work + ends.elsewhere


def row(case: PriceCase, count: int, timings: list[Timing], a_core: bool = False) -> str:
    """Million path-steps a second, and our ratio to the best of the others; or of a processor."""
    rates = {timing.name: (timing.rate_a_core if a_core else timing.rate) / 1e6 for timing in timings}
    cells = "".join(f"{rates[name]:>10.4g}" if name in rates else " " * 10 for name in CONTENDERS)
    others = [rate for name, rate in rates.items() if name != OURS]
    ratio = f"{rates[OURS] / max(others):>9.2f}x" if OURS in rates and others else ""
    return f"{case.name:<10}{case.markets:>8}{count:>7}{cells}{ratio}"


HEAD = f"{'model':<10}{'markets':>8}{'cores':>7}" + "".join(f"{name:>10}" for name in CONTENDERS) + f"{'to best':>10}"


def main() -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prices", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short runs")
    parser.add_argument("--out", type=Path, help="file to append the JSON lines to")
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS), help="contenders")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--markets", nargs="+", type=int, choices=MARKETS, default=list(MARKETS))
    parser.add_argument("--cores", nargs="+", type=int, default=sorted({1, cores()}))
    arguments = parser.parse_args()
    seconds, repeats = (0.2, 3) if arguments.quick else (SECONDS, REPEATS)
    facts, rows, a_core = machine(), list[str](), list[str]()
    print(facts["machine"], "commit", facts["commit"])
    for case in price_cases(tuple(arguments.models), tuple(arguments.markets)):
        print(f"{case.name}, {case.markets} market{'s' * (case.markets > 1)}", flush=True)
        reasons = {name: missing(name, case) for name in arguments.only}
        for name, reason in reasons.items():
            if reason:
                print(f"  {name} left out: {reason}")
        names = [name for name in arguments.only if not reasons[name]]
        for count in arguments.cores if names else ():
            timings = timed(case, names, count, seconds, repeats)
            rows.append(row(case, count, timings))
            a_core.append(row(case, count, timings, a_core=True))
            print(f"{HEAD}\n{rows[-1]}", flush=True)
            ours = next((timing.rate for timing in timings if timing.name == OURS), None)
            if arguments.out:
                with arguments.out.open("a", encoding="utf-8") as file:
                    file.writelines(timing.line(facts, ours) + "\n" for timing in timings)
    for title, lines in (("a second", rows), ("a second of a processor", a_core)):
        print(f"\nMillion path-steps {title}\n{HEAD}\n" + "\n".join(lines))


if __name__ == "__main__":
    main()
