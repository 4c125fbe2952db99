"""The ladder case in Numba: cores share the paths, every tick looks at every open account.

What a Numba user would write who reads the assembly: the look is a branch-free count over float32 trigger prices (a
little too near, so none is missed) that the compiler vectorises and the first cache holds; a closed account's trigger
becomes NaN, which no price is beyond; only a tick with a hit goes through the accounts one by one, in doubles.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from benchmarks.case import IMPACT, Accounts, Case, Outcome

SLACK = 1e-6
"""More than the rounding of a float32 price, relative."""


@njit(inline="always")
def displacement(z: float, cap: float) -> float:
    """Relative distance of the mark from the fundamental price."""
    return min(max(-IMPACT * z, -cap), cap)


@njit
def mean_displacement(start: float, end: float, cap: float) -> float:
    """Exact mean over a walk; the midpoint where it is short or within the cap."""
    if max(abs(start), abs(end)) * IMPACT <= cap or abs(end - start) <= 1e-9 * (1 + abs(start)):
        return displacement(0.5 * (start + end), cap)
    knee = cap / IMPACT
    a, b = min(abs(start), knee), min(abs(end), knee)
    area = IMPACT * (a * a - b * b) / 2 + cap * ((abs(start) - a) - (abs(end) - b))
    return area / (end - start)


@njit
def count_below(price: np.floating, near: np.ndarray) -> int:
    """How many of ``near`` the price is below; counted in 32 bits, as many lanes as the prices have."""
    hits = np.int32(0)
    for n in range(len(near)):
        hits = np.int32(hits + np.int32(price < near[n]))
    return int(hits)


@njit
def count_hits(mark: float, near: np.ndarray, longs: int) -> int:
    """Open accounts beyond their trigger, or within rounding of it; ``near`` is negative for shorts."""
    price = np.float32(mark)
    return count_below(price, near[:longs]) + count_below(-price, near[longs:])


@njit
def gather(mark: float, near: np.ndarray, trigger: np.ndarray, longs: int, who: np.ndarray) -> int:
    """Close the open accounts beyond their trigger: their number, and in ``who`` their places."""
    count = 0
    for n in range(len(near)):
        if near[n] == near[n] and (mark < trigger[n] if n < longs else mark > trigger[n]):
            who[count], count, near[n] = n, count + 1, math.nan
    return count


@njit
def settle(who, size, bankruptcy, price, rate):
    """Notional, fees and deficits of the accounts that are closed at ``price``."""
    notional, fees, deficits = 0.0, 0.0, 0.0
    for n in who:
        value, equity = abs(size[n]) * price, size[n] * (price - bankruptcy[n])
        notional += value
        fees += min(rate * value, max(equity, 0.0))
        deficits += max(-equity, 0.0)
    return notional, fees, deficits


@njit
def tick(fundamental, near, who, state, out, book, numbers):
    """All rounds of a tick; ``state`` is z and the fund's net flow, ``out`` the path's outcomes."""
    trigger, longs, size, bankruptcy = book
    rate, keeper_share, fund, depth, cap = numbers
    while True:
        mark = fundamental * (1.0 + displacement(state[0], cap))
        if count_hits(mark, near, longs) == 0:
            return
        count = gather(mark, near, trigger, longs, who)
        if count == 0:
            return
        closed = who[:count]
        end = state[0] + size[closed].sum() * fundamental / depth
        price = fundamental * (1.0 + mean_displacement(state[0], end, cap))
        notional, fees, deficits = settle(closed, size, bankruptcy, price, rate)
        state[0], state[1] = end, state[1] + (1.0 - keeper_share) * fees
        loss = deficits - state[1]
        out[0] = max(out[0], 1.0 * (loss > fund))
        out[1] = max(out[1], loss)
        state[1] -= min(max(fund + state[1], 0.0), deficits)
        out[2] += deficits
        out[3] += notional
        out[4] += count


@njit(parallel=True)
def paths_given(prices, near, decay, book, numbers):
    """Outcomes [P, 5] of given prices [P, T + 1]."""
    outcomes = np.zeros((len(prices), 5))
    for p in prange(len(prices)):
        open_near, who, state = near.copy(), np.empty(len(near), np.int64), np.zeros(2)
        for t in range(1, prices.shape[1]):
            state[0] *= decay
            tick(prices[p, t], open_near, who, state, outcomes[p], book, numbers)
    return outcomes


@njit(parallel=True)
def paths_drawn(seed, shape, walk, near, decay, book, numbers):
    """Outcomes [P, 5] of drawn prices; ``shape`` is paths and ticks, ``walk`` the first price, mean and deviation."""
    paths, steps = shape
    first, mean, deviation = walk
    outcomes = np.zeros((paths, 5))
    for p in prange(paths):
        np.random.seed(seed * 1_000_003 + p)  # noqa: NPY002 (the generator that Numba runs in parallel)
        open_near, who, state, log_price = near.copy(), np.empty(len(near), np.int64), np.zeros(2), 0.0
        for _ in range(steps):
            log_price += mean + deviation * np.random.standard_normal()  # noqa: NPY002
            state[0] *= decay
            tick(first * math.exp(log_price), open_near, who, state, outcomes[p], book, numbers)
    return outcomes


def arguments(case: Case, accounts: Accounts) -> tuple:
    """The book and the numbers as the kernels take them."""
    triggers = accounts.triggers(case.maintenance)
    near = (triggers * (np.sign(accounts.size) + SLACK)).astype(np.float32)
    numbers = (case.fee, case.keeper_share, case.fund, case.depth, case.cap)
    return near, case.decay, (triggers, accounts.longs, accounts.size, accounts.bankruptcy), numbers


def simulate_given(case: Case, accounts: Accounts, prices: np.ndarray) -> Outcome:
    """All paths [P, T + 1]."""
    return Outcome(*paths_given(prices, *arguments(case, accounts)).T)


def simulate_seed(case: Case, accounts: Accounts, seed: int, paths: int) -> Outcome:
    """Paths of the case's market."""
    walk = (case.price, -0.5 * case.step_volatility**2, case.step_volatility)
    return Outcome(*paths_drawn(seed, (paths, case.steps), walk, *arguments(case, accounts)).T)
