"""The backstop: whom it takes over, what they keep, and the sale of its inventory."""

from __future__ import annotations

import numpy as np

from tests.reference.check import Check
from tests.reference.contract import notional as value_of
from tests.reference.contract import price_without, usd, worth
from tests.reference.impact import average_price
from tests.reference.settlement import Fill
from tests.reference.state import Venue


def taken(venue: Venue, check: Check, accounts: list[int]) -> dict[int, float]:
    """What each of the accounts that it takes over keeps, in USD. It looks at its own worth once a round."""
    if venue.rules.backstop is None:
        return {}
    capital, below, bankrupt, charge, _ = venue.rules.backstop
    if capital is not None and capital + venue.vault_worth(check.oracle) <= 0:
        return {}
    kept = {}
    for n in accounts:
        worth = float(check.worth[n])
        if check.equity[n] < below * check.requirement[n].sum() and (bankrupt or worth >= 0):
            notional = float(value_of(venue.rules, venue.size[n], check.oracle).sum())
            kept[n] = 0.0 if charge is None else max(worth - min(charge * notional, worth), 0.0)
    return kept


def take(venue: Venue, kept: dict[int, float], check: Check) -> list[Fill]:
    """Moves the accounts to the vault. What one pays, coins at the oracle price included, is spread over its positions
    by notional. Reading: coins are sold at once, with those of the round, and what they bring is the vault's.
    """
    fills, rules, oracle = [], venue.rules, check.oracle
    for n, left in kept.items():
        size = venue.size[n].copy()
        quote = float(venue.cash[n] - (size * worth(rules, venue.book.entry[n])).sum())
        paid, value = float(check.worth[n]) - left, value_of(rules, size, oracle)
        for a in np.flatnonzero(size):
            price = price_without(rules, float(oracle[a]), float(size[a]), float(paid * value[a] / value.sum()), int(a))
            fills.append(Fill(n, int(a), float(size[a]), price))
        venue.vault_cash += quote - left
        venue.vault_size = venue.vault_size + size
        venue.size[n], venue.cash[n] = 0.0, left
    return fills


def sell(venue: Venue, fundamental: np.ndarray, depth: np.ndarray, halted: list[bool], step_seconds: float) -> None:
    """This tick's share of the inventory through the book."""
    if venue.rules.backstop is None or venue.rules.backstop[4] is None:
        return
    share = 1 - 2 ** (-step_seconds / (60 * venue.rules.backstop[4]))
    for a in np.flatnonzero(venue.vault_size):
        if halted[a]:
            continue
        flow = share * float(venue.vault_size[a])
        end = venue.z[a] + flow * usd(venue.rules, fundamental[a]) / depth[a]
        price = average_price(float(fundamental[a]), float(venue.z[a]), float(end), venue.rules)
        price *= 1 - np.sign(flow) * venue.rules.half_spread_bps * 1e-4
        venue.z[a] = end
        value = float(flow * worth(venue.rules, price, a))
        venue.vault_cash += value
        venue.vault_size[a] -= flow
        venue.outside_cash -= value
        venue.outside_size[a] += flow
