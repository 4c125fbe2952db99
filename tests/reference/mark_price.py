"""The price of the risk check, made from the index and the venue's own last price."""

from __future__ import annotations

import math
import statistics

import numpy as np

from stress.config.oracle import StableConfig
from tests.reference.rules import Rules


class StablePrice:
    """Follows a price at a limited rate, the more limited the further it is from a delayed price.

    That is the mean price of an interval so many intervals ago, of which the means may change by so much from one to
    the next. Reading: a tick that ends in a new interval counts for the one before.
    """

    def __init__(self, price: float, limits: StableConfig) -> None:
        self.price, self.limits = price, limits
        self.means = [price] * limits.intervals  # one for each interval that is over, those before the start first
        self.seen: list[float] = []  # prices of this interval
        self.seconds = 0.0

    def follow(self, price: float, seconds: float) -> None:
        """A tick in which the price was this."""
        limits = self.limits
        before = math.floor(self.seconds / limits.interval_seconds)
        self.seconds += seconds
        self.seen.append(price)
        now = math.floor(self.seconds / limits.interval_seconds)
        if now > before:
            mean, last = sum(self.seen) / len(self.seen), self.means[-1]
            self.means.append(_near(mean, last, limits.delayed_growth))
            self.seen = []
        delayed = self.means[-limits.intervals]
        ratio = min(self.price / delayed, delayed / self.price)
        self.price = _near(price, self.price, limits.growth_per_second * ratio**2 * seconds)


def _near(target: float, last: float, share: float) -> float:
    return max(last * (1 - share), min(last * (1 + share), target))


class MarkPrice:
    """A market at a time; remembers the mean basis, last less index, in USD per unit.

    Reading: the basis is sampled once a tick, at its start: after the recovery and before anybody is closed.
    """

    def __init__(self, rules: Rules, initial: np.ndarray, step_seconds: float) -> None:
        self.rule = rules.mark_price
        self.basis = [0.0] * len(rules.markets)
        self.step = step_seconds
        limits = None if self.rule is None else self.rule.stable
        self.stable = [] if limits is None else [StablePrice(float(price), limits) for price in initial]

    def start_tick(self, index: np.ndarray, last: np.ndarray) -> None:
        """Half of what the mean was is out of it after a half-life."""
        if self.rule is not None and self.rule.stable is not None:
            for price, now in zip(self.stable, index, strict=True):
                price.follow(float(now), self.step)
        if self.rule is None or self.rule.half_life_seconds is None:
            return
        for a in range(len(index)):
            new = 1 - 0.5 ** (self.step / self.rule.half_life_seconds)
            self.basis[a] += new * (float(last[a] - index[a]) - self.basis[a])

    def price(self, index: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Prices [A] of the risk check when these are index and last price [A]."""
        return np.array([self._price(a, float(index[a]), float(last[a])) for a in range(len(index))])

    def _price(self, a: int, index: float, last: float) -> float:
        if self.rule is None:
            return index
        smooth = index + self.basis[a]
        match self.rule.kind:
            case "band":
                price = last
            case "stable":
                return self.stable[a].price
            case "ema":
                price = smooth
            case "median":
                price = statistics.median([index, smooth, last])
            case other:
                raise AssertionError(other)
        if self.rule.band is None:
            return price
        return max(index * (1 - self.rule.band), min(index * (1 + self.rule.band), price))
