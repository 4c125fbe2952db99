"""ADL of winners whose profits are too much for the pool: position by position, from the rule."""

from __future__ import annotations

import numpy as np

from stress.config.markets import per_market
from tests.reference import ledger
from tests.reference.adl_policies import score
from tests.reference.check import Check
from tests.reference.contract import notional
from tests.reference.result import Result
from tests.reference.settlement import DUST, Fill
from tests.reference.state import Tick, Venue


def deleverage(venue: Venue, tick: Tick, check: Check, first_prices: np.ndarray, result: Result) -> None:
    """Both sides of all markets that trade, each for itself, as everybody stands at the tick's start.

    Reading: the part of profits that the pool pays is fixed before anybody is closed. Reading: whom that part would
    leave with less than nothing, over all sides that are deleveraged, keeps all positions.
    """
    if venue.rules.adl_pool is None or venue.rules.adl_policy == "none":
        return
    sides = {}
    for a in np.flatnonzero(~np.array(tick.halted)):
        for longs in (True, False):
            found = _excess(venue, check, int(a), longs, first_prices)
            if found is not None:
                sides[int(a), longs] = found
    cut = np.zeros(len(venue.cash))
    for (a, longs), (_, part) in sides.items():
        for n, gain in _in_profit(venue, check, a, longs).items():
            cut[n] += (1 - part) * gain
    safe = {n for n in range(len(cut)) if check.worth[n] > cut[n]}
    fills = [fill for (a, longs), (excess, part) in sides.items()
             for fill in _closed(venue, check, a, longs, excess, part, safe, tick.number)]
    for fill in fills:
        _book(venue, fill, result)
        tick.adl.append(ledger.row(venue, fill))
    result.adl_accounts += len({fill.account for fill in fills})


def _excess(venue: Venue, check: Check, a: int, longs: bool, first_prices: np.ndarray) -> tuple[float, float] | None:
    """USD of profit that has to go, and the part of it that is paid; None while the pool bears the side's profits."""
    pool = venue.rules.adl_pool
    assert pool is not None
    backing = float(per_market(pool.long_usd if longs else pool.short_usd, list(venue.rules.markets), "")[a])
    if longs:
        backing *= float(check.oracle[a] / first_prices[a])
    worth = backing - venue.paid_by_pool.get((a, longs), 0.0)
    profit = sum(_profit(venue, check, n, a) for n in _traders(venue, a, longs))
    if worth <= 0 or profit / worth <= pool.max_factor:
        return None
    part = 1.0 if pool.max_paid_factor is None else min(1.0, pool.max_paid_factor * worth / profit)
    # (profit - x) / (worth - part x) = target
    return (profit - pool.target_factor * worth) / (1 - part * pool.target_factor), part


def _traders(venue: Venue, a: int, longs: bool) -> list[int]:
    sign = 1 if longs else -1
    return [n for n in range(len(venue.cash)) if venue.size[n, a] * sign > 0 and not venue.book.residual[n]]


def _profit(venue: Venue, check: Check, n: int, a: int) -> float:
    return float(venue.size[n, a] * (check.oracle[a] - venue.book.entry[n, a]))


def _in_profit(venue: Venue, check: Check, a: int, longs: bool) -> dict[int, float]:
    gains = {n: _profit(venue, check, n, a) for n in _traders(venue, a, longs)}
    return {n: gain for n, gain in gains.items() if gain > 0}


def _closed(venue: Venue, check: Check, a: int, longs: bool, excess: float, part: float, safe: set[int], tick: int
            ) -> list[Fill]:
    """Winners one after the other, highest score first, or the same fraction of each."""
    gains = {n: gain for n, gain in _in_profit(venue, check, a, longs).items() if n in safe}
    given, left = {}, excess
    if venue.rules.adl_policy == "pro_rata":
        total = sum(gains.values())
        given = {n: gain * min(1.0, excess / total) for n, gain in gains.items()}
    else:
        for n in sorted(gains, key=lambda n: (-score(venue, check, n, a, tick), n)):
            given[n] = min(gains[n], left)
            left -= given[n]
    fills = []
    for n, gain in given.items():
        if gain > 0:
            entry = float(venue.book.entry[n, a])
            price = entry + part * (float(check.oracle[a]) - entry)
            fills.append(Fill(n, a, float(venue.size[n, a]) * gain / gains[n], price))
    return fills


def _book(venue: Venue, fill: Fill, result: Result) -> None:
    """The vault takes over what is closed."""
    n, a, units = fill.account, fill.market, fill.quantity
    note(venue, fill)
    venue.cash[n] += units * (fill.price - float(venue.book.entry[n, a]))
    left = venue.size[n, a] - units
    venue.size[n, a] = 0.0 if abs(left) <= DUST * abs(venue.size[n, a]) else left
    venue.vault_cash -= units * fill.price
    venue.vault_size[a] += units
    result.adl_notional += float(notional(venue.rules, units, fill.price, a))


def note(venue: Venue, fill: Fill) -> None:
    """Remembers what a trader gained, or lost, by what the pool closed of his."""
    if venue.book.residual[fill.account]:
        return
    key = fill.market, fill.quantity > 0
    gained = fill.quantity * (fill.price - float(venue.book.entry[fill.account, fill.market]))
    venue.paid_by_pool[key] = venue.paid_by_pool.get(key, 0.0) + float(gained)
