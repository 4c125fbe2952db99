"""A perp position is reduced and its profit is settled only as far as the account's health needs it.

A venue weighs tokens (less than their price as assets, more as debts) and perp positions: unweighted, the position's
profit is its quote plus its base at a price with a weight of its own. Positive, it counts with an overall weight, and
what it counts is added to the token it settles in. Profit that a liquidator buys becomes tokens, less a fee. Source:
Mango v4 ``instructions/perp_liq_base_or_positive_pnl.rs``, ``health/cache.rs``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import jax

from stress.protocol.margin.base import Values, namespace
from stress.protocol.rounding import round_up

ENOUGH = -0.5
"""USD of health with which the last step is content."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Terms:
    """Numbers of a market, arrays [...] all: prices in USD, weights and fees decimal."""

    price: Values  # of a unit of base
    asset_weight: Values  # of a long position's base
    liability_weight: Values  # of a short position's base
    overall_weight: Values  # of positive profit
    base_fee: Values  # of taking base over
    settle_fee: Values  # of buying profit
    asset_price: Values  # weighted, of a token that is owned
    debt_price: Values  # weighted, of a token that is owed
    lot: float = field(default=0.0, metadata={"static": True})  # base units that are closed at once, zero for any


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Account:
    """What is liquidated, arrays [...] all."""

    base: Values  # units, signed
    quote: Values  # tokens
    token: Values  # balance of the token it settles in
    other: Values  # USD, health of all else


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Reduction:
    """How far the steps have come; profit, tokens and health are as the venue weighs them."""

    base: Values  # units closed, >= 0
    settled: Values  # tokens of profit that were bought
    profit: Values  # tokens, weighted but for the overall weight
    balance: Values  # tokens, weighted profit included
    health: Values  # USD


def taken_to_zero(health: Values, balance: Values, asset_price: Values, debt_price: Values) -> Values:
    """Tokens [...] that can be taken from a ``balance`` [...] before health falls to zero."""
    xp = namespace(health)
    owned = xp.maximum(balance, 0.0)
    rest = health - owned * asset_price
    of_owned = xp.where(rest < 0, health / xp.where(asset_price > 0, asset_price, 1.0), owned)
    of_debt = xp.where(debt_price > 0, rest / xp.where(debt_price > 0, debt_price, 1.0), xp.inf)
    return xp.where(health > 0, of_owned + xp.where(rest > 0, of_debt, 0.0), 0.0)


def given_to_zero(health: Values, balance: Values, asset_price: Values, debt_price: Values) -> Values:
    """Tokens [...] that a ``balance`` [...] must be given before health rises to zero."""
    return taken_to_zero(-health, -balance, debt_price, asset_price)


def weighted(balance: Values, terms: Terms) -> Values:
    """Health [...] in USD of a balance of tokens."""
    return namespace(balance).where(balance > 0, balance * terms.asset_price, balance * terms.debt_price)


def start(account: Account, terms: Terms) -> Reduction:
    """Nothing reduced yet."""
    xp = namespace(account.base)
    weight = xp.where(account.base > 0, terms.asset_weight, terms.liability_weight)
    profit = account.quote + account.base * terms.price * weight
    balance = account.token + xp.where(profit > 0, profit * terms.overall_weight, profit)
    health = account.other + weighted(balance, terms)
    return Reduction(xp.zeros_like(health), xp.zeros_like(health), profit, balance, health)


def gain(account: Account, terms: Terms) -> Values:
    """Weighted profit [...] in tokens of each unit of base that is closed."""
    xp = namespace(account.base)
    long = terms.price * (1.0 - terms.base_fee - terms.asset_weight)
    return xp.where(account.base > 0, long, terms.price * (terms.liability_weight - 1.0 - terms.base_fee))


def reduce_base(
    done: Reduction, account: Account, terms: Terms, most: Values, limit: Values, expected: Values, actual: Values
) -> Reduction:
    """Close base until health is zero or ``limit`` [...] tokens are gained, if each of profit is worth ``expected``.

    What each is worth at once is ``actual``; lots are rounded up, ``most`` [...] units may be closed in all steps.
    """
    xp, profit = namespace(account.base), gain(account, terms)
    wanted = xp.minimum(given_to_zero(done.health, done.balance, terms.asset_price, terms.debt_price), limit)
    worth = profit * expected
    units = round_up(xp.where(worth > 0, wanted / xp.where(worth > 0, worth, 1.0), 0.0), terms.lot)
    room = xp.minimum(xp.abs(account.base), most) - done.base
    units = xp.clip(units, 0.0, xp.maximum(room, 0.0))
    moved = replace(done, base=done.base + units, profit=done.profit + units * profit)
    return rebalance(moved, terms, done.balance + units * profit * actual)


def settle(done: Reduction, terms: Terms, most: Values) -> Reduction:
    """Sell profit that is positive until health is zero, ``most`` [...] tokens of it in all steps."""
    xp, worth = namespace(done.profit), 1.0 - terms.settle_fee - terms.overall_weight
    wanted = given_to_zero(done.health, done.balance, terms.asset_price, terms.debt_price)
    most = xp.minimum(most - done.settled, done.profit)
    wanted = xp.where(worth > 0, wanted / xp.where(worth > 0, worth, 1.0), 0.0)
    sold = xp.maximum(xp.minimum(wanted, most), 0.0)
    moved = replace(done, settled=done.settled + sold, profit=done.profit - sold)
    return rebalance(moved, terms, done.balance + sold * worth)


def rebalance(done: Reduction, terms: Terms, balance: Values) -> Reduction:
    """Another balance, and the health it has."""
    health = done.health - weighted(done.balance, terms) + weighted(balance, terms)
    return replace(done, balance=balance, health=health)
