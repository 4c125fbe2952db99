"""Whose accounts are not liquidated because the index cannot be trusted, and when the venue does nothing at all."""

from __future__ import annotations

import math

import numpy as np

from tests.reference.clocks import first_and_end
from tests.reference.rules import Rules


class Guard:
    """Markets whose index is old, far from its mean, or uncertain.

    Reading: width is of all moves so far, each weighed by its age, that of this tick included. Age counts from the tick in which something was last published, whatever that was the price of; the mean is
    that of the ticks before.
    """

    def __init__(self, rules: Rules, initial: np.ndarray, step_seconds: float) -> None:
        self.rules, self.step = rules, step_seconds
        self.mean = [float(price) for price in initial]
        self.indices = [initial.copy()]  # at the start of every tick, [A]; entry 0 is time zero

    def blocked(self, k: int, index: np.ndarray, published: list[int]) -> list[bool]:
        """Whether each market is blocked in tick k; ``published`` [A] are the ticks of the last publications."""
        found = []
        self.indices.append(index.copy())
        for a in range(len(index)):
            old, far, wide = False, False, self._wide(a)
            if self.rules.stale_after_seconds is not None:
                old = (k - published[a]) * self.step > self.rules.stale_after_seconds + 1e-9
            if self.rules.divergence_limit is not None:
                half_life = self.rules.divergence_half_life_seconds
                assert half_life is not None
                far = abs(index[a] / self.mean[a] - 1) > self.rules.divergence_limit
                self.mean[a] += (1 - 0.5 ** (self.step / half_life)) * (float(index[a]) - self.mean[a])
            found.append(old or far or wide)
        return found

    def _wide(self, a: int) -> bool:
        """Whether the confidence interval of market ``a`` is too wide."""
        interval = self.rules.confidence
        if interval is None:
            return False
        fades, newest = 0.5 ** (self.step / interval.half_life_seconds), len(self.indices) - 1
        mean = sum((1 - fades) * fades ** (newest - k) * float(self.indices[k][a] / self.indices[k - 1][a] - 1) ** 2
                   for k in range(1, newest + 1))
        volatility = math.sqrt(mean * interval.half_life_seconds / self.step)  # of a half-life
        return interval.floor + interval.multiple * volatility > interval.limit


def stands_still(k: int, rules: Rules, step_seconds: float) -> bool:
    """Whether the venue does nothing in tick k."""
    spans = [first_and_end(start, hours, step_seconds) for start, hours in rules.outages]
    return any(first <= k < end for first, end in spans)
