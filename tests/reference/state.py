"""The venue's balances, what is fixed within a tick, and the two conservation laws."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from stress.book.schema import Book
from tests.reference import coins, own_book
from tests.reference.contract import notional, worth
from tests.reference.funds import Funds
from tests.reference.impact import displacement
from tests.reference.rules import Rules

TOLERANCE = 1e-9
"""Largest break of a conservation law, relative to gross notional."""


@dataclass
class Venue:
    """All balances. Axes: ``A`` markets, ``N`` margin accounts. Entries never change; sizes only shrink."""

    rules: Rules
    book: Book
    cash: np.ndarray  # [N]
    size: np.ndarray  # [N, A]
    z: np.ndarray  # [A] absorbed flow in multiples of the depth
    outside_size: np.ndarray  # [A]
    outside_cash: float = 0.0  # quote balance
    fund_flow: float = 0.0  # W: the fund's net flow, apart from its initial size
    given_up: dict[int, float] = field(default_factory=dict)  # account: USD that ADL cost it, of who was deleveraged
    fund_peak: float = 0.0  # the most that the fund held at any time
    paid_by_pool: dict[tuple[int, bool], float] = field(default_factory=dict)  # market, longs: profit it closed, USD
    keepers: float = 0.0
    first_seen: dict[int, int] = field(default_factory=dict)  # account: tick since which it is liquidatable
    covered: dict[int, float] = field(default_factory=dict)  # account: USD of shortage covered since then
    liquidated: list[tuple[int, np.ndarray]] = field(default_factory=list)  # tick, units [A] through book or backstop
    last_closed: dict[int, int] = field(default_factory=dict)  # account: tick in which a part of it was last closed

    coins: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))  # [N, A] collateral besides cash
    outside_coins: np.ndarray = field(default_factory=lambda: np.zeros(0))  # [A]
    coin_proceeds: float = 0.0  # USD
    vault_cash: float = 0.0  # quote balance of the backstop, apart from its capital
    vault_size: np.ndarray = field(default_factory=lambda: np.zeros(0))  # [A]
    vault_low: float = 0.0  # the least it was worth at the start of a tick
    taken_over: float = 0.0  # USD
    funds: Funds | None = None  # where insurance has rules of its own
    withdrawn: float = 0.0  # USD that traders took out of their accounts
    stake: np.ndarray = field(default_factory=lambda: np.zeros(0))  # [N] USD of cash at time zero that they did not
    wallet: np.ndarray = field(default_factory=lambda: np.zeros(0))  # [N] collateral of cross accounts, at its peg
    peg: float = 1.0  # USD that it is worth

    @classmethod
    def open(cls, book: Book, rules: Rules) -> Venue:
        """The venue at time zero."""
        zeros = np.zeros(len(rules.markets))
        owned = np.zeros_like(book.size) if book.coins is None else book.coins.astype(float)
        return cls(rules, book, book.cash.astype(float), book.size.astype(float), zeros.copy(), zeros.copy(),
                   vault_size=zeros.copy(), funds=None if rules.insurance is None else Funds(rules, book),
                   fund_peak=rules.insurance_fund, coins=owned, outside_coins=zeros.copy(),
                   stake=book.cash.astype(float), wallet=book.wallets.astype(float))

    @property
    def fund(self) -> float:
        """Balance of the insurance fund."""
        return self.rules.insurance_fund + self.fund_flow

    def vault_worth(self, prices: np.ndarray) -> float:
        """Profit and loss of the backstop at prices [A]."""
        return self.vault_cash + float((self.vault_size * worth(self.rules, prices)).sum())

    def displacements(self) -> np.ndarray:
        """X [A]."""
        if self.rules.by_own_book():
            skew = own_book.skew(self.book, self.size)
            return np.array([own_book.displacement(self.rules, a, units) for a, units in enumerate(skew)])
        return np.array([displacement(z, self.rules) for z in self.z])

    def equity(self, prices: np.ndarray) -> np.ndarray:
        """Equity [N] at prices [A], coins at their full value."""
        return self.cash + self.profit(prices).sum(axis=1) + coins.value(self, prices)

    def profit(self, prices: np.ndarray) -> np.ndarray:
        """Open profit [N, A] at prices [A]."""
        return self.size * (worth(self.rules, prices) - worth(self.rules, self.book.entry))

    def margin_equity(self, prices: np.ndarray) -> np.ndarray:
        """Equity [N] at prices [A], coins and gains as far as they count."""
        whole = self.equity(prices) - coins.value(self, prices) + coins.margin(self, prices)
        return whole - self.not_counted(prices).sum(axis=1)

    def not_counted(self, prices: np.ndarray) -> np.ndarray:
        """Open profit [N, A] at prices [A] that is no margin: a part of every position that gains; losses count whole."""
        profit, left = self.profit(prices), np.zeros(self.size.shape)
        for a, weight in enumerate(self.rules.gain_weight):
            left[:, a] = np.where(profit[:, a] > 0, (1 - weight) * profit[:, a], 0.0)
        return left


@dataclass
class Tick:
    """What stays fixed within a tick, and what its rounds share."""

    number: int  # k = 1 .. T
    fundamental: np.ndarray  # [A] S
    depth: np.ndarray  # [A] D in USD
    halted: list[bool]  # [A]
    capacity_left: float  # USD at the oracle price that keepers can still take
    move: float = 0.0  # largest relative move of a mark since the last tick
    acted: set[int] = field(default_factory=set)
    in_part: int = 0  # accounts of which the rule closes a part, each counted once a round
    liquidations: list[dict] = field(default_factory=list)  # ledger rows
    adl: list[dict] = field(default_factory=list)
    socialised: dict[str, float] = field(default_factory=dict)


class Conservation:
    """Quote balances and contracts, summed over every party, never change.

    An account's quote balance is cash - sum(size * entry): closing c units of a long at p adds c p to it, and the
    outside market or an ADL'd winner pays the same c p. Of inverse contracts it is -c/p, for cash + sum(size / entry).
    """

    def __init__(self, venue: Venue, prices: np.ndarray) -> None:
        self.prices = prices
        self.gross = math.fsum(notional(venue.rules, venue.size, prices).ravel())
        self.cash0, self.contracts0 = self._cash(venue), self._contracts(venue)
        self.coins0 = venue.coins.sum(axis=0)
        self.cash_residual = self.contracts_residual = 0.0

    def check(self, venue: Venue) -> None:
        """Asserts both laws."""
        if self.gross == 0:
            return
        cash = abs(self._cash(venue) - self.cash0) / self.gross
        contracts = float(notional(venue.rules, self._contracts(venue) - self.contracts0, self.prices).max()) / self.gross
        self.cash_residual = max(self.cash_residual, cash)
        self.contracts_residual = max(self.contracts_residual, contracts)
        assert cash <= TOLERANCE, f"cash not conserved: {cash:.3g} of gross notional"
        there = venue.coins.sum(axis=0) + venue.outside_coins
        np.testing.assert_allclose(there, self.coins0, rtol=TOLERANCE, err_msg="coins not conserved")
        assert contracts <= TOLERANCE, f"contracts not conserved: {contracts:.3g} of gross notional"

    @staticmethod
    def _cash(venue: Venue) -> float:
        accounts = [*venue.cash, *(-venue.size * worth(venue.rules, venue.book.entry)).ravel()]
        return math.fsum([*accounts, venue.fund_flow, venue.keepers, venue.outside_cash, venue.vault_cash,
                          venue.withdrawn])

    @staticmethod
    def _contracts(venue: Venue) -> np.ndarray:
        return venue.size.sum(axis=0) + venue.outside_size + venue.vault_size
