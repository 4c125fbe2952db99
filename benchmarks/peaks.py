"""What a device can do at best, measured: bytes moved and multiply-adds a second. The yardsticks of a roofline."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from stress.mc.program import pick_workers

REPEATS = 7
CHAIN, TURNS = 16, 8192
"""Multiply-adds of a number in a row without leaving the registers, and how often."""


@dataclass(frozen=True)
class Peaks:
    """Best rates of all workers together."""

    bytes_per_second: float  # read and written
    float32_per_second: float  # multiplications and additions
    float64_per_second: float


def measure_peaks(numbers: int = 2**26) -> Peaks:
    """Peaks of the default backend; ``numbers`` float32 a worker are moved, more than any cache holds."""
    workers = pick_workers("auto", 1000)
    moved = _rate(workers, lambda: jnp.zeros(numbers, jnp.float32), lambda x: x + 1.0, 8.0 * numbers)
    lanes = 2**12 if workers[0].platform == "cpu" else 2**22  # a cpu's first cache; enough for every unit of a gpu
    done = [
        _rate(workers, lambda dtype=dtype: jnp.ones(lanes, dtype), _multiply_add, 2.0 * CHAIN * lanes * TURNS)
        for dtype in (jnp.float32, jnp.float64)
    ]
    return Peaks(moved, *done)


def _multiply_add(x: Any) -> Any:
    """Every number times a constant plus another, many times."""

    def turn(_: int, y: Any) -> Any:
        for _ in range(CHAIN):
            y = y * 0.999 + 0.001
        return y

    return jax.lax.fori_loop(0, TURNS, turn, x)


def _rate(workers: tuple[Any, ...], make: Callable[[], Any], work: Callable[[Any], Any], amount: float) -> float:
    """``amount`` of every worker a second, in the median of repeated runs."""
    run = jax.jit(work, donate_argnums=0)  # in place, or the time would go into fresh pages
    given = [jax.device_put(make(), device) for device in workers]
    seconds = []
    with ThreadPoolExecutor(len(workers)) as pool:
        for _ in range(REPEATS + 1):
            start = time.perf_counter()
            given = list(pool.map(lambda x: run(x).block_until_ready(), given))
            seconds.append(time.perf_counter() - start)
    return amount * len(workers) / statistics.median(seconds[1:])
