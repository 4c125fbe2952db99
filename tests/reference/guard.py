"""Whose accounts are not liquidated because the index cannot be trusted, and when the venue does nothing at all."""

from __future__ import annotations

import numpy as np

from tests.reference.clocks import first_and_end
from tests.reference.rules import Rules


class Guard:
    """Markets whose index is old, or far from its mean.

    Reading: age counts from the tick in which something was last published, whatever that was the price of; the mean is
    that of the ticks before.
    """

    def __init__(self, rules: Rules, initial: np.ndarray, step_seconds: float) -> None:
        self.rules, self.step = rules, step_seconds
        self.mean = [float(price) for price in initial]

    def blocked(self, k: int, index: np.ndarray, published: list[int]) -> list[bool]:
        """Whether each market is blocked in tick k; ``published`` [A] are the ticks of the last publications."""
        found = []
        for a in range(len(index)):
            old, far = False, False
            if self.rules.stale_after_seconds is not None:
                old = (k - published[a]) * self.step > self.rules.stale_after_seconds + 1e-9
            if self.rules.divergence_limit is not None:
                half_life = self.rules.divergence_half_life_seconds
                assert half_life is not None
                far = abs(index[a] / self.mean[a] - 1) > self.rules.divergence_limit
                self.mean[a] += (1 - 0.5 ** (self.step / half_life)) * (float(index[a]) - self.mean[a])
            found.append(old or far)
        return found


def stands_still(k: int, rules: Rules, step_seconds: float) -> bool:
    """Whether the venue does nothing in tick k."""
    spans = [first_and_end(start, hours, step_seconds) for start, hours in rules.outages]
    return any(first <= k < end for first, end in spans)
