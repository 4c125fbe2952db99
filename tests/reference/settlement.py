"""A round's trades at given quantities: fills, fees, remainders and deficits, worked out on copies of the balances."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tests.reference.impact import displacement, mean_displacement
from tests.reference.state import Tick, Venue

DUST = 1e-12
"""A remainder below this share of a position is rounding: the position is gone."""


@dataclass(frozen=True)
class Fill:
    """A closed quantity (signed as the position that is closed: long > 0) at a price."""

    account: int
    market: int
    quantity: float
    price: float

    @property
    def notional(self) -> float:
        """USD."""
        return abs(self.quantity) * self.price


@dataclass(frozen=True)
class Matches:
    """Quantity that passes from deficit accounts to winners without touching the book."""

    losers: list[Fill] = field(default_factory=list)
    winners: list[Fill] = field(default_factory=list)


@dataclass
class Settlement:
    """Balances after a round's trades and fees, before anybody pays for a deficit."""

    cash: np.ndarray  # [N]
    size: np.ndarray  # [N, A]
    z: np.ndarray  # [A]
    mark: np.ndarray  # [A] after the walk
    sell: np.ndarray  # [A] price at which longs are closed
    buy: np.ndarray  # [A] price at which shorts are closed
    book: list[Fill]  # what the outside market takes
    matches: Matches
    fees: dict[int, float] = field(default_factory=dict)
    fund_fees: float = 0.0
    keeper_fees: float = 0.0
    remainders: float = 0.0
    deficits: dict[int, float] = field(default_factory=dict)  # USD > 0 of accounts that became flat

    @property
    def inflow(self) -> float:
        """USD that enters the fund before it pays."""
        return self.fund_fees + self.remainders


def settle(venue: Venue, tick: Tick, shares: dict[int, float], matches: Matches) -> Settlement:
    """Closes ``shares`` of the acting accounts: the matched part by ADL, the rest through the book."""
    matched = np.zeros_like(venue.size)
    for fill in matches.losers:
        matched[fill.account, fill.market] += fill.quantity
    to_book = np.zeros_like(venue.size)
    for n, share in shares.items():
        to_book[n] = share * venue.size[n] - matched[n]
    result = _walk(venue, tick, to_book)
    result.matches = matches
    for fill in [*matches.losers, *matches.winners, *result.book]:
        result.cash[fill.account] += fill.quantity * (fill.price - venue.book.entry[fill.account, fill.market])
        result.size[fill.account, fill.market] -= fill.quantity
    result.size[np.abs(result.size) <= DUST * np.abs(venue.size)] = 0.0
    _take_fees(venue, result, shares)
    _find_deficits(venue, result, shares)
    return result


def _walk(venue: Venue, tick: Tick, to_book: np.ndarray) -> Settlement:
    """The net flow walks the book; longs get the average less the half-spread, shorts pay it on top."""
    rules, half = venue.rules, venue.rules.half_spread_bps * 1e-4
    z, mark, walk = venue.z.copy(), np.zeros(len(venue.z)), np.zeros(len(venue.z))
    for a in range(len(z)):
        s = tick.fundamental[a]
        z[a] += to_book[:, a].sum() * s / tick.depth[a]
        walk[a] = s * (1 + mean_displacement(venue.z[a], z[a], rules))
        mark[a] = s * (1 + displacement(z[a], rules))
    sell, buy = walk * (1 - half), walk * (1 + half)
    book = [Fill(int(n), int(a), float(to_book[n, a]), float(sell[a] if to_book[n, a] > 0 else buy[a]))
            for n, a in np.argwhere(np.abs(to_book) > DUST * np.abs(venue.size))]
    return Settlement(venue.cash.copy(), venue.size.copy(), z, mark, sell, buy, book, Matches())


def _take_fees(venue: Venue, result: Settlement, shares: dict[int, float]) -> None:
    """fee = min(rate * notional, equity left), so a fee never makes a deficit; then what is left of closed accounts.

    Equity counts what was closed at its fill price and what remains at the new mark. ADL carries no fee.
    Reading: only liquidated accounts lose their remainder to the fund, not winners that ADL closed.
    """
    rules = venue.rules
    notional = dict.fromkeys(shares, 0.0)
    for fill in result.book:
        notional[fill.account] += fill.notional
    for n in shares:
        equity = result.cash[n] + (result.size[n] * (result.mark - venue.book.entry[n])).sum()
        fee = min(rules.fee * notional[n], max(float(equity), 0.0))
        result.fees[n] = fee
        result.cash[n] -= fee
        result.keeper_fees += rules.keeper_share * fee
        result.fund_fees += (1 - rules.keeper_share) * fee
        if rules.remaining_equity == "fund" and not result.size[n].any() and result.cash[n] > 0:
            result.remainders += float(result.cash[n])
            result.cash[n] = 0.0


def _find_deficits(venue: Venue, result: Settlement, shares: dict[int, float]) -> None:
    """A deficit is the negative cash of an account, liquidated or ADL'd, that became flat in this round."""
    for n in sorted({*shares, *(fill.account for fill in result.matches.winners)}):
        if not result.size[n].any() and result.cash[n] < 0:
            result.deficits[n] = -float(result.cash[n])
