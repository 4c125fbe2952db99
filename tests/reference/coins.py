"""Collateral in coins: what it counts for, who sells it, and what the outside market pays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tests.reference.impact import displacement, mean_displacement

if TYPE_CHECKING:
    from tests.reference.settlement import Settlement
    from tests.reference.state import Tick, Venue


def weight(units: float, base: float, factor: float) -> float:
    """Share of its value that so many units count for; the more units, the less, but never more than the base."""
    return min(base, 1.1 / (1 + factor * math.sqrt(units)))


def value(venue: Venue, prices: np.ndarray) -> np.ndarray:
    """USD [N] that coins are worth."""
    return (venue.coins * prices).sum(axis=1)


def margin(venue: Venue, prices: np.ndarray) -> np.ndarray:
    """USD [N] that coins count for."""
    total = np.zeros(len(venue.cash))
    for n, a in np.argwhere(venue.coins > 0):
        base, factor = venue.rules.haircuts[a]
        total[n] += venue.coins[n, a] * weight(float(venue.coins[n, a]), base, factor) * prices[a]
    return total


def sell(venue: Venue, tick: Tick, result: Settlement, liquidated: list[int]) -> None:
    """After the positions of a round: all coins of who was liquidated and is flat, in one flow a market.

    Reading: whom ADL leaves flat with debts sells them, too; without debts the coins stay with the account.
    """
    owners = [n for n in range(len(venue.cash))
              if venue.size[n].any() and not result.size[n].any() and (n in liquidated or result.cash[n] < 0)]
    for a in range(len(venue.rules.markets)):
        units = {n: float(venue.coins[n, a]) for n in owners if venue.coins[n, a] > 0}
        if not units:
            continue
        s = tick.fundamental[a]
        end = result.z[a] + sum(units.values()) * s / tick.depth[a]
        price = s * (1 + mean_displacement(result.z[a], end, venue.rules)) * (1 - venue.rules.half_spread_bps * 1e-4)
        for n, sold in units.items():
            result.cash[n] += sold * price
            result.coins[n, a] = 0.0
            result.coin_sales.append((n, a, sold, float(price)))
        result.z[a] = end
        result.displaced[a] = displacement(end, venue.rules)
        result.mark[a] = s * (1 + displacement(end, venue.rules))
