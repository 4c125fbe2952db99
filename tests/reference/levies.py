"""Socialised loss: by open profit, by equity, or the same for every contract."""

from __future__ import annotations

import numpy as np

from tests.reference import insurance
from tests.reference.check import Check
from tests.reference.settlement import Settlement
from tests.reference.state import Tick, Venue


def levy(venue: Venue, tick: Tick, check: Check, final: Settlement, rest: dict[int, float]) -> float:
    """Takes what deficit accounts still owe (``rest``) from others, as far as the rule reaches; USD that it got.

    The outside market is never levied, nor is a backstop.
    """
    loss = sum(rest.values())
    if venue.rules.levied_by == "contracts":
        amounts = _by_contracts(venue, check, final, rest)
    else:
        weight = _profits(venue, final.mark) if venue.rules.levied_by == "profit" else _means(venue, final.mark)
        total = float(weight.sum())
        amounts = weight * min(loss, total) / total if total > 0 else weight
    for n in np.flatnonzero(amounts):
        venue.cash[n] -= amounts[n]
        owner = venue.book.owners[venue.book.owner[n]]
        tick.socialised[owner] = tick.socialised.get(owner, 0.0) + float(amounts[n])
    return float(amounts.sum())


def _profits(venue: Venue, mark: np.ndarray) -> np.ndarray:
    """w = clip(open profit, 0, max(equity, 0)) [N]; that of the residual account is not limited by its equity."""
    profit = venue.profit(mark).sum(axis=1)
    limit = np.where(venue.book.residual, np.inf, np.maximum(venue.equity(mark), 0.0))
    return np.minimum(np.maximum(profit, 0.0), limit)


def _means(venue: Venue, mark: np.ndarray) -> np.ndarray:
    """Equity [N] of who holds a position; the residual account's is its notional, as at a leverage of one."""
    means = np.zeros(len(venue.cash))
    for n, equity in enumerate(venue.equity(mark)):
        notional = float((np.abs(venue.size[n]) * mark).sum())
        if notional > 0:
            means[n] = notional if venue.book.residual[n] else max(float(equity), 0.0)
    return means


def _by_contracts(venue: Venue, check: Check, final: Settlement, rest: dict[int, float]) -> np.ndarray:
    """Each market's loss over all units held in it, longs and shorts; without any, it stays."""
    amounts = np.zeros(len(venue.cash))
    owed = by_market(venue, check, final, rest)
    for a, loss in enumerate(owed):
        units = np.abs(venue.size[:, a])
        if units.sum() > 0:
            amounts += loss / units.sum() * units
    return amounts


def by_market(venue: Venue, check: Check, final: Settlement, rest: dict[int, float]) -> np.ndarray:
    """What is left [A]: of markets with funds of their own what these left; else by the requirement at the check."""
    if venue.funds is not None and venue.funds.by_market:
        return venue.funds.left.sum(axis=0)
    owed = np.zeros(len(venue.rules.markets))
    share = insurance.parts(venue, check, final)
    for n, amount in rest.items():
        owed += amount * share[n]
    return owed
