"""The price of the risk check, made from the index and the venue's own last price."""

from __future__ import annotations

import statistics

import numpy as np

from tests.reference.rules import Rules


class MarkPrice:
    """A market at a time; remembers the mean basis, last less index, in USD per unit.

    Reading: the basis is sampled once a tick, at its start: after the recovery and before anybody is closed.
    """

    def __init__(self, rules: Rules, step_seconds: float) -> None:
        self.rule = rules.mark_price
        self.basis = [0.0] * len(rules.markets)
        self.step = step_seconds

    def start_tick(self, index: np.ndarray, last: np.ndarray) -> None:
        """Half of what the mean was is out of it after a half-life."""
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
            case "ema":
                price = smooth
            case "median":
                price = statistics.median([index, smooth, last])
            case other:
                raise AssertionError(other)
        if self.rule.band is None:
            return price
        return max(index * (1 - self.rule.band), min(index * (1 + self.rule.band), price))
