"""The ladder case written from the rules, an account at a time: slow and obvious, to check the others against."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from benchmarks.case import IMPACT, Accounts, Case, Outcome


@dataclass
class Path:
    """One path: who has what."""

    case: Case
    cash: list[float]  # a position's own; what is left of its equity, or its deficit, once it is closed
    size: list[float]
    entry: list[float]
    fund: float
    z: float = 0.0
    keepers: float = 0.0
    outside: float = 0.0  # cash of whoever takes the other side of a liquidation
    depleted: bool = False
    drawdown: float = 0.0
    deficits: list[float] = field(default_factory=list)
    fills: list[float] = field(default_factory=list)  # USD
    most_rounds: int = 0  # in one tick

    def equity(self, n: int, price: float) -> float:
        """Equity of an account."""
        return self.cash[n] + self.size[n] * (price - self.entry[n])

    def total_cash(self) -> float:
        """Cash of all parties, positions at cost: trades, fees and payments only move it around."""
        return self.cost() + self.fund + self.keepers + self.outside

    def cost(self) -> float:
        """Cash of the accounts less what their open positions cost."""
        return sum(c - s * e for c, s, e in zip(self.cash, self.size, self.entry, strict=True))


def displacement(case: Case, z: float) -> float:
    """Relative distance of the mark from the fundamental price."""
    return -float(np.sign(z)) * min(IMPACT * abs(z), case.cap)


def mean_displacement(case: Case, start: float, end: float) -> float:
    """Mean of the displacement between two flows: pieces between the kinks, on which it is linear."""
    if start == end:
        return displacement(case, start)
    knee = case.cap / IMPACT
    low, high = min(start, end), max(start, end)
    points = [low, *(k for k in (-knee, knee) if low < k < high), high]
    area = sum((b - a) * (displacement(case, a) + displacement(case, b)) / 2 for a, b in pairwise(points))
    return area / (high - low)


def liquidatable(path: Path, mark: float) -> list[int]:
    """Accounts with a position and less equity than the requirement, strictly."""
    rate = path.case.maintenance
    return [n for n, s in enumerate(path.size) if s != 0 and path.equity(n, mark) < rate * abs(s) * mark]


def close(path: Path, who: list[int], fundamental: float) -> None:
    """One round: trade, fees, deficits, and the fund pays what it can."""
    case = path.case
    flow = sum(path.size[n] for n in who)
    end = path.z + flow * fundamental / case.depth
    price = fundamental * (1.0 + mean_displacement(case, path.z, end))
    path.z, path.outside = end, path.outside - flow * price
    deficits = 0.0
    for n in who:
        notional, equity = abs(path.size[n]) * price, path.equity(n, price)
        fee = min(case.fee * notional, max(equity, 0.0))
        path.cash[n], path.size[n] = equity - fee, 0.0
        path.keepers += case.keeper_share * fee
        path.fund += (1.0 - case.keeper_share) * fee
        path.fills.append(notional)
        deficits += max(-path.cash[n], 0.0)
    pay_deficits(path, who, deficits)


def pay_deficits(path: Path, who: list[int], deficits: float) -> None:
    """The fund, its balance after the round's fees, pays pro rata as far as it goes."""
    path.deficits.append(deficits)
    path.depleted |= deficits > path.fund
    path.drawdown = max(path.drawdown, deficits - (path.fund - path.case.fund))
    paid = min(max(path.fund, 0.0), deficits)
    path.fund -= paid
    for n in who:
        if path.cash[n] < 0:
            path.cash[n] *= 1.0 - paid / deficits


def simulate_path(case: Case, accounts: Accounts, prices: np.ndarray) -> Path:
    """Push one price path [T + 1] through the venue; asserts that cash is conserved after every round."""
    path = Path(case, accounts.margin.tolist(), accounts.size.tolist(), accounts.entry.tolist(), case.fund)
    gross = float(np.abs(accounts.size * accounts.entry).sum())
    before = path.total_cash()
    for fundamental in prices[1:].tolist():
        path.z *= case.decay
        before_tick = len(path.deficits)
        while who := liquidatable(path, fundamental * (1.0 + displacement(case, path.z))):
            close(path, who, fundamental)
            assert abs(path.total_cash() - before) <= 1e-12 * gross, "cash is not conserved"
        path.most_rounds = max(path.most_rounds, len(path.deficits) - before_tick)
    return path


def simulate_given(case: Case, accounts: Accounts, prices: np.ndarray) -> Outcome:
    """All paths [P, T + 1]."""
    done = [simulate_path(case, accounts, path) for path in prices]
    return Outcome(
        depleted=np.array([path.depleted for path in done], float),
        drawdown=np.array([path.drawdown for path in done]),
        bad_debt=np.array([sum(path.deficits) for path in done]),
        liquidated_notional=np.array([sum(path.fills) for path in done]),
        liquidated_accounts=np.array([len(path.fills) for path in done], float),
    )
