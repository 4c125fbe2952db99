"""The cross case: cross accounts in several markets, a flat margin rate, full liquidation, linear books, one fund.

As in ``case.py``, every implementation takes a case, a book and prices [P, T + 1, A] (or a seed) and returns an
:class:`benchmarks.case.Outcome`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.case import Case


@dataclass(frozen=True)
class CrossCase(Case):
    """The ladder case in several markets; open interest and depth are each market's."""

    name: str = "cross"
    markets: int = 4
    correlation: float = 0.5  # between any two markets
    interest: float = 2.5e7
    depth: float = 1e6


CROSS = CrossCase()


@dataclass(frozen=True)
class CrossAccounts:
    """Cross accounts with a position in every market."""

    size: np.ndarray  # [A, N] base units, long > 0
    entry: np.ndarray  # [A, N] USD per unit
    cash: np.ndarray  # [N] USD

    @property
    def quote(self) -> np.ndarray:
        """Cash less what the positions cost [N]: equity is this plus the sum of size x price."""
        return self.cash - (self.size * self.entry).sum(0)

    def distance(self, maintenance: float) -> np.ndarray:
        """Sizes [A, N] by which prices count in equity less requirement."""
        return self.size - maintenance * np.abs(self.size)


def make_cross_accounts(case: CrossCase, seed: int = 7) -> CrossAccounts:
    """Pairs of accounts with opposite positions, four of five in an account's own direction.

    Heavy-tailed sizes, leverage log-uniform in 2 to 25.
    """
    rng = np.random.default_rng(seed)
    half = case.accounts // 2
    weight = (1.0 + rng.pareto(1.5, half)) * rng.dirichlet(np.ones(case.markets), half).T
    sign = rng.choice([-1.0, 1.0], half) * np.where(rng.random((case.markets, half)) < 0.8, 1.0, -1.0)
    weight = weight / weight.sum(1, keepdims=True) * sign
    size = weight * case.interest / case.price
    size = np.concatenate([size, -size], axis=1)
    entry = case.price * rng.uniform(0.99, 1.01, size.shape)
    leverage = np.exp(rng.uniform(np.log(2.0), np.log(25.0), 2 * half))
    equity = np.abs(size).sum(0) * case.price / leverage
    return CrossAccounts(size=size, entry=entry, cash=equity - (size * (case.price - entry)).sum(0))


def factor(case: CrossCase) -> np.ndarray:
    """Lower Cholesky factor [A, A] of the correlation."""
    one = np.full((case.markets, case.markets), case.correlation)
    np.fill_diagonal(one, 1.0)
    return np.linalg.cholesky(one)


def cross_prices(case: CrossCase, paths: int, seed: int = 1) -> np.ndarray:
    """Prices [P, T + 1, A] of the case's markets, for answers that are to be compared."""
    deviation = case.step_volatility
    normals = np.random.default_rng(seed).normal(size=(paths, case.steps, case.markets)) @ factor(case).T
    logs = np.cumsum(deviation * normals - 0.5 * deviation**2, axis=1)
    return case.price * np.exp(np.concatenate([np.zeros((paths, 1, case.markets)), logs], axis=1))
