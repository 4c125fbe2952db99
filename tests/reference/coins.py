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


def sell(venue: Venue, tick: Tick, result: Settlement, liquidated: list[int], to_vault: list[int]) -> None:
    """After the positions of a round: coins of who was liquidated and is flat, in one flow a market; all, or what is due.

    Reading: whom ADL leaves flat with debts sells them, too; without debts the coins stay with the account. Coins of
    accounts ``to_vault`` are all sold, for the backstop.
    """
    owners = [n for n in range(len(venue.cash))
              if n in to_vault
              or (venue.size[n].any() and not result.size[n].any() and (n in liquidated or result.cash[n] < 0))]
    parts = dict.fromkeys(owners, 1.0)
    if venue.rules.coin_sale == "debt":
        parts = _needed(venue, tick, result, owners, liquidated, to_vault)
    for a in range(len(venue.rules.markets)):
        units = {n: float(venue.coins[n, a]) * parts[n] for n in owners if venue.coins[n, a] > 0 and parts[n] > 0}
        if not units:
            continue
        price, end = _price(venue, tick, result, a, sum(units.values()))
        for n, sold in units.items():
            if n in to_vault:
                result.vault_coins += sold * price
            else:
                result.cash[n] += sold * price
            result.coins[n, a] -= sold
            result.coin_sales.append((n, a, sold, float(price)))
        result.z[a] = end
        result.displaced[a] = displacement(end, venue.rules)
        result.mark[a] = tick.fundamental[a] * (1 + displacement(end, venue.rules))


def _price(venue: Venue, tick: Tick, result: Settlement, a: int, units: float) -> tuple[float, float]:
    """Average price of so many coins of market ``a``, and the flow absorbed then."""
    s = tick.fundamental[a]
    end = result.z[a] + units * s / tick.depth[a]
    half = venue.rules.half_spread_bps * 1e-4
    return s * (1 + mean_displacement(result.z[a], end, venue.rules)) * (1 - half), end


def _needed(venue: Venue, tick: Tick, result: Settlement, owners: list[int], liquidated: list[int], to_vault: list[int]
            ) -> dict[int, float]:
    """Share of its coins that each owner has to sell for its debt and the fee of its fills, and a billionth more.

    Reading: of every coin the same share. What is enough at a price is worked out at the price that selling so much
    brings, from all coins downwards, until nothing changes.
    """
    due = {}
    for n in owners:
        closed = sum(fill.notional(venue.rules) for fill in result.book if fill.account == n and n in liquidated)
        due[n] = max(venue.rules.fee * closed - float(result.cash[n]), 0.0) * (1 + 1e-9)
        if n in to_vault:
            due[n] = math.inf
    parts = dict.fromkeys(owners, 1.0)
    for _ in range(500):
        flow = [sum(parts[n] * float(venue.coins[n, a]) for n in owners) for a in range(len(venue.rules.markets))]
        prices = np.array([_price(venue, tick, result, a, units)[0] for a, units in enumerate(flow)])
        worth = {n: float((venue.coins[n] * prices).sum()) for n in owners}
        new = {n: min(1.0, due[n] / worth[n]) if worth[n] > 0 else 1.0 for n in owners}
        if new == parts:
            break
        parts = new
    return parts
