"""Who is deleveraged first, or how much of each: one function a policy, an account at a time."""

from __future__ import annotations

import numpy as np

from tests.reference.check import Check
from tests.reference.contract import notional, worth
from tests.reference.draws import draw
from tests.reference.state import Venue


def score(venue: Venue, check: Check, n: int, a: int, tick: int) -> float:
    """Place in the queue of account ``n`` in market ``a``: higher comes first. Prices and equity at the mark."""
    size, entry, mark = float(venue.size[n, a]), float(venue.book.entry[n, a]), float(check.mark[a])
    now, before = float(worth(venue.rules, mark, a)), float(worth(venue.rules, entry, a))
    profit = (now - before) * float(np.sign(size)) / abs(before)
    match venue.rules.adl_policy:
        case "profit_leverage":
            return profit * leverage(venue, check, n)
        case "bitmex":
            return profit * leverage(venue, check, n) if profit > 0 else profit / leverage(venue, check, n)
        case "binance":
            return _binance(venue, check, n)
        case "hyperliquid":
            moved = mark / entry if size > 0 else entry / mark
            return moved * float(notional(venue.rules, size, mark, a)) / means(venue, check, n)
        case "position_size":
            return abs(size)
        case "random":
            return float(draw(venue.rules.adl_seed, tick, a, n))
    raise ValueError(venue.rules.adl_policy)


def means(venue: Venue, check: Check, n: int) -> float:
    """Equity that leverage is measured by; the residual account and who has none count as at a leverage of one."""
    equity = float(venue.equity(check.mark)[n])
    if venue.book.residual[n] or equity <= 0:
        return float(notional(venue.rules, venue.size[n], check.mark).sum())
    return equity


def leverage(venue: Venue, check: Check, n: int) -> float:
    """Notional of all positions over means."""
    return float(notional(venue.rules, venue.size[n], check.mark).sum()) / means(venue, check, n)


def _binance(venue: Venue, check: Check, n: int) -> float:
    profit = float(venue.profit(check.mark)[n].sum())
    ratio = float(check.requirement[n].sum()) / means(venue, check, n)
    wallet = float(venue.cash[n] + (venue.coins[n] * check.mark).sum())
    return max(0.0, profit) / max(1.0, wallet) * ratio


def parts(venue: Venue, check: Check, a: int, winners: list[int], need: float) -> dict[int, float]:
    """Units of every winner in market ``a``, ``need`` in all."""
    have = {n: abs(float(venue.size[n, a])) for n in winners}
    if need >= sum(have.values()):
        return have
    match venue.rules.adl_policy:
        case "pro_rata":
            return {n: units * need / sum(have.values()) for n, units in have.items()}
        case "pro_rata_profit":
            profit = venue.profit(check.mark)[:, a]
            return _by_weight(have, {n: abs(float(profit[n])) for n in winners}, need)
        case "water_filling":
            return _down_to_cap(have, {n: means(venue, check, n) for n in winners}, need)
    raise ValueError(venue.rules.adl_policy)


def _by_weight(have: dict[int, float], weight: dict[int, float], need: float) -> dict[int, float]:
    """In proportion to weights; who would give more than there is gives all, and the others share again."""
    given: dict[int, float] = {}
    while True:
        rest = {n: w for n, w in weight.items() if n not in given}
        rate = (need - sum(given.values())) / sum(rest.values()) if rest else 0.0
        over = [n for n, w in rest.items() if rate * w >= have[n]]
        if not over:
            return given | {n: rate * w for n, w in rest.items()}
        given |= {n: have[n] for n in over}


def _down_to_cap(have: dict[int, float], means: dict[int, float], need: float) -> dict[int, float]:
    """What each has above a cap on units for a USD of means; the cap by bisection, then exactly for who is above."""
    low, high = 0.0, max(have[n] / means[n] for n in have)
    for _ in range(200):
        middle = (low + high) / 2
        above = sum(max(0.0, have[n] - middle * means[n]) for n in have)
        low, high = (middle, high) if above > need else (low, middle)
    over = [n for n in have if have[n] > high * means[n]]
    cap = (sum(have[n] for n in over) - need) / sum(means[n] for n in over) if over else high
    return {n: max(0.0, have[n] - cap * means[n]) if n in over else 0.0 for n in have}
