"""Traders who take free collateral out: when their run begins, who waits how long, and the gate that stops them."""

from __future__ import annotations

import math

import numpy as np

from tests.reference.check import Check
from tests.reference.contract import notional, per_unit
from tests.reference.margin import position_requirement
from tests.reference.rules import Rules
from tests.reference.state import Venue

HOUR = 3600.0


class Withdrawals:
    """Reading: traders are one body. Each claim is a share of all free collateral, of whatever it is when it leaves."""

    def __init__(self, rules: Rules, index: np.ndarray, step: float) -> None:
        self.rules, self.step = rules, step
        self.indices = [index.copy()]  # at the start of every tick, [A]; entry 0 is time zero
        self.peak = rules.insurance_fund
        self.began: int | None = None
        self.inside, self.asleep = 1.0, 1.0  # claims that have not left, and those of them not yet asked for
        self.queue: list[tuple[int, float]] = []  # tick from which a claim may leave, and how large it is
        self.seen = -math.inf  # last tick whose start gave the gate a reason
        self.seen_under_water = -math.inf  # last tick in which a risk check did
        self.still = [False]  # whether the venue did nothing, by tick; entry 0 is time zero
        self.taken, self.shut_ticks = 0.0, 0

    def start_tick(self, k: int, venue: Venue, index: np.ndarray, oracle: np.ndarray, factors: list[float], still: bool
                   ) -> np.ndarray:
        """USD [N] that leave in tick k, at ``oracle`` prices [A]; ``factors`` [A] of margin requirements."""
        leaves = np.zeros(len(venue.cash))
        rules = self.rules.withdrawals
        if rules is None or rules.run is None:
            return leaves
        run = rules.run
        self.indices.append(index.copy())
        self.peak = max(self.peak, venue.fund)
        if self.began is None and self._reason(venue.fund, run.fund_below, run.move_above):
            self.began = k
        self.still.append(still)
        shut = self._shut(k, venue.fund)
        self.shut_ticks += shut
        if self.began is not None and k > self.began:
            asks = self.asleep * (1 - (1 - run.leaves_per_hour) ** (self.step / HOUR))
            self.asleep -= asks
            self.queue.append((k + self._ticks(run.delay_hours * 3600), asks))
        every = max(1, round(run.every_minutes * 60 / self.step))
        if shut or still or k % every:
            return leaves
        leaving = sum(claim for due, claim in self.queue if due <= k)
        self.queue = [(due, claim) for due, claim in self.queue if due > k]
        free = self._free(venue, oracle, factors)
        for n in range(len(leaves)):
            if not venue.book.residual[n]:
                leaves[n] = leaving / self.inside * free[n]
        self.inside -= leaving
        self.taken += float(leaves.sum())
        return leaves

    def watch(self, k: int, check: Check) -> None:
        """A risk check in tick k."""
        if any(check.worth[n] < 0 for n in check.liquidatable):
            self.seen_under_water = k

    def _reason(self, fund: float, fund_below: float | None, move_above: float | None) -> bool:
        fell = fund_below is not None and fund < fund_below * self.peak
        return fell or (move_above is not None and self._moved() > move_above)

    def _moved(self) -> float:
        """Largest move of an index from what it was at any time of the window."""
        rules = self.rules.withdrawals
        assert rules is not None and rules.window_minutes is not None
        ticks = max(1, round(rules.window_minutes * 60 / self.step))
        *before, now = self.indices
        return max(abs(float(now[a] / then[a]) - 1) for then in before[-ticks:] for a in range(len(now)))

    def _shut(self, k: int, fund: float) -> bool:
        gate = self.rules.withdrawals.gate if self.rules.withdrawals is not None else None
        if gate is None:
            return False
        if self._reason(fund, gate.fund_below, gate.move_above):
            self.seen = k
        lasts = self._ticks(gate.lasts_seconds)
        if gate.under_water and k <= self.seen_under_water + max(1, lasts):
            return True
        return k <= self.seen + lasts or self._after_outage(k, gate.outage_minutes, max(1, lasts))

    def _after_outage(self, k: int, minutes: float | None, lasts: int) -> bool:
        """Whether one of the last ticks before tick k, or an earlier one of ``lasts``, ended an outage that was long."""
        if minutes is None:
            return False
        for last in range(max(k - lasts, 1), k):
            if self.still[last] and not self.still[last + 1]:
                before = [j for j in range(last) if not self.still[j]]
                if last - max(before) >= self._ticks(minutes * 60):
                    return True
        return False

    def _free(self, venue: Venue, oracle: np.ndarray, factors: list[float]) -> np.ndarray:
        """Equity beyond initial margin [N], at most what there is in cash, and open profit where that may leave.

        Coins stay: they free cash, and nobody borrows against them.
        """
        rules = self.rules.withdrawals
        assert rules is not None and rules.run is not None
        equity, unit = self._equity(venue, oracle), per_unit(venue.rules, oracle)
        value = notional(venue.rules, venue.size, oracle)
        free = np.zeros(len(equity))
        for n in range(len(equity)):
            need = sum(factors[a] * position_requirement(float(value[n, a]), float(unit[a]), self.rules.initial_tiers[a])
                       for a in np.flatnonzero(venue.size[n]))
            spare = float(equity[n]) - need
            own = float(venue.cash[n]) + (float(venue.profit(oracle)[n].sum()) if rules.run.unrealised_profit else 0.0)
            free[n] = max(0.0, min(spare, own))
        return free

    def _equity(self, venue: Venue, oracle: np.ndarray) -> np.ndarray:
        """Equity [N] that counts towards initial margin: its own part of every gain, if the venue says so."""
        if not self.rules.gain_initial:
            return venue.margin_equity(oracle)
        equity, profit = venue.margin_equity(oracle) + venue.not_counted(oracle).sum(axis=1), venue.profit(oracle)
        for a, (share, factor, most) in enumerate(self.rules.gain_initial):
            for n, gain in enumerate(profit[:, a]):
                if gain > 0:
                    weight = min(share, 1.1 / (1 + factor * math.sqrt(gain)))
                    equity[n] -= gain - min(weight * gain, most)
        return equity

    def _ticks(self, seconds: float) -> int:
        return math.ceil(seconds / self.step - 1e-9)
