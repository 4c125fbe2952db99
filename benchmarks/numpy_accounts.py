"""The ladder case in NumPy: all paths at once, a loop over ticks, a mask of every path's open accounts.

What a NumPy user would write who knows the memory: trigger prices are computed once, the mask is changed in place,
only paths with a hit go through the rounds, and paths are taken in batches that stay in the cache.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.case import IMPACT, Accounts, Case, Outcome, gbm_prices

BATCH = 64
"""Paths at a time."""


@dataclass
class Rows:
    """The state of a batch of paths, arrays [P]; ``trigger`` [P, N] is NaN once an account is closed."""

    trigger: np.ndarray
    z: np.ndarray
    flow: np.ndarray  # USD, the fund's cumulative net flow
    depleted: np.ndarray
    drawdown: np.ndarray
    bad_debt: np.ndarray
    notional: np.ndarray
    accounts: np.ndarray


def area(case: Case, z: np.ndarray) -> np.ndarray:
    """Integral of the displacement from zero."""
    knee = case.cap / IMPACT
    below = np.minimum(np.abs(z), knee)
    return -(IMPACT * below**2 / 2 + case.cap * (np.abs(z) - below))


def displacement(case: Case, z: np.ndarray) -> np.ndarray:
    """Relative distance of the mark from the fundamental price."""
    return np.clip(-IMPACT * z, -case.cap, case.cap)


def mean_displacement(case: Case, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Exact mean over a walk; the midpoint where it is short or within the cap."""
    walk, middle = end - start, displacement(case, 0.5 * (start + end))
    plain = (np.abs(walk) <= 1e-9 * (1 + np.abs(start))) | (np.maximum(np.abs(start), np.abs(end)) * IMPACT <= case.cap)
    return np.where(plain, middle, (area(case, end) - area(case, start)) / np.where(plain, 1.0, walk))


def liquidate(case: Case, accounts: Accounts, rows: Rows, price: np.ndarray, who: np.ndarray, hit: np.ndarray) -> None:
    """One round at fundamental prices [P]: the paths ``who`` [H] close their accounts ``hit`` [H, N]."""
    rows.trigger[who] = np.where(hit, np.nan, rows.trigger[who])
    columns = np.flatnonzero(hit.any(0))
    hit, size, bankruptcy = hit[:, columns], accounts.size[columns], accounts.bankruptcy[columns]
    start, fundamental = rows.z[who], price[who]
    end = start + (hit @ size) * fundamental / case.depth
    fill = fundamental * (1.0 + mean_displacement(case, start, end))
    rows.z[who] = end
    equity = np.where(hit, size * (fill[:, None] - bankruptcy), 0.0)
    notional = np.where(hit, np.abs(size) * fill[:, None], 0.0)
    fees = np.minimum(case.fee * notional, np.maximum(equity, 0.0)).sum(1)
    deficits = np.maximum(-equity, 0.0).sum(1)
    flow = rows.flow[who] + (1.0 - case.keeper_share) * fees
    loss = deficits - flow
    rows.depleted[who] |= loss > case.fund
    rows.drawdown[who] = np.maximum(rows.drawdown[who], loss)
    rows.flow[who] = flow - np.minimum(np.maximum(case.fund + flow, 0.0), deficits)
    rows.bad_debt[who] += deficits
    rows.notional[who] += notional.sum(1)
    rows.accounts[who] += hit.sum(1)


def liquidatable(accounts: Accounts, trigger: np.ndarray, mark: np.ndarray) -> np.ndarray:
    """Accounts [H, N] beyond their trigger at marks [H]."""
    longs, hit = accounts.longs, np.empty(trigger.shape, bool)
    np.less(mark[:, None], trigger[:, :longs], out=hit[:, :longs])
    np.greater(mark[:, None], trigger[:, longs:], out=hit[:, longs:])
    return hit


def simulate_batch(case: Case, accounts: Accounts, prices: np.ndarray) -> Rows:
    """A batch of paths [P, T + 1]."""
    paths = len(prices)
    trigger = np.tile(accounts.triggers(case.maintenance), (paths, 1))
    z, flow, drawdown, bad_debt, notional, count = np.zeros((6, paths))
    rows = Rows(trigger, z, flow, np.zeros(paths, bool), drawdown, bad_debt, notional, count)
    for price in prices[:, 1:].T:
        rows.z *= case.decay
        who = np.arange(paths)
        while len(who):
            mark = price[who] * (1.0 + displacement(case, rows.z[who]))
            hit = liquidatable(accounts, trigger if len(who) == paths else trigger[who], mark)
            some = hit.any(1)
            who, hit = who[some], hit[some]
            if len(who):
                liquidate(case, accounts, rows, price, who, hit)
    return rows


def simulate_given(case: Case, accounts: Accounts, prices: np.ndarray) -> Outcome:
    """All paths [P, T + 1]."""
    done = [simulate_batch(case, accounts, prices[first : first + BATCH]) for first in range(0, len(prices), BATCH)]

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(rows, name) for rows in done]).astype(float)

    return Outcome(*map(joined, ("depleted", "drawdown", "bad_debt", "notional", "accounts")))


def simulate_seed(case: Case, accounts: Accounts, seed: int, paths: int) -> Outcome:
    """Paths of the case's market."""
    return simulate_given(case, accounts, gbm_prices(case, paths, seed))
