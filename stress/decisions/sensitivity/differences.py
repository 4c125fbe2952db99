"""Finite differences on common noise: two steps, and which of them to believe.

A longer step has the smaller variance (fewer than in proportion to it of the paths that decide an event flip) and the
larger bias (curvature). So the longer one stands as long as the paths cannot tell it from the half step, and the half
step where they can, which is then said.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stress.decisions.desk import Run
from stress.decisions.sensitivity.moves import Pair
from stress.mc.estimators.intervals import Metric
from stress.mc.estimators.means import CONTRIBUTING_PATHS_MIN, moments_of
from stress.mc.estimators.metrics import Definition, Paths


@dataclass(frozen=True)
class Ends:
    """The runs of a pair of settings, and how far apart they are."""

    low: Paths
    high: Paths
    width: float


def ends(pair: Pair, low: Run, high: Run) -> Ends:
    """The two ends of a pair, simulated."""
    return Ends(low.paths, high.paths, pair.width)


def derivative(definition: Definition, between: Ends, unit: str) -> Metric:
    """Difference over distance, with the interval of the paired difference over the distance."""
    found = definition.difference(between.low, between.high).interval
    estimate, low, high = (None if x is None else x / between.width for x in (found.estimate, found.low, found.high))
    return replace(found, estimate=estimate, low=low, high=high).metric(between.low.confidence, unit)


def agree(definition: Definition, full: Ends, half: Ends) -> bool | None:
    """Whether the paths can tell the derivatives by full and half step apart; None: too few paths to say.

    By the paired interval of the difference of the two derivatives; for quantiles, which have no terms by path, by
    whether their intervals overlap.
    """
    if definition.terms is None:
        a, b = derivative(definition, full, ""), derivative(definition, half, "")
        if a["low"] is None or a["high"] is None or b["low"] is None or b["high"] is None:
            return None
        return a["low"] <= b["high"] and b["low"] <= a["high"]
    slopes = [_slope(definition, e) for e in (full, half)]
    if slopes[0] is None or slopes[1] is None:
        return None
    gap = slopes[0][1] - slopes[1][1]
    gap = gap[np.isfinite(gap)]
    moments = moments_of(gap, int(np.count_nonzero(gap)))
    if moments.contributing < CONTRIBUTING_PATHS_MIN:
        return None
    shift = slopes[0][0] - slopes[1][0] - moments.centre
    low, high = (moments.bound(sign, full.low.confidence) for sign in (-1, 1))
    assert low is not None and high is not None  # enough paths contribute
    return low + shift <= 0 <= high + shift


def _slope(definition: Definition, between: Ends) -> tuple[float, np.ndarray] | None:
    """A derivative and what each path [P] adds to it."""
    assert definition.terms is not None
    low, high = definition.terms(between.low), definition.terms(between.high)
    if low is None or high is None:
        return None
    return (high.estimate - low.estimate) / between.width, (high.values - low.values) / between.width


def elasticity(found: Metric, value: float | None, base: Metric) -> dict[str, Any]:
    """Percent that the metric changes when the parameter grows by a percent, the base metric taken as it is."""
    scale, level = 1.0 if value is None else value, base["estimate"]
    if not level:
        return {"estimate": None, "low": None, "high": None, "reason": "the metric is zero"}
    if not scale:
        return {"estimate": None, "low": None, "high": None, "reason": "the parameter is zero"}
    middle, low, high = (None if x is None else x * scale / level
                         for x in (found["estimate"], found["low"], found["high"]))
    if scale / level < 0:
        low, high = high, low
    return {"estimate": middle, "low": low, "high": high} | ({"reason": found["reason"]} if "reason" in found else {})
