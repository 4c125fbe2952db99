"""The parameters of further markets as people read them."""

from __future__ import annotations

import numpy as np

from stress.price.calibrate.base import Estimate
from stress.price.calibrate.delta import Named, named_estimates, spread, weak
from stress.price.calibrate.mixture.estimates import annual, regime_names
from stress.price.calibrate.mixture.extend import Added
from stress.types import Array


def further_estimates(found: Added, market: str, first: list[str], bar_years: float
                      ) -> tuple[list[Estimate], list[str]]:
    """A further market's parameters with standard errors given the first markets', and warnings."""
    regimes = regime_names(found.market.first.regimes)

    def named(vector: Array) -> Named:
        law, size = found.market.law(vector), len(first)
        values = annual(law, bar_years)
        own = ("volatility", "jump.intensity", "jump.mean", "jump.std", "jump.common_mean", "jump.common_std", "drift")
        return {**{name: (values[name][0][:, -1], values[name][1]) for name in own},
                "correlation": (law.correlation[:, size, :size], "")}

    def labels(name: str, shape: tuple[int, ...]) -> list[tuple[tuple[int, ...], str]]:
        def label(index: tuple[int, ...]) -> str:
            ends = [first[index[1]], market] if name == "correlation" else [market]
            return ".".join([*([regimes[index[0]]] if regimes[0] else []), name, *ends])

        return [(index, label(index)) for index in np.ndindex(shape)]

    around = spread(found.information, ~found.at_bound)
    estimates, slopes = named_estimates(named, np.asarray(found.vector), around, labels)
    notes = weak(estimates, slopes, around, found.slope)
    held = int(found.at_bound.sum())
    if held:
        notes.insert(0, f"{market}: {held} of {len(found.vector)} parameters lie on a bound that keeps jumps and "
                        "regimes apart; they carry no standard error of their own.")
    return estimates, notes


def pair_estimates(correlation: np.ndarray, markets: list[str], first: int) -> list[Estimate]:
    """Correlations [R, A, A] of pairs of further markets; their standard errors are not known."""
    regimes = regime_names(len(correlation))
    return [Estimate(f"{name}.correlation.{markets[i]}.{markets[j]}".removeprefix("."), float(matrix[i, j]), None, "")
            for name, matrix in zip(regimes, correlation, strict=True)
            for j in range(first, len(markets)) for i in range(first, j)]
