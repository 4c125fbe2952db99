"""The book: margin accounts and their positions at time zero, as host arrays."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from stress.protocol.margin.health import unrealised_pnl
from stress.protocol.margin.weights import held_back


@dataclass(frozen=True)
class Book:
    """All margin accounts. Axes: ``A`` markets, ``N`` margin accounts, ``O`` owners (named accounts).

    A margin account is the unit that is liquidated: one isolated position, or one cross wallet with all its
    positions. An owner with both has several margin accounts. Every market's sizes sum to zero.
    """

    markets: tuple[str, ...]  # [A]
    owners: tuple[str, ...]  # [O] account names as the user wrote them
    owner: np.ndarray  # [N] int, index into owners
    isolated: np.ndarray  # [N] bool
    residual: np.ndarray  # [N] bool, the account that balances longs and shorts: never liquidated
    size: np.ndarray  # [N, A] float64 base units, long > 0
    entry: np.ndarray  # [N, A] float64 USD per unit, 0 where there is no position
    cash: np.ndarray  # [N] float64 USD: cross wallet or isolated margin
    notes: tuple[str, ...] = ()  # what the report must say about this book
    coins: np.ndarray | None = None  # [N, A] float64 base units of collateral; None: all of it is cash
    counted: np.ndarray | None = None  # [N, A] float64 base units of it that count as margin
    gain_weight: np.ndarray | None = None  # [A] share of unrealised gains that counts as margin; None: all of them

    @property
    def accounts(self) -> int:
        """Margin accounts, N."""
        return len(self.cash)

    def digest(self) -> str:
        """A name for what is in it: the same for the same accounts in the same order."""
        hashed = hashlib.sha256("\0".join((*self.markets, "", *self.owners)).encode())
        arrays = (self.owner, self.isolated, self.residual, self.size, self.entry, self.cash, self.coins, self.counted)
        for array in arrays:
            hashed.update(b"none" if array is None else np.ascontiguousarray(array).tobytes())
        return hashed.hexdigest()[:16]

    @property
    def quote(self) -> np.ndarray:
        """Quote balances [N] in USD: equity at prices of zero."""
        return self.cash - (self.size * self.entry).sum(1)

    @property
    def wallets(self) -> np.ndarray:
        """Collateral of cross accounts [N] in USD; isolated margin and the residual account's cash are none."""
        return np.where(self.isolated | self.residual, 0.0, self.cash)

    def open_interest(self, prices: np.ndarray) -> np.ndarray:
        """One-sided open interest [A] in USD at prices [A]."""
        return np.where(self.size > 0, self.size, 0.0).sum(0) * prices

    def equity(self, prices: np.ndarray) -> np.ndarray:
        """Equity [N] in USD at prices [A], coins at their full value."""
        equity = self.cash + (self.size * (prices - self.entry)).sum(1)
        return equity if self.coins is None else equity + (self.coins * prices).sum(1)

    def margin_equity(self, prices: np.ndarray) -> np.ndarray:
        """Equity [N] in USD at prices [A] that counts as margin: coins after their haircuts, gains at their weight."""
        equity = self.equity(prices)
        if self.coins is not None and self.counted is not None:
            equity = equity - ((self.coins - self.counted) * prices).sum(1)
        return equity if self.gain_weight is None else equity - self.held_back(prices).sum(1)

    def held_back(self, prices: np.ndarray) -> np.ndarray:
        """USD [N, A] of unrealised gains at prices [A] that do not count as margin."""
        if self.gain_weight is None:
            return np.zeros(self.size.shape)
        return held_back(unrealised_pnl(self.size, prices, self.entry), self.gain_weight)
