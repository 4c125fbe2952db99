"""Insurance funds with rules of their own: what they hold, an income, a limit on payments, depositors in a queue."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stress.book.schema import Book
from stress.config.markets import per_market
from tests.reference.contract import notional
from tests.reference.rules import Rules

DAY = 86400.0


class Funds:
    """One fund for all markets or one for each. Axis: ``G`` funds."""

    def __init__(self, rules: Rules, book: Book) -> None:
        insurance, markets = rules.insurance, list(rules.markets)
        assert insurance is not None
        self.rules, self.insurance, self.by_market = rules, insurance, insurance.scope == "market"
        self.book, self.markets = book, markets
        self.share = np.ones(1)  # [G] of the initial fund
        self.per_day = np.zeros(1)  # [G] USD
        self.flow = np.zeros(1)  # [G] USD, net
        self.paid = np.zeros(1)  # [G] USD in this block of time
        self.left = np.zeros((0, 1))  # [N, G] USD that they left of the last deficits
        self.depleted: list[bool] = [False]
        self.drawdown = np.zeros(1)  # [G] USD, the most that was lacking without the initial fund
        self.withdrawn = 0.0
        self.peaks = np.zeros(1)  # [G] USD, the most that each held so far
        self.peak = rules.insurance_fund
        self.run = False
        self.units, self.asleep = 1.0, 0.0  # all claims on the fund, and those of depositors who have not asked
        self.queue: list[tuple[int, float]] = []  # tick in which claims leave, and how many
        if insurance.depositors is not None:
            self.asleep = insurance.depositors.deposited_share

    def open(self, prices: np.ndarray) -> None:
        """What depends on open interest (longs) at prices [A] of time zero."""
        insurance = self.insurance
        longs = np.array([sum(max(size, 0.0) for size in self.book.size[:, a]) for a in range(len(prices))])
        longs = notional(self.rules, longs, prices)
        parts = longs if insurance.shares is None else per_market(insurance.shares, self.markets, "shares")
        share = parts / parts.sum() if parts.sum() > 0 else np.full(len(prices), 1 / len(prices))
        income = (insurance.income_usd_per_day or 0.0) * share
        if insurance.turnover_per_day is not None:
            turnover = per_market(insurance.turnover_per_day, self.markets, "turnover")
            income = income + turnover * longs * (insurance.trading_fee or 0.0) * (insurance.fee_share or 0.0)
        if self.by_market:
            self.share, self.per_day = share, income
            self.flow, self.paid = np.zeros(len(share)), np.zeros(len(share))
            self.depleted, self.drawdown = [False] * len(share), np.zeros(len(share))
        else:
            self.per_day = np.array([income.sum()])
        self.peaks = self.balance.copy()

    @property
    def balance(self) -> np.ndarray:
        """USD [G]."""
        return self.rules.insurance_fund * self.share + self.flow

    def start_tick(self, k: int, step: float) -> float:
        """Income and withdrawals of tick k; USD that flow in, net."""
        before = float(self.flow.sum())
        self.flow = self.flow + self.per_day * step / DAY
        within = self.insurance.paid_within_seconds
        if within is not None and math.floor((k - 1) * step / within) != math.floor((k - 2) * step / within):
            self.paid = np.zeros_like(self.paid)
        if self.insurance.depositors is not None:
            self._withdraw(self.insurance.depositors, k, step)
        self.see(np.zeros_like(self.flow))
        return float(self.flow.sum()) - before

    def see(self, inflow: np.ndarray) -> None:
        """Peaks after an ``inflow`` [G]. Reading: they are looked at once income came and depositors left, and before
        funds pay.
        """
        self.peaks = np.maximum(self.peaks, self.balance + inflow)

    def _withdraw(self, terms: Any, k: int, step: float) -> None:
        """Who is due leaves with their share of what there is; then those ask who have not, if the run is on."""
        balance = float(self.balance[0])
        self.peak = max(self.peak, balance)
        self.run = self.run or balance < terms.starts_below * self.peak
        leaving = sum(units for due, units in self.queue if due == k)
        if leaving:
            amount = max(balance, 0.0) * leaving / self.units
            self.units -= leaving
            self.flow = self.flow - amount
            self.withdrawn += amount
        if self.run:
            asks = self.asleep * (1 - (1 - terms.leaves_per_day) ** (step / DAY))
            self.asleep -= asks
            self.queue.append((k + 1 + math.ceil(terms.delay_hours * 3600 / step - 1e-9), asks))

    def room(self, step: float) -> np.ndarray:
        """What each fund may still pay in this block [G]; blocks shorter than a tick are taken together."""
        insurance = self.insurance
        if insurance.paid_at_most_usd is None or insurance.paid_at_most_per == "account":
            return np.full(len(self.flow), math.inf)
        return np.maximum(self._most(step) - self.paid, 0.0)

    def largest(self, step: float) -> float:
        """Most that an account may get in this tick."""
        return float(self._most(step)) if self.insurance.paid_at_most_per == "account" else math.inf

    def _most(self, step: float) -> float | np.ndarray:
        """The limit, or that of each fund [G]."""
        most, within = self.insurance.paid_at_most_usd, self.insurance.paid_within_seconds
        if most is None:
            return math.inf
        if not isinstance(most, float):
            most = per_market(most, self.markets, "most")
        return most if within is None else most * max(1.0, step / within)
