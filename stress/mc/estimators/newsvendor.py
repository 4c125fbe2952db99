"""The newsvendor: how much to hold of what is dear to hold and dearer to lack (Arrow, Harris and Marschak 1951)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stress.mc.estimators.curve import fund_grid
from stress.mc.estimators.intervals import Interval
from stress.mc.estimators.means import mean
from stress.mc.estimators.paired import difference_of_means, mean_terms
from stress.mc.estimators.probabilities import probability
from stress.mc.estimators.quantiles import quantile
from stress.mc.estimators.sample import Sample, sample


@dataclass(frozen=True)
class Newsvendor:
    """Cost(F) = holding F + shortfall E[(D - F)^+] a period, D the drawdown of the fund in USD."""

    holding: float  # USD a period for each USD held
    shortfall: float  # USD for each USD lacking
    periods: float  # a year

    @property
    def tail(self) -> float:
        """Probability of depletion at the optimum: holding over shortfall, one less the critical ratio."""
        return self.holding / self.shortfall

    def optimum(self, drawdown: Sample, confidence: float) -> Interval:
        """The fund of least cost in USD: the (1 - tail)-quantile of the drawdown, with the interval of that."""
        if self.tail >= 1:
            return Interval(0.0, 0.0, 0.0, "holding costs as much as lacking, or more", drawdown.n)
        if self.tail == 0:
            reason = "money costs nothing, so no fund is too large"
            return Interval(None, None, None, "none", drawdown.n, reason)
        return quantile(drawdown, 1 - self.tail, confidence)

    def cost(self, fund: float, drawdown: Sample, confidence: float) -> Interval:
        """Expected cost in USD a year of a fund in USD."""
        short = Sample(np.maximum(drawdown.values - fund, 0.0), drawdown.weights, drawdown.failed)
        found, fixed = mean(short, confidence), self.holding * self.periods * fund
        estimate, low, high = (None if x is None else fixed + self.shortfall * self.periods * x
                               for x in (found.estimate, found.low, found.high))
        return Interval(estimate, low, high, found.method, found.n, found.reason)

    def curve(self, drawdown: Sample, points: int, funds: list[float],
              confidence: float) -> list[tuple[float, Interval]]:
        """Costs over funds of about as many ``points``, those of a list among them."""
        ordered = np.sort(drawdown.recorded().values)
        grid = np.union1d(fund_grid(ordered, 0.0, points), funds)
        return [(float(fund), self.cost(float(fund), drawdown, confidence)) for fund in grid]

    def excess(self, fund: float, other: float, drawdown: np.ndarray, confidence: float) -> Interval:
        """What ``fund`` costs more than ``other`` in USD a year, path by path, from drawdowns [P] (NaN unknown).

        What is held is certain; what is lacking differs on the paths that exceed the smaller fund, and where fewer
        than two do, its mean has no interval.
        """
        first, second = (mean_terms(self.periods * self.shortfall * np.maximum(drawdown - f, 0.0))
                         for f in (other, fund))
        found, fixed = difference_of_means(first, second, confidence).interval, fund - other
        if fixed == 0:
            return Interval(0.0, 0.0, 0.0, found.method, found.n)
        estimate, low, high = (None if x is None else x + self.holding * self.periods * fixed
                               for x in (found.estimate, found.low, found.high))
        return Interval(estimate, low, high, found.method, found.n, found.reason)


def price_of_shortfall(holding: float, fund: float, drawdown: Sample, confidence: float) -> Interval:
    """USD for each USD lacking at which a fund in USD is the optimum: holding / P(D > fund)."""
    short = probability(sample(drawdown.values - fund, weights=drawdown.weights, failed=drawdown.failed), confidence)
    share, low, high = ((None if x is None or x == 0 else holding / x)
                        for x in (short.estimate, short.high, short.low))
    reason = "too few paths deplete the fund to bound it" if high is None or share is None else None
    return Interval(share, low, high, short.method, short.n, reason)
