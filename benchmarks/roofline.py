"""``python -m benchmarks.roofline``: what the ladder's tick has to compute, against what the cores can do at best.

Operations are counted in the program that JAX traces, one for each number that an operation makes, for the noise and
the price of a path-tick: work that no engine can do without. The rest of a tick is what its liquidations cost.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.case import CASES, make_accounts
from benchmarks.measure import measure
from benchmarks.peaks import measure_peaks
from benchmarks.stress_engine import make_study, prepare
from stress.cipher import threefry
from stress.mc.job import Job
from stress.mc.noise import TILE, Draws, draw_noise, tile_keys

MOVES = {"broadcast_in_dim", "concatenate", "convert_element_type", "copy", "reshape", "slice", "squeeze", "transpose"}
"""Operations that compute nothing."""


def tick_operations(job: Job) -> int:
    """Operations of noise and price a path-tick."""

    tile, dtype = jnp.zeros(1, jnp.uint32), jnp.dtype(job.dtype)

    def noise(number: Any, draws: Draws) -> Any:
        return draw_noise(tile_keys(job.seed, tile, number), draws, dtype, threefry)

    def tick(market: Any, number: Any) -> Any:
        drawn = noise(number, job.model.step_draws())
        return jax.vmap(job.model.step, in_axes=(0, 0, None), axis_size=TILE)(market, drawn, number)

    number = jnp.uint32(1)
    market = jax.vmap(job.model.init, axis_size=TILE)(noise(number, job.model.initial_draws()))
    return round(sum(_operations(jax.make_jaxpr(tick)(market, number).jaxpr).values()) / TILE)


def _operations(jaxpr: Any) -> Counter[str]:
    """Numbers that are made, by operation; those that all paths share do not count."""
    found = Counter[str]()
    for equation in jaxpr.eqns:
        inner = [value for value in equation.params.values() if hasattr(value, "jaxpr")]
        for part in inner:
            found += _operations(part.jaxpr)
        size = max((variable.aval.size for variable in equation.outvars), default=0)
        if not inner and equation.primitive.name not in MOVES and size >= TILE // 2:
            found[equation.primitive.name] += size
    return found


def main() -> None:
    """Print the table."""
    case = CASES[0]
    accounts = make_accounts(case)
    job = make_study(case, accounts).plan.job
    operations, run = tick_operations(job), prepare(case, accounts)
    rate, peaks = measure("stress", case, *run, seconds=2.0, repeats=5).rate, measure_peaks()
    lanes = peaks.float32_per_second / 2.0  # a multiply-add is one operation of a lane
    print(f"copies              {peaks.bytes_per_second / 1e9:8.1f} GB/s")
    print(f"float32             {peaks.float32_per_second / 1e9:8.1f} GFLOP/s")
    print(f"float64             {peaks.float64_per_second / 1e9:8.1f} GFLOP/s")
    print(f"ladder, a path-tick {operations:8d} operations in noise and price")
    print(f"at best             {lanes / operations / 1e6:8.1f} million path-ticks/s")
    print(f"measured            {rate / 1e6:8.1f} million path-ticks/s, {rate * operations / lanes:.0%} of it")


if __name__ == "__main__":
    main()
