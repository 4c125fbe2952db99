"""Margin requirements that follow the market: the factor of every market, tick by tick."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from tests.reference.rates import SizeRate, Tiers
from tests.reference.rules import Rules


class Factors:
    """Reading: a factor is made from the index at the start of a tick, and kept until the next time it is due."""

    def __init__(self, rules: Rules, initial: np.ndarray, step_seconds: float) -> None:
        self.rules, self.step = rules, step_seconds
        self.indices = [initial.copy()]  # at the start of every tick, [A]; entry 0 is time zero
        self.factors = [1.0] * len(initial)

    def start_tick(self, k: int, index: np.ndarray) -> Rules:
        """The rules of tick k."""
        margin = self.rules.adaptive
        if margin is None:
            return self.rules
        self.indices.append(index.copy())
        every = 1 if margin.update_minutes is None else max(1, round(margin.update_minutes * 60 / self.step))
        if k % every == 0:
            self.factors = [self._staged() if margin.kind == "staged" else self._volatile(a)
                            for a in range(len(index))]
        return dataclasses.replace(self.rules, tiers=[
            times(tiers, factor) for tiers, factor in zip(self.rules.tiers, self.factors, strict=True)])

    def _volatile(self, a: int) -> float:
        """Root of the exponential mean of all squared returns, of which the reference stands before the first."""
        margin, years = self.rules.adaptive, self.step / (365 * 86400)
        assert margin is not None and margin.half_life_minutes is not None and margin.max_multiplier is not None
        reference = margin.reference_volatility
        assert isinstance(reference, float)
        decay, variance = 0.5 ** (self.step / 60 / margin.half_life_minutes), reference**2
        for before, now in zip(self.indices, self.indices[1:], strict=False):
            squared = math.log(now[a] / before[a]) ** 2 / years
            variance = decay * variance + (1 - decay) * squared
        return min(max(math.sqrt(variance) / reference, 1.0), margin.max_multiplier)

    def _staged(self) -> float:
        """By the largest move of any market from any index of the window before now."""
        margin = self.rules.adaptive
        assert margin is not None and margin.window_minutes is not None and margin.stages is not None
        ticks = max(1, round(margin.window_minutes * 60 / self.step))
        *before, now = self.indices
        moved = max(abs(float(now[a] / then[a]) - 1) for then in before[-ticks:] for a in range(len(now)))
        return max([1.0, *(stage.multiplier for stage in margin.stages if moved > stage.move)])


def times(margin: Tiers | SizeRate, factor: float) -> Tiers | SizeRate:
    """Rates times a factor."""
    if isinstance(margin, SizeRate):
        return dataclasses.replace(margin, base=factor * margin.base, growth=factor * margin.growth)
    return [(bound, factor * rate) for bound, rate in margin]
