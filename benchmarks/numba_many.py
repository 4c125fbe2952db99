"""Price paths of several correlated markets in Numba; else as :mod:`benchmarks.numba_one`.

The number of markets is a constant of the compiled loop, which the compiler writes out.
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

Path = Callable[[np.ndarray, Numbers, np.ndarray, np.ndarray], None]
"""Writes the last log-prices [A] and the lowest [A], which are zero when it is called."""


def _normals(markets: int) -> Any:
    """Writes correlated normals."""

    @numba.njit(inline="always", fastmath=True)
    def correlated(s: np.ndarray, c: Numbers, z: np.ndarray, out: np.ndarray) -> None:
        for a in range(markets):
            z[a] = normal(s)
        for a in range(markets):
            total = 0.0
            for b in range(a + 1):
                total += c.factor[a, b] * z[b]
            out[a] = total

    return correlated


def _common(markets: int) -> Any:
    """Adds a common jump."""

    @numba.njit(fastmath=True)
    def common(s: np.ndarray, c: Numbers, kind: int, x: np.ndarray) -> None:
        if kind == 1:
            shared = c.shared * normal(s)
            for a in range(markets):
                x[a] += c.common.a + c.common.b * (shared + c.apart * normal(s))
        else:
            moved = size(s, kind, c.common)
            for a in range(markets):
                x[a] += moved

    return common


def _jumps(markets: int) -> tuple[Any, Any]:
    """Adds the Poisson jumps of a step; and the first waiting times of all kinds, common jumps last."""
    common = _common(markets)

    @numba.njit(inline="always", fastmath=True)
    def jumps(s: np.ndarray, c: Numbers, kind: int, wait: np.ndarray, x: np.ndarray) -> None:
        for a in range(markets):
            wait[a] -= c.step
            while wait[a] < 0.0:
                x[a] += size(s, kind, c.own)
                wait[a] += exponential(s) / c.intensity
        wait[markets] -= c.step
        while wait[markets] < 0.0:
            common(s, c, kind, x)
            wait[markets] += exponential(s) / c.common_intensity

    @numba.njit(fastmath=True)
    def first(s: np.ndarray, c: Numbers) -> np.ndarray:
        wait = np.empty(markets + 1)
        for a in range(markets):
            wait[a] = exponential(s) / c.intensity
        wait[markets] = exponential(s) / c.common_intensity
        return wait

    return jumps, first


def _levy(markets: int, kind: int) -> Path:
    correlated, (jumps, first) = _normals(markets), _jumps(markets)

    @numba.njit(fastmath=True)
    def path(s: np.ndarray, c: Numbers, x: np.ndarray, lowest: np.ndarray) -> None:
        z, e, wait = np.empty(markets), np.empty(markets), first(s, c)
        for _ in range(c.steps):
            correlated(s, c, z, e)
            for a in range(markets):
                x[a] += c.growth + c.deviation * e[a]
            if kind:
                jumps(s, c, kind, wait, x)
            for a in range(markets):
                lowest[a] = min(lowest[a], x[a])

    return path


def _heston(markets: int, kind: int) -> Path:
    correlated, (jumps, first) = _normals(markets), _jumps(markets)

    @numba.njit(fastmath=True)
    def path(s: np.ndarray, c: Numbers, x: np.ndarray, lowest: np.ndarray) -> None:
        z, e, d, wait = np.empty(markets), np.empty(markets), np.empty(markets), first(s, c)
        v = np.full(markets, c.theta)
        for _ in range(c.steps):
            correlated(s, c, z, e)
            correlated(s, c, z, d)
            for a in range(markets):
                v[a], moved = quadratic_exponential(s, v[a], d[a], e[a], c)
                x[a] += moved + c.compensation
            if kind:
                jumps(s, c, kind, wait, x)
            for a in range(markets):
                lowest[a] = min(lowest[a], x[a])

    return path


def _garch(markets: int) -> Path:
    correlated = _normals(markets)

    @numba.njit(fastmath=True)
    def path(s: np.ndarray, c: Numbers, x: np.ndarray, lowest: np.ndarray) -> None:
        z, e, h = np.empty(markets), np.empty(markets), np.full(markets, c.bar_variance)
        deviation, shock = np.empty(markets), np.empty(markets)
        for _ in range(c.steps // c.bar_steps):
            mixing = (c.nu - 2.0) / chi_square(s, c.nu) / c.bar_steps
            for a in range(markets):
                deviation[a], shock[a] = math.sqrt(h[a] * mixing), 0.0
            for _ in range(c.bar_steps):
                correlated(s, c, z, e)
                for a in range(markets):
                    moved = deviation[a] * e[a]
                    shock[a] += moved
                    x[a] += moved - 0.5 * deviation[a] ** 2
                    lowest[a] = min(lowest[a], x[a])
            for a in range(markets):
                lever = c.alpha + (c.gamma if shock[a] < 0.0 else 0.0)
                h[a] = c.omega + lever * shock[a] ** 2 + c.beta * h[a]

    return path


def _excited_jumps(markets: int) -> Any:
    """A step of one kind of jumps in which there are some."""
    common = _common(markets)

    @numba.njit(fastmath=True)
    def excited_jumps(
        s: np.ndarray, c: Numbers, base: float, k: int, excited: np.ndarray, budget: np.ndarray, x: np.ndarray
    ) -> float:
        """The jumps of one kind in a step in which there are some, and its integrated intensity."""
        left, exposure = c.step, 0.0
        while True:
            wait = hawkes_wait(budget[k], excited[k], base, c.decay)
            spent = min(wait, left)
            after = math.exp(-c.decay * spent)
            passed = base * spent + excited[k] * (1.0 - after) / c.decay
            exposure, excited[k], left = exposure + passed, excited[k] * after, left - spent
            if wait > spent:
                budget[k] -= passed
                return exposure
            if k < markets:
                x[k] += size(s, 1, c.own)
            else:
                common(s, c, 1, x)
            excited[k] += c.excitation
            budget[k] = exponential(s)

    return excited_jumps


def _hawkes(markets: int) -> Path:
    correlated, excited_jumps = _normals(markets), _excited_jumps(markets)

    @numba.njit(fastmath=True)
    def path(s: np.ndarray, c: Numbers, x: np.ndarray, lowest: np.ndarray) -> None:
        fade, mean_fade = math.exp(-c.decay * c.step), -math.expm1(-c.decay * c.step) / c.decay
        z, e, excited, budget = np.empty(markets), np.empty(markets), np.zeros(markets + 1), np.empty(markets + 1)
        for k in range(markets + 1):
            budget[k] = exponential(s)
        for _ in range(c.steps):
            correlated(s, c, z, e)
            for a in range(markets):
                x[a] += c.growth + c.deviation * e[a]
            for k in range(markets + 1):
                base = c.intensity if k < markets else c.common_intensity
                exposure = base * c.step + excited[k] * mean_fade
                if exposure < budget[k]:
                    budget[k] -= exposure
                    excited[k] *= fade
                else:
                    exposure = excited_jumps(s, c, base, k, excited, budget, x)
                if k < markets:
                    x[k] -= c.own_growth * exposure
                else:
                    for a in range(markets):
                        x[a] -= c.common_growth * exposure
            for a in range(markets):
                lowest[a] = min(lowest[a], x[a])

    return path


def _regime(markets: int) -> Path:
    correlated = _normals(markets)

    @numba.njit(fastmath=True)
    def path(s: np.ndarray, c: Numbers, x: np.ndarray, lowest: np.ndarray) -> None:
        z, e = np.empty(markets), np.empty(markets)
        now = 0 if uniform(s) < c.calm_share else 1
        wait = exponential(s) / c.leave[now]
        for _ in range(c.steps):
            correlated(s, c, z, e)
            growth, deviation = c.regime_growth[now], c.regime_deviation[now]
            if wait > c.step:
                wait -= c.step
            else:
                left, variance = c.step, 0.0
                while wait <= left:
                    variance += wait * c.volatilities[now] ** 2
                    left -= wait
                    now = 1 - now
                    wait = exponential(s) / c.leave[now]
                variance += left * c.volatilities[now] ** 2
                wait -= left
                growth, deviation = -0.5 * variance, math.sqrt(variance)
            for a in range(markets):
                x[a] += growth + deviation * e[a]
                lowest[a] = min(lowest[a], x[a])

    return path


def _bootstrap(markets: int) -> Path:
    correlated = _normals(markets)

    @numba.njit(fastmath=True)
    def path(s: np.ndarray, c: Numbers, x: np.ndarray, lowest: np.ndarray) -> None:
        bars, row, left, words = len(c.close), 0, 0, np.empty(6)
        z, e, y, ends = np.empty(markets), np.empty(markets), np.empty(markets), np.empty((markets, 2), np.int64)
        for _ in range(c.steps // c.bar_steps):
            if left == 0:
                row, left = below(s, bars), 1 + int(exponential(s) * c.block_rate)
            bar_words(s, words)
            low_first = uniform(s) < c.first_low[row]
            for a in range(markets):
                y[a], (ends[a, 0], ends[a, 1]) = 0.0, turns(c, row, a, low_first, words)
            for k in range(c.bar_steps):
                correlated(s, c, z, e)
                for a in range(markets):
                    y[a] = bridged(c, row, a, (ends[a, 0], ends[a, 1]), low_first, k, y[a], e[a])
                    lowest[a] = min(lowest[a], x[a] + y[a])
            for a in range(markets):
                x[a] += y[a]
            row, left = (row + 1) % bars, left - 1

    return path


PATHS: dict[str, Callable[[int], Path]] = {
    "gbm": lambda markets: _levy(markets, 0),
    "merton": lambda markets: _levy(markets, 1),
    "kou": lambda markets: _levy(markets, 2),
    "heston": lambda markets: _heston(markets, 0),
    "bates": lambda markets: _heston(markets, 1),
    "garch": _garch,
    "hawkes": _hawkes,
    "regime": _regime,
    "bootstrap": _bootstrap,
}


def prepare(case: PriceCase) -> Callable[[int, int], Ends]:
    """A function of a seed and a number of paths."""
    path, numbers = PATHS[case.name](case.markets), numbers_of(case)

    @numba.njit(parallel=True, fastmath=True)
    def run(seed: int, last: np.ndarray, lowest: np.ndarray) -> None:
        for p in numba.prange(len(last)):
            path(seeded(seed, p), numbers, last[p], lowest[p])

    def ends(seed: int, paths: int) -> Ends:
        last, lowest = np.zeros((paths, case.markets)), np.zeros((paths, case.markets))
        run(seed, last, lowest)
        return Ends(last, lowest)

    return ends
