"""The ladder case: one market, one flat margin rate, full liquidation into a linear book, a fund. Numbers and a book.

The rules are those of docs/concepts/tick.md with everything else off. Every implementation here takes a case, a book
and prices [P, T + 1] (or a seed) and returns an :class:`Outcome`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

YEAR_SECONDS = 365.0 * 24 * 3600
IMPACT = 0.01
"""The move of the price at ``depth``."""


@dataclass(frozen=True)
class Case:
    """The venue and the market."""

    name: str = "ladder"
    accounts: int = 10_000
    steps: int = 1440
    step_seconds: float = 60.0
    price: float = 100.0  # USD at time zero
    volatility: float = 1.0  # per sqrt(year); the drift is zero
    maintenance: float = 0.01  # of notional
    fee: float = 0.005  # of executed notional
    keeper_share: float = 0.2  # of the fee
    interest: float = 1e8  # USD of open interest, one side
    fund: float = 2e4  # USD
    depth: float = 6e6  # USD that moves the price by 1 %
    cap: float = 0.3  # largest displacement
    half_life_minutes: float = 15.0  # of the displacement

    @cached_property
    def decay(self) -> float:
        """Share of the absorbed flow that is left after a tick."""
        return 0.5 ** (self.step_seconds / 60.0 / self.half_life_minutes)

    @cached_property
    def step_volatility(self) -> float:
        """Standard deviation of the log-return of a tick."""
        return self.volatility * (self.step_seconds / YEAR_SECONDS) ** 0.5


CASES = (Case(), Case(name="ladder_deep", depth=1e8))
"""One with cascades, where the fund runs dry on 30 % of the paths; one without, so liquidations are many and small."""


@dataclass(frozen=True)
class Accounts:
    """Isolated positions, longs first."""

    size: np.ndarray  # [N] base units, long > 0
    entry: np.ndarray  # [N] USD per unit
    margin: np.ndarray  # [N] USD of cash

    def __post_init__(self) -> None:
        assert (self.size[: self.longs] > 0).all(), "longs come first"

    @cached_property
    def longs(self) -> int:
        """Number of longs."""
        return int((self.size > 0).sum())

    @property
    def bankruptcy(self) -> np.ndarray:
        """Price [N] at which an account is worth nothing."""
        return self.entry - self.margin / self.size

    def triggers(self, maintenance: float) -> np.ndarray:
        """Prices [N] below which a long, above which a short is liquidatable."""
        return self.bankruptcy / (1.0 - np.sign(self.size) * maintenance)


@dataclass(frozen=True)
class Outcome:
    """What every path leaves: arrays [P]."""

    depleted: np.ndarray  # 0 or 1
    drawdown: np.ndarray  # USD
    bad_debt: np.ndarray  # USD
    liquidated_notional: np.ndarray  # USD
    liquidated_accounts: np.ndarray  # count


def make_accounts(case: Case, seed: int = 7) -> Accounts:
    """Heavy-tailed sizes, leverage log-uniform in 2 to 25 at the first price, entries within 1 % of it."""
    rng = np.random.default_rng(seed)
    half = case.accounts // 2
    units = np.concatenate([_side(rng, case, half), -_side(rng, case, case.accounts - half)])
    entry = case.price * rng.uniform(0.99, 1.01, case.accounts)
    leverage = np.exp(rng.uniform(np.log(2.0), np.log(25.0), case.accounts))
    margin = np.abs(units) * case.price / leverage - units * (case.price - entry)
    return Accounts(size=units, entry=entry, margin=margin)


def _side(rng: np.random.Generator, case: Case, accounts: int) -> np.ndarray:
    """Units of one side's accounts: Pareto with tail index 1.5, about 2 % of the side at most."""
    weight = 1.0 + rng.pareto(1.5, accounts)
    weight = np.minimum(weight, max(0.02 * accounts, 2.0) * 3.0)  # 3 is the mean
    return weight / weight.sum() * case.interest / case.price


def gbm_prices(case: Case, paths: int, seed: int = 1) -> np.ndarray:
    """Prices [P, T + 1] of the case's market, for answers that are to be compared."""
    deviation = case.step_volatility
    returns = np.random.default_rng(seed).normal(-0.5 * deviation**2, deviation, (paths, case.steps))
    return case.price * np.exp(np.concatenate([np.zeros((paths, 1)), np.cumsum(returns, axis=1)], axis=1))
