"""``python -m benchmarks.engines``: what the ladder saves on whole studies, against the dense engine on the same ones.

One core, all three variants, blocks of both engines by turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from stress.build.study import Study, build_study
from stress.cli.compose import load
from stress.cli.runtime import configure_jax
from stress.mc.program import compile_program, pick_workers

PATHS, REPEATS = 512, 3
DELAY = "protocol.liquidation.keeper_delay_seconds=300"
CAPACITY = "protocol.liquidation.keeper_capacity_usd_per_minute=5e5"
ONE_MARKET = [
    "price=gbm",
    "price.markets=[BTC]",
    "price.volatility=0.8",
    "book.accounts=10000",
    "book.synthetic.isolated_share=1",
    "book.synthetic.isolated_beside_cross=0",
    "protocol.maintenance_margin=0.01",
    "protocol.initial_margin=0.02",
]
STUDIES = {
    "isolated accounts, one market": ONE_MARKET,
    "keepers 5 min late": [*ONE_MARKET, DELAY],
    "keepers of 0.5 M USD a minute": [*ONE_MARKET, CAPACITY],
    "late and small keepers": [*ONE_MARKET, DELAY, CAPACITY],
    "default book, 5,000 accounts": ["book.accounts=5000"],
    "default book, 20,000 accounts": ["book.accounts=20000"],
}


def made(overrides: list[str], engine: str) -> Study:
    """The study in an engine, with blocks of the same size in both."""
    return build_study(load([*overrides, f"run.engine={engine}", f"run.block_paths={PATHS}"])[0])


def block(study: Study) -> Callable[[int], Any]:
    """Simulates one block on one core."""
    program = compile_program(study.plan.job, pick_workers(1, 1))
    return lambda number: program.run(study.plan.job, number, 0)


def seconds(run: Callable[[int], Any], number: int) -> float:
    """Of one block."""
    start = time.perf_counter()
    run(number)
    return time.perf_counter() - start


def main() -> None:
    """One row a study."""
    configure_jax(load([])[0].run)
    print(f"{'':32} engine  on ladders  microseconds a path-tick  dense alone  ratio")
    for name, overrides in STUDIES.items():
        study, dense = made(overrides, "auto"), made(overrides, "dense")
        runs = [block(study), block(dense)]
        for run in runs:
            run(0)
        times = [[seconds(run, number) for run in runs] for number in range(1, 1 + REPEATS)]
        ours, theirs = (min(column) / (PATHS * study.plan.job.steps) * 1e6 for column in zip(*times, strict=True))
        engine = f"{study.engine['name']:6}  {study.engine['on_ladders']:10,}"
        print(f"{name:32} {engine}  {ours:24.3f}  {theirs:11.3f}  {theirs / ours:5.1f}", flush=True)


if __name__ == "__main__":
    main()
