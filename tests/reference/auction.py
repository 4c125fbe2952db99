"""Liquidators who take positions over at a discount to the oracle price: what they pay, and whether it pays."""

from __future__ import annotations

import numpy as np

from tests.reference.impact import mean_displacement
from tests.reference.rules import Rules
from tests.reference.state import Tick, Venue


def discount(rules: Rules, ticks: int, step_seconds: float) -> float:
    """Below (for shorts above) the oracle price, so many ticks after the account was first liquidatable."""
    numbers = rules.auction
    if rules.execution != "auction" or numbers is None:
        return 0.0
    minutes = ticks * step_seconds / 60
    if minutes < numbers.grace_minutes:
        return numbers.start_discount
    grown = (numbers.end_discount - numbers.start_discount) * minutes / numbers.minutes
    return min(numbers.start_discount + grown, numbers.end_discount)


def paid_prices(venue: Venue, oracle: np.ndarray, tick: Tick, step_seconds: float) -> np.ndarray:
    """USD per unit [N, A] that accounts get."""
    prices = np.zeros_like(venue.size)
    for n in range(len(venue.size)):
        rate = discount(venue.rules, tick.number - venue.first_seen.get(n, tick.number), step_seconds)
        prices[n] = oracle * (1 - np.sign(venue.size[n]) * rate)
    return prices


class Liquidators:
    """The liquidators of a round, one after the other. The book's price is the mean over all who came and who looks."""

    def __init__(self, venue: Venue, tick: Tick, paid: np.ndarray) -> None:
        self.venue, self.tick, self.paid = venue, tick, paid
        self.flow = np.zeros(len(tick.depth))  # units of those who came

    def gain(self, n: int, units: np.ndarray) -> float:
        """USD that ``units`` [A] of an account bring beyond what is paid for them."""
        tick, rules, total = self.tick, self.venue.rules, 0.0
        for a in np.flatnonzero(units):
            z = float(self.venue.z[a])
            end = z + (self.flow[a] + units[a]) * tick.fundamental[a] / tick.depth[a]
            price = tick.fundamental[a] * (1 + mean_displacement(z, end, rules))
            price *= 1 - np.sign(units[a]) * rules.half_spread_bps * 1e-4
            total += float(units[a] * (price - self.paid[n, a]))
        return total

    def come(self, units: np.ndarray) -> None:
        """One comes for ``units`` [A]."""
        self.flow = self.flow + units
