"""``python -m benchmarks.grid``: sweeps of 64 settings that are simulated together, against single runs.

All in one process, by the processor's seconds as well as the wall's, since other work on the machine counts less there.
Single runs are taken before and after the grid. A single run is what the second job of a sweep would be: its program is
compiled, its folder complete, and no report written, whose seconds are given beside. Of both the simulation is timed by
itself, too, with the story of each run.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

GRIDS = {
    "64 funds": {"protocol.insurance_fund": 64},
    "8 margins x 8 funds": {"protocol.maintenance_margin": 8, "protocol.insurance_fund": 8},
    "8 keeper capacities x 8 funds": {"protocol.liquidation.keeper_capacity_usd_per_minute": 8,
                                      "protocol.insurance_fund": 8},
    "8 depths x 8 exponents": {"liquidity.depth_usd": 8, "liquidity.exponent": 8},
    "8 margins x 8 depths": {"protocol.maintenance_margin": 8, "liquidity.depth_usd": 8},
}
"""Values of each key."""
BOUNDS = {"protocol.insurance_fund": (1e5, 1e7), "protocol.maintenance_margin": (0.005, 0.02),
          "liquidity.depth_usd": (1.5e7, 1.2e8), "liquidity.exponent": (0.5, 1.0),
          "protocol.liquidation.keeper_capacity_usd_per_minute": (1e6, 1e8)}
SIZE = ["run.paths=2000"]
"""Overrides where none are given: all grids then take a few minutes."""


@dataclass(frozen=True)
class Seconds:
    """On the wall and of the processor."""

    wall: float = 0.0
    processor: float = 0.0

    def __add__(self, other: Seconds) -> Seconds:
        return Seconds(self.wall + other.wall, self.processor + other.processor)


@dataclass(frozen=True)
class Cost:
    """Of a command, and of the simulation in it."""

    whole: Seconds
    simulation: Seconds


def settings_of(keys: dict[str, int]) -> list[list[str]]:
    """All combinations, as overrides."""
    axes = [[f"{key}={value:.6g}" for value in np.geomspace(*BOUNDS[key], count)] for key, count in keys.items()]
    return [list(chosen) for chosen in itertools.product(*axes)]


def timed(work: Callable[[], Any]) -> Seconds:
    """Seconds that the work takes."""
    wall, own = time.perf_counter(), time.process_time()
    work()
    return Seconds(time.perf_counter() - wall, time.process_time() - own)


@contextlib.contextmanager
def watched(*names: str) -> Iterator[list[Seconds]]:
    """The seconds of every call of some functions, by their full names."""
    found: list[Seconds] = []

    def watching(work: Callable[..., Any]) -> Callable[..., Any]:
        def timing(*given: Any, **named: Any) -> Any:
            left: list[Any] = []
            found.append(timed(lambda: left.append(work(*given, **named))))
            return left[0]

        return timing

    with contextlib.ExitStack() as stack:
        for name in names:
            place, _, own = name.rpartition(".")
            stack.enter_context(mock.patch(name, watching(getattr(_module(place), own))))
        yield found


def _module(name: str) -> Any:
    import importlib

    return importlib.import_module(name)


def single_runs(base: list[str], settings: list[list[str]], folder: Path) -> Cost:
    """Seconds of single runs, one after the other, each with its folder complete but for the report."""
    from stress.cli.compose import load
    from stress.cli.jobs import run_job

    configs = [load([*base, *setting])[0] for setting in settings]

    def runs() -> None:
        for n, config in enumerate(configs):
            run_job(config, folder / str(n), report=False)

    with watched("stress.session.simulate", "stress.session.tell_story") as simulation:
        whole = timed(runs)
    return Cost(whole, sum(simulation, Seconds()))


def grid(base: list[str], keys: dict[str, int], folder: Path) -> Cost:
    """Seconds of the sweep, from the command to its page."""
    from stress.cli.main import main

    axes = {key: ",".join(f"{value:.6g}" for value in np.geomspace(*BOUNDS[key], n)) for key, n in keys.items()}
    words = ["-m", *base, *(f"{key}={values}" for key, values in axes.items()), "run.variants=grid",
             f"hydra.sweep.dir={folder}"]
    with contextlib.redirect_stdout(io.StringIO()) as said, \
            watched("stress.mc.grid.together.simulate_grid") as simulation:
        status: list[int] = []
        whole = timed(lambda: status.append(main(words)))
    if status != [0]:
        raise RuntimeError(f"the sweep ended with status {status[0]}:\n{said.getvalue()}")
    return Cost(whole, sum(simulation, Seconds()))


def measured(base: list[str], keys: dict[str, int], runs: int) -> dict[str, Any]:
    """The grid between two halves of the single runs; and what one report takes."""
    from stress.report import write_report

    settings = settings_of(keys)
    chosen = [settings[n] for n in np.linspace(0, len(settings) - 1, runs).astype(int)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        single_runs(base, chosen[:1], folder / "warm")  # compiles
        grid(base, dict.fromkeys(keys, 2), folder / "warm grid")
        before = single_runs(base, chosen[::2], folder / "before")
        whole = grid(base, keys, folder / "grid")
        after = single_runs(base, chosen[1::2], folder / "after")
        report = timed(lambda: write_report(folder / "before" / "0"))
        counted = json.loads((folder / "grid" / "grid.json").read_text())["together"][0]
    one = Cost(before.whole + after.whole, before.simulation + after.simulation)
    return {"runs": runs, "single": asdict(one), "grid": asdict(whole), "report": asdict(report), **counted}


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.grid", description=__doc__)
    parser.add_argument("--grid", choices=GRIDS, action="append", help="all without")
    parser.add_argument("--runs", type=int, default=4, help="single runs to time, two at least")
    parser.add_argument("--out", type=Path, help="file to append JSON lines to")
    parser.add_argument("overrides", nargs="*", default=SIZE, help="of every run, as protocol=bybit run.paths=2000")
    given = parser.parse_args()
    from benchmarks.measure import machine

    facts = machine()
    print(facts["machine"], "commit", facts["commit"], *given.overrides, flush=True)
    for name in given.grid or GRIDS:
        found = measured(["run.progress=false", *given.overrides], GRIDS[name], given.runs)
        report(name, found)
        if given.out is not None:
            with given.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"name": "grid", "grid": name} | found | facts) + "\n")


def report(name: str, found: dict[str, Any]) -> None:
    """One grid, in lines."""
    print(f"{name}: {found['simulated']:,} of {found['rows']:,} rows simulated")
    one, of_all, more = found["single"], found["grid"], found["report"]
    for clock in ("wall", "processor"):
        single, alone = one["whole"][clock] / found["runs"], one["simulation"][clock] / found["runs"]
        whole, simulation = of_all["whole"][clock], of_all["simulation"][clock]
        print(f"  {clock:9} grid {whole:.1f} s, of it simulation {simulation:.1f} s; a run {single:.2f} s, of it "
              f"simulation {alone:.2f} s, and its report {more[clock]:.2f} s")
        print(f"  {'':9} 64 settings cost {simulation / alone:.1f} simulations, {whole / single:.1f} runs, "
              f"{whole / (single + more[clock]):.1f} runs with report", flush=True)


if __name__ == "__main__":
    main()
