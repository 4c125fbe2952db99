"""A round's trades at given quantities: fills, fees, remainders and deficits, worked out on copies of the balances."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from tests.reference import coins, own_book
from tests.reference.contract import notional as value_of
from tests.reference.contract import usd, worth
from tests.reference.impact import average_price, displacement
from tests.reference.rules import Rules
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

    def notional(self, rules: Rules) -> float:
        """USD, or coins."""
        return float(value_of(rules, self.quantity, self.price, self.market))

    def brings(self, rules: Rules, before: float) -> float:
        """What the contracts gain by this price instead of one ``before``."""
        now, then = (worth(rules, price, self.market) for price in (self.price, before))
        return float(self.quantity * (now - then))


@dataclass
class Orders:
    """What is closed in a round before ADL takes its share. Axes: ``N`` accounts, ``A`` markets."""

    quantity: np.ndarray  # [N, A] filled, signed as the position
    stranded: np.ndarray  # [N, A] not filled and left to ADL
    bankruptcy: np.ndarray  # [N, A] USD per unit
    accounts: list[int]  # that are closed in whole or part
    cut: np.ndarray | float = 0.0  # [N, A] not filled
    taken: np.ndarray | float = 0.0  # [A] longs less shorts that the backstop takes over
    to_vault: list[int] = field(default_factory=list)  # accounts that it takes over
    paid: np.ndarray | None = None  # [N, A] USD per unit that liquidators pay; None: accounts get the book's price


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
    left: dict[int, float] = field(default_factory=dict)  # what closed accounts leave to the fund
    coins: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))  # [N, A]
    coin_sales: list[tuple[int, int, float, float]] = field(default_factory=list)  # account, market, units, price
    vault_coins: float = 0.0  # USD that coins of accounts bring whom the backstop takes over
    displaced: np.ndarray = field(default_factory=lambda: np.zeros(0))  # [A] X at the mark
    liquidators_gain: float = 0.0  # what the book gave them less what they paid
    deficits: dict[int, float] = field(default_factory=dict)  # USD > 0 of accounts that became flat

    @property
    def remainders(self) -> float:
        """USD that all closed accounts leave to the fund."""
        return sum(self.left.values())

    @property
    def inflow(self) -> float:
        """USD that enters the fund before it pays."""
        return self.fund_fees + self.remainders


def settle(venue: Venue, tick: Tick, orders: Orders, matches: Matches) -> Settlement:
    """Closes what ``orders`` fill: the part of deficit accounts that is matched by ADL, the rest through the book."""
    matched = np.zeros_like(venue.size)
    for fill in matches.losers:
        matched[fill.account, fill.market] += fill.quantity
    to_book = orders.quantity - np.where(orders.stranded != 0, 0.0, matched)
    shares = orders.accounts
    result = _walk(venue, tick, to_book)
    result.matches = matches
    if orders.paid is not None:
        _through_liquidators(orders.paid, result)
    for fill in [*matches.losers, *matches.winners, *result.book]:
        result.cash[fill.account] += fill.brings(venue.rules, venue.book.entry[fill.account, fill.market])
        result.size[fill.account, fill.market] -= fill.quantity
    result.size[np.abs(result.size) <= DUST * np.maximum(np.abs(venue.size), _queues(venue, matches))] = 0.0
    if venue.rules.by_own_book():
        left = own_book.skew(venue.book, result.size) - orders.taken
        result.displaced = np.array([own_book.displacement(venue.rules, a, units) for a, units in enumerate(left)])
        result.mark = tick.fundamental * (1 + result.displaced)
    coins.sell(venue, tick, result, [*shares, *(fill.account for fill in matches.losers)], orders.to_vault)
    if venue.rules.settlement == "fill":
        _settle_fills(venue, orders, result)
    else:
        _take_fees(venue, result, shares)
        _find_deficits(venue, result, shares)
    if venue.rules.settlement == "fill" or venue.rules.limit_price is not None:
        _drop_rounding(venue, result)
    return result


def _queues(venue: Venue, matches: Matches) -> np.ndarray:
    """Units [N, A] of ADL in each market, of accounts that have a part in it: what is left of one is as exact as that."""
    fills = [*matches.losers, *matches.winners]
    units = np.zeros_like(venue.size)
    for fill in fills:
        units[fill.account, fill.market] = sum(abs(other.quantity) for other in fills if other.market == fill.market)
    return units


def _walk(venue: Venue, tick: Tick, to_book: np.ndarray) -> Settlement:
    """The net flow walks the book; longs get the average less the half-spread, shorts pay it on top."""
    rules, half = venue.rules, venue.rules.half_spread_bps * 1e-4
    z, mark, walk = venue.z.copy(), np.zeros(len(venue.z)), np.zeros(len(venue.z))
    for a in range(len(z)):
        s = tick.fundamental[a]
        z[a] += to_book[:, a].sum() * usd(rules, s) / tick.depth[a]
        walk[a] = average_price(float(s), float(venue.z[a]), float(z[a]), rules)
        if rules.by_own_book():
            start = float(own_book.skew(venue.book, venue.size)[a])
            walk[a] = own_book.fill(rules, a, float(s), start, float(to_book[:, a].sum()))
        mark[a] = s * (1 + displacement(z[a], rules))
    sell, buy = walk * (1 - half), walk * (1 + half)
    book = [Fill(int(n), int(a), float(to_book[n, a]), float(sell[a] if to_book[n, a] > 0 else buy[a]))
            for n, a in np.argwhere(np.abs(to_book) > DUST * np.abs(venue.size))]
    displaced = np.array([displacement(float(x), rules) for x in z])
    return Settlement(venue.cash.copy(), venue.size.copy(), z, mark, sell, buy, book, Matches(), displaced=displaced,
                      coins=venue.coins.copy())


def _through_liquidators(paid: np.ndarray, result: Settlement) -> None:
    """Accounts get ``paid`` [N, A] for what liquidators sell in the book."""
    for i, fill in enumerate(result.book):
        price = float(paid[fill.account, fill.market])
        result.liquidators_gain += fill.quantity * (fill.price - price)
        result.book[i] = replace(fill, price=price)


def _drop_rounding(venue: Venue, result: Settlement) -> None:
    """Who is closed at the bankruptcy price owes nothing but rounding: a billionth of the notional is no deficit."""
    for n, owed in list(result.deficits.items()):
        if owed <= 1e-9 * float(value_of(venue.rules, venue.size[n], result.mark).sum()):
            del result.deficits[n]


def _settle_fills(venue: Venue, orders: Orders, result: Settlement) -> None:
    """Each account's fills against its bankruptcy prices: what they bring beyond pays the fee, what they lack is a
    deficit, whether or not the account is flat."""
    rules = venue.rules
    for n in orders.accounts:
        fills = [fill for fill in result.book if fill.account == n]
        gain = sum(fill.brings(rules, float(orders.bankruptcy[n, fill.market])) for fill in fills)
        fee = min(rules.fee * sum(fill.notional(rules) for fill in fills), max(gain, 0.0))
        result.fees[n] = fee
        result.cash[n] -= fee
        result.keeper_fees += rules.keeper_share * fee
        result.fund_fees += (1 - rules.keeper_share) * fee
        if gain < 0:
            result.deficits[n] = -gain
        if rules.remaining_equity == "fund" and not result.size[n].any() and result.cash[n] > 0:
            result.left[n] = float(result.cash[n])
            result.cash[n] = 0.0


def _take_fees(venue: Venue, result: Settlement, shares: list[int]) -> None:
    """fee = min(rate * notional, equity left), so a fee never makes a deficit; then what is left of closed accounts.

    Equity counts what was closed at its fill price and what remains at the new mark. ADL carries no fee.
    Reading: only liquidated accounts lose their remainder to the fund, not winners that ADL closed.
    """
    rules = venue.rules
    notional = dict.fromkeys(shares, 0.0)
    for fill in result.book:
        notional[fill.account] += fill.notional(rules)
    for n in shares:
        equity = result.cash[n] + (result.size[n] * (worth(rules, result.mark) - worth(rules, venue.book.entry[n]))).sum()
        equity += (result.coins[n] * result.mark).sum()
        fee = min(rules.fee * notional[n], max(float(equity), 0.0))
        result.fees[n] = fee
        result.cash[n] -= fee
        result.keeper_fees += rules.keeper_share * fee
        result.fund_fees += (1 - rules.keeper_share) * fee
        if rules.remaining_equity == "fund" and not result.size[n].any() and result.cash[n] > 0:
            result.left[n] = float(result.cash[n])
            result.cash[n] = 0.0


def _find_deficits(venue: Venue, result: Settlement, shares: list[int]) -> None:
    """A deficit is the negative cash of an account, liquidated or ADL'd, that became flat in this round."""
    matched = (fill.account for fill in [*result.matches.losers, *result.matches.winners])
    for n in sorted({*shares, *matched}):
        if not result.size[n].any() and result.cash[n] < 0:
            result.deficits[n] = -float(result.cash[n])
