"""The cross case in Numba: cores share the paths, every tick looks at every account.

As ``numba_accounts.py``: the look is a branch-free loop over float32 copies that the compiler vectorises, a little too
near so that nobody is missed; a closed account weighs nothing and owes nothing; only a tick with a hit goes through
the accounts one by one, in doubles.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from benchmarks.case import Outcome
from benchmarks.cross import CrossAccounts, CrossCase, factor
from benchmarks.numba_accounts import displacement, mean_displacement

SLACK = 4e-6
"""More than the rounding of four float32 products and their sum, relative to the sum of their sizes."""


@njit(fastmath={"contract", "reassoc", "nsz"})
def count_near(mark: np.ndarray, near: np.ndarray, distance: np.ndarray) -> int:
    """Accounts with less than nothing above their requirement, or within rounding of it; four markets."""
    hits = np.int32(0)
    a, b, c, d = mark
    for n in range(len(near)):
        left = near[n] + a * distance[0, n] + b * distance[1, n] + c * distance[2, n] + d * distance[3, n]
        hits = np.int32(hits + np.int32(left < np.float32(0)))
    return int(hits)


@njit
def gather(mark, alive, quote, size, maintenance, who):
    """Close the accounts below their requirement: their number, and in ``who`` their places."""
    count = 0
    for n in range(len(quote)):
        if not alive[n]:
            continue
        equity, margin = quote[n], 0.0
        for a in range(len(mark)):
            equity += size[a, n] * mark[a]
            margin += abs(size[a, n]) * mark[a]
        if equity < maintenance * margin:
            who[count], count, alive[n] = n, count + 1, False
    return count


@njit
def settle(who, size, quote, fill, rate):
    """Notional, fees and deficits of the accounts that are closed at the fills [A]."""
    notional, fees, deficits = 0.0, 0.0, 0.0
    for n in who:
        equity, traded = quote[n], 0.0
        for a in range(len(fill)):
            equity += size[a, n] * fill[a]
            traded += abs(size[a, n]) * fill[a]
        notional += traded
        fees += min(rate * traded, max(equity, 0.0))
        deficits += max(-equity, 0.0)
    return notional, fees, deficits


@njit
def tick(fundamental, prices, open_book, flow, out, book, numbers):
    """All rounds of a tick; ``flow`` is the fund's net flow, ``out`` the path's outcomes."""
    z, mark = prices
    near, distance, alive, who = open_book
    quote, size = book
    maintenance, rate, keeper_share, fund, depth, cap = numbers
    while True:
        for a in range(len(z)):
            mark[a] = fundamental[a] * (1.0 + displacement(z[a], cap))
        if count_near(mark.astype(np.float32), near, distance) == 0:
            return flow
        count = gather(mark, alive, quote, size, maintenance, who)
        if count == 0:
            return flow
        closed = who[:count]
        for a in range(len(z)):
            sold = 0.0
            for n in closed:
                sold += size[a, n]
            end = z[a] + sold * fundamental[a] / depth
            mark[a] = fundamental[a] * (1.0 + mean_displacement(z[a], end, cap))
            z[a] = end
        notional, fees, deficits = settle(closed, size, quote, mark, rate)
        for n in closed:
            near[n] = math.inf
        flow += (1.0 - keeper_share) * fees
        loss = deficits - flow
        out[0] = max(out[0], 1.0 * (loss > fund))
        out[1] = max(out[1], loss)
        flow -= min(max(fund + flow, 0.0), deficits)
        out[2] += deficits
        out[3] += notional
        out[4] += count


@njit(parallel=True)
def paths_given(prices, near, distance, decay, book, numbers):
    """Outcomes [P, 5] of given prices [P, T + 1, A]."""
    outcomes = np.zeros((len(prices), 5))
    for p in prange(len(prices)):
        mine, alive, who = near.copy(), np.ones(len(near), np.bool_), np.empty(len(near), np.int64)
        z, mark, flow = np.zeros(prices.shape[2]), np.zeros(prices.shape[2]), 0.0
        for t in range(1, prices.shape[1]):
            z *= decay
            flow = tick(prices[p, t], (z, mark), (mine, distance, alive, who), flow, outcomes[p], book, numbers)
    return outcomes


@njit(parallel=True)
def paths_drawn(seed, shape, walk, near, distance, decay, book, numbers):
    """Outcomes [P, 5] of drawn prices; ``shape`` is paths and ticks.

    ``walk`` is the first price, mean, deviation, and the factor of the correlation.
    """
    paths, steps = shape
    first, mean, deviation, lower = walk
    outcomes = np.zeros((paths, 5))
    for p in prange(paths):
        np.random.seed(seed * 1_000_003 + p)  # noqa: NPY002 (the generator that Numba runs in parallel)
        mine, alive, who = near.copy(), np.ones(len(near), np.bool_), np.empty(len(near), np.int64)
        z, mark, flow = np.zeros(len(lower)), np.zeros(len(lower)), 0.0
        log_price, normal, price = np.zeros(len(lower)), np.zeros(len(lower)), np.zeros(len(lower))
        for _ in range(steps):
            for a in range(len(lower)):
                normal[a] = np.random.standard_normal()  # noqa: NPY002
                move = 0.0
                for b in range(a + 1):
                    move += lower[a, b] * normal[b]
                log_price[a] += mean + deviation * move
                price[a] = first * math.exp(log_price[a])
            z *= decay
            flow = tick(price, (z, mark), (mine, distance, alive, who), flow, outcomes[p], book, numbers)
    return outcomes


def arguments(case: CrossCase, accounts: CrossAccounts) -> tuple:
    """The book and the numbers as the kernels take them."""
    assert case.markets == 4, "the vector loop is written for four"
    distance, quote = accounts.distance(case.maintenance), accounts.quote
    # prices stay within ten times the first, so the rounding stays below the slack of these sizes
    slack = SLACK * (np.abs(quote) + 10 * case.price * np.abs(distance).sum(0))
    numbers = (case.maintenance, case.fee, case.keeper_share, case.fund, case.depth, case.cap)
    near = (quote - slack).astype(np.float32)
    return near, distance.astype(np.float32), case.decay, (quote, accounts.size), numbers


def simulate_given(case: CrossCase, accounts: CrossAccounts, prices: np.ndarray) -> Outcome:
    """All paths [P, T + 1, A]."""
    return Outcome(*paths_given(prices, *arguments(case, accounts)).T)


def simulate_seed(case: CrossCase, accounts: CrossAccounts, seed: int, paths: int) -> Outcome:
    """Paths of the case's markets."""
    walk = (case.price, -0.5 * case.step_volatility**2, case.step_volatility, factor(case))
    return Outcome(*paths_drawn(seed, (paths, case.steps), walk, *arguments(case, accounts)).T)
