"""Price paths of one market in Numba: a loop over the steps of a path, whose numbers stay in registers.

What happens rarely has a clock: exponential waiting times for jumps and switches of regime, a length for a block of
the bootstrap, so most steps cost a normal and a comparison.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from benchmarks.numba_random import below, chi_square, exponential, normal, seeded, uniform
from benchmarks.numba_steps import (
    Numbers,
    bar_words,
    bridged,
    hawkes_wait,
    numbers_of,
    quadratic_exponential,
    size,
    turns,
)
from benchmarks.price_case import Ends, PriceCase

Path = Callable[[np.ndarray, Numbers], tuple[float, float]]
"""From a generator's state and the case's numbers to the last log-price and the lowest."""


def _levy(kind: int) -> Path:
    @numba.njit(fastmath=True)
    def path(s: np.ndarray, c: Numbers) -> tuple[float, float]:
        x = lowest = 0.0
        wait = exponential(s) / c.intensity if kind else np.inf
        for _ in range(c.steps):
            x += c.growth + c.deviation * normal(s)
            if kind:
                wait -= c.step
                while wait < 0.0:
                    x += size(s, kind, c.own)
                    wait += exponential(s) / c.intensity
            lowest = min(lowest, x)
        return x, lowest

    return path


def _heston(kind: int) -> Path:
    @numba.njit(fastmath=True)
    def path(s: np.ndarray, c: Numbers) -> tuple[float, float]:
        x, lowest, v = 0.0, 0.0, c.theta
        wait = exponential(s) / c.intensity if kind else np.inf
        for _ in range(c.steps):
            v, moved = quadratic_exponential(s, v, normal(s), normal(s), c)
            x += moved + c.compensation
            if kind:
                wait -= c.step
                while wait < 0.0:
                    x += size(s, kind, c.own)
                    wait += exponential(s) / c.intensity
            lowest = min(lowest, x)
        return x, lowest

    return path


@numba.njit(fastmath=True)
def _garch(s: np.ndarray, c: Numbers) -> tuple[float, float]:
    x, lowest, h = 0.0, 0.0, c.bar_variance
    for _ in range(c.steps // c.bar_steps):
        variance = h * (c.nu - 2.0) / chi_square(s, c.nu) / c.bar_steps
        deviation, shock = math.sqrt(variance), 0.0
        for _ in range(c.bar_steps):
            e = deviation * normal(s)
            shock += e
            x += e - 0.5 * variance
            lowest = min(lowest, x)
        h = c.omega + (c.alpha + (c.gamma if shock < 0.0 else 0.0)) * shock * shock + c.beta * h
    return x, lowest


@numba.njit(fastmath=True)
def _hawkes(s: np.ndarray, c: Numbers) -> tuple[float, float]:
    x = lowest = excited = 0.0
    fade, mean_fade = math.exp(-c.decay * c.step), -math.expm1(-c.decay * c.step) / c.decay
    budget = exponential(s)  # of integrated intensity until the next jump
    for _ in range(c.steps):
        x += c.growth + c.deviation * normal(s)
        exposure = c.intensity * c.step + excited * mean_fade
        if exposure < budget:
            budget -= exposure
            excited *= fade
        else:
            left, exposure = c.step, 0.0
            while True:
                wait = hawkes_wait(budget, excited, c.intensity, c.decay)
                spent = min(wait, left)
                after = math.exp(-c.decay * spent)
                passed = c.intensity * spent + excited * (1.0 - after) / c.decay
                exposure, excited, left = exposure + passed, excited * after, left - spent
                if wait > spent:
                    budget -= passed
                    break
                x += size(s, 1, c.own)
                excited += c.excitation
                budget = exponential(s)
        x -= c.own_growth * exposure
        lowest = min(lowest, x)
    return x, lowest


@numba.njit(fastmath=True)
def _regime(s: np.ndarray, c: Numbers) -> tuple[float, float]:
    x = lowest = 0.0
    now = 0 if uniform(s) < c.calm_share else 1
    wait = exponential(s) / c.leave[now]
    for _ in range(c.steps):
        if wait > c.step:
            wait -= c.step
            x += c.regime_growth[now] + c.regime_deviation[now] * normal(s)
        else:
            left, variance = c.step, 0.0
            while wait <= left:
                variance += wait * c.volatilities[now] ** 2
                left -= wait
                now = 1 - now
                wait = exponential(s) / c.leave[now]
            variance += left * c.volatilities[now] ** 2
            wait -= left
            x += math.sqrt(variance) * normal(s) - 0.5 * variance
        lowest = min(lowest, x)
    return x, lowest


@numba.njit(fastmath=True)
def _bootstrap(s: np.ndarray, c: Numbers) -> tuple[float, float]:
    start = lowest = 0.0
    bars, row, left, words = len(c.close), 0, 0, np.empty(6)
    for _ in range(c.steps // c.bar_steps):
        if left == 0:
            row, left = below(s, bars), 1 + int(exponential(s) * c.block_rate)
        bar_words(s, words)
        low_first = uniform(s) < c.first_low[row]
        ends, x = turns(c, row, 0, low_first, words), 0.0
        for k in range(c.bar_steps):
            x = bridged(c, row, 0, ends, low_first, k, x, normal(s))
            lowest = min(lowest, start + x)
        start += x
        row, left = (row + 1) % bars, left - 1
    return start, lowest


PATHS: dict[str, Callable[[], Any]] = {
    "gbm": lambda: _levy(0),
    "merton": lambda: _levy(1),
    "kou": lambda: _levy(2),
    "heston": lambda: _heston(0),
    "bates": lambda: _heston(1),
    "garch": lambda: _garch,
    "hawkes": lambda: _hawkes,
    "regime": lambda: _regime,
    "bootstrap": lambda: _bootstrap,
}


def prepare(case: PriceCase) -> Callable[[int, int], Ends]:
    """A function of a seed and a number of paths."""
    path, numbers = PATHS[case.name](), numbers_of(case)

    @numba.njit(parallel=True, fastmath=True)
    def run(seed: int, last: np.ndarray, lowest: np.ndarray) -> None:
        for p in numba.prange(len(last)):
            last[p], lowest[p] = path(seeded(seed, p), numbers)

    def ends(seed: int, paths: int) -> Ends:
        last, lowest = np.empty(paths), np.empty(paths)
        run(seed, last, lowest)
        return Ends(last[:, None], lowest[:, None])

    return ends
