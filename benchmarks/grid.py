"""``python -m benchmarks.grid``: a sweep of 64 settings that is simulated together, against single runs.

All in one process, by the processor's seconds as well as the wall's, since other work on the machine counts less there.
A single run is what the second job of a sweep would be: its program is compiled. Its report is timed by itself.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

GRIDS = {
    "64 funds": {"protocol.insurance_fund": 64},
    "8 margins x 8 funds": {"protocol.maintenance_margin": 8, "protocol.insurance_fund": 8},
    "4 margins x 4 depths x 4 funds": {"protocol.maintenance_margin": 4, "liquidity.depth_usd": 4,
                                       "protocol.insurance_fund": 4},
    "8 margins x 8 depths": {"protocol.maintenance_margin": 8, "liquidity.depth_usd": 8},
}
"""Values of each key."""
BOUNDS = {"protocol.insurance_fund": (1e5, 1e7), "protocol.maintenance_margin": (0.005, 0.02),
          "liquidity.depth_usd": (1.5e7, 1.2e8)}


def settings_of(keys: dict[str, int]) -> list[list[str]]:
    """All combinations, as overrides."""
    import itertools

    import numpy as np

    axes = [[f"{key}={value:.6g}" for value in np.geomspace(*BOUNDS[key], count)] for key, count in keys.items()]
    return [list(chosen) for chosen in itertools.product(*axes)]


def timed(work: Any) -> tuple[float, float]:
    """Seconds on the wall and of the processor."""
    wall, own = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - own


def single_runs(base: list[str], settings: list[list[str]], folder: Path) -> dict[str, tuple[float, float]]:
    """Seconds of single runs, each with its folder complete, and of a report."""
    from stress.cli.compose import load
    from stress.cli.jobs import run_job
    from stress.report import write_report

    configs = [load([*base, *setting])[0] for setting in settings]
    run_job(configs[0], folder / "warm", report=False)

    def runs() -> None:
        for n, config in enumerate(configs):
            run_job(config, folder / str(n), report=False)

    return {"runs": timed(runs), "report": timed(lambda: write_report(folder / "0"))}


def grid(base: list[str], keys: dict[str, int], folder: Path) -> tuple[float, float]:
    """Seconds of the sweep, from the command to its page."""
    from stress.cli.main import main

    axes = {key: ",".join(dict.fromkeys(value for setting in settings_of(keys) for value in [
        part.partition("=")[2] for part in setting if part.startswith(key)])) for key in keys}
    words = ["-m", *base, *(f"{key}={values}" for key, values in axes.items()), "run.variants=grid",
             f"hydra.sweep.dir={folder}"]
    return timed(lambda: main(words))


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.grid", description=__doc__)
    parser.add_argument("--grid", choices=GRIDS, action="append", help="all without")
    parser.add_argument("--runs", type=int, default=8, help="single runs to time")
    parser.add_argument("--out", type=Path, help="file to append JSON lines to")
    parser.add_argument("overrides", nargs="*", help="of every run, as protocol=bybit run.paths=2000")
    given = parser.parse_args()
    from benchmarks.measure import machine

    facts = machine()
    print(facts["machine"], "commit", facts["commit"], *given.overrides)
    base = ["run.progress=false", *given.overrides]
    for name in given.grid or GRIDS:
        with tempfile.TemporaryDirectory() as scratch:
            one = single_runs(base, settings_of(GRIDS[name])[: given.runs], Path(scratch) / "single")
            grid(base, dict.fromkeys(GRIDS[name], 2), Path(scratch) / "warm")  # compiles
            all_of_them = grid(base, GRIDS[name], Path(scratch) / "grid")
            counted = json.loads((Path(scratch) / "grid" / "grid.json").read_text())
        report(name, given.runs, one, all_of_them, counted["together"][0])
        if given.out is not None:
            with given.out.open("a", encoding="utf-8") as file:
                line = {"name": "grid", "grid": name, "runs": given.runs, "single": one, "seconds": all_of_them}
                file.write(json.dumps(line | facts) + "\n")


def report(name: str, runs: int, one: dict[str, Any], grid: tuple[float, float], counted: dict[str, int]) -> None:
    """One grid, in lines."""
    share = counted["simulated"] / counted["rows"]
    print(f"{name}: {share:.1%} of the rows simulated")
    for which, label in ((0, "wall"), (1, "processor")):
        single = one["runs"][which] / runs
        whole = single + one["report"][which]
        print(f"  {label:9} grid {grid[which]:.1f} s; a single run {single:.2f} s, with report {whole:.2f} s; 64 "
              f"settings cost {grid[which] / single:.1f} runs without report, {grid[which] / whole:.1f} with")


if __name__ == "__main__":
    main()
