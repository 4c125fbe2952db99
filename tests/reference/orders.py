"""Liquidation orders: what they want, at what limit, and what the book fills of it."""

from __future__ import annotations

import numpy as np

from tests.reference.auction import paid_prices
from tests.reference.check import Check
from tests.reference.contract import price_without, usd
from tests.reference.impact import displacement
from tests.reference.settlement import DUST, Orders
from tests.reference.state import Tick, Venue


def place(venue: Venue, check: Check, tick: Tick, shares: dict[int, np.ndarray], step_seconds: float) -> Orders:
    """Orders for ``shares`` [A] of the positions of accounts; with a limit they are filled as far as the book allows.

    What is not filled waits; of a bankrupt account that gets nothing at all it is left to ADL.
    """
    wanted = np.zeros_like(venue.size)
    for n, share in shares.items():
        wanted[n] = share * venue.size[n]
    bankruptcy = bankruptcy_prices(venue, check)
    nothing = np.zeros_like(wanted)
    if venue.rules.limit_price is None:
        paid = paid_prices(venue, check.oracle, tick, step_seconds) if venue.rules.execution == "auction" else None
        return Orders(wanted, nothing, bankruptcy, list(shares), paid=paid)
    limit = _limits(venue, check, bankruptcy)
    filled = np.stack([_filled(venue, tick, a, wanted[:, a], limit[:, a]) for a in range(len(tick.depth))], axis=1)
    deleverages = "adl" in venue.rules.waterfall and venue.rules.adl_policy != "none"
    left = wanted - filled
    left[np.abs(left) <= DUST * np.abs(venue.size)] = 0.0
    stranded, done = nothing.copy(), []
    for n in shares:
        if deleverages and not filled[n].any() and check.worth[n] < 0:
            stranded[n] = left[n]
        if filled[n].any() or not left[n].all():
            done.append(n)
    return Orders(wanted - left, stranded, bankruptcy, done, left)


def bankruptcy_prices(venue: Venue, check: Check) -> np.ndarray:
    """Prices [N, A] at which closing leaves the rest of an account with its share of equity, by requirement."""
    prices = np.broadcast_to(check.oracle, venue.size.shape).copy()
    for n, a in np.argwhere(venue.size != 0):
        part = check.requirement[n, a] / check.requirement[n].sum()
        owed = float(check.worth[n] * part)
        prices[n, a] = price_without(venue.rules, float(prices[n, a]), float(venue.size[n, a]), owed, int(a))
    return prices


def _limits(venue: Venue, check: Check, bankruptcy: np.ndarray) -> np.ndarray:
    """Worst prices [N, A]: below the oracle price for longs, above it for shorts, or better."""
    rules = venue.rules
    if rules.limit_price == "bankruptcy":
        return bankruptcy
    limit = np.broadcast_to(check.oracle, venue.size.shape).copy()
    for n, a in np.argwhere(venue.size != 0):
        sign = float(np.sign(venue.size[n, a]))
        if rules.limit_price == "discount":
            limit[n, a] *= 1 - sign * (rules.limit_discount or 0.0)
        else:
            distress = (rules.limit_adjustment or 1.0) * (1 - check.worth[n] / check.requirement[n].sum())
            own = check.requirement[n, a] / (abs(venue.size[n, a]) * check.oracle[a])
            limit[n, a] *= 1 - sign * min(max(distress, 0.0), 1.0) * (rules.limit_spread or 0.0) * own
    return limit


def _filled(venue: Venue, tick: Tick, a: int, wanted: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """What is filled [N]: the book ends at the one price at which those that accept it sum up to the flow to it.

    Found by halving. Who does not accept the first price has to wait for another round. Reading: where the last price
    is several orders' limit, they share what is left in proportion.
    """
    def accept(z: float, near: float = 0.0) -> np.ndarray:
        price = tick.fundamental[a] * (1 + displacement(z, venue.rules))
        half = venue.rules.half_spread_bps * 1e-4
        return np.where(wanted > 0, price * (1 - half) >= limit * (1 - near), price * (1 + half) <= limit * (1 + near))

    unit, start = usd(venue.rules, tick.fundamental[a]) / tick.depth[a], float(venue.z[a])
    wanted = np.where(accept(start, near=1e-11), wanted, 0.0)
    reach = float(np.abs(wanted).sum()) * unit + 1e-9
    low, high = start - reach, start + reach
    for _ in range(200):
        middle = 0.5 * (low + high)
        if start + float((wanted * accept(middle)).sum()) * unit > middle:
            low = middle
        else:
            high = middle
    sure = wanted * (accept(low) & accept(high))
    rest = high - start - float(sure.sum()) * unit
    edge = np.where(accept(low) != accept(high), wanted, 0.0)
    edge = np.where(edge * rest > 0, edge, 0.0)
    part = min(1.0, abs(rest) / (abs(float(edge.sum())) * unit)) if edge.any() else 0.0
    return sure + part * edge
