"""The fund that meets a limit on depletion, from one run with an unlimited fund: order statistics, no bisection.

A path is depleted by a fund F if and only if its fund drawdown exceeds F (docs/concepts/fund-curve.md), so how many
paths are is a step function of F with a step at each drawdown, and the smallest fund that meets a limit is a drawdown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from stress.config.decide.search import SearchConfig
from stress.decisions.desk import Desk
from stress.decisions.search.narrow import READINGS, answers
from stress.decisions.search.points import Point, point
from stress.decisions.search.range import FUND, Range
from stress.mc.estimators.metrics import Paths
from stress.mc.estimators.probabilities import probability
from stress.mc.estimators.sample import Sample

DRAWN = 40
"""Sizes of the fund that are told besides the brackets."""


def holds(desk: Desk, settings: SearchConfig, limits: dict[str, float]) -> bool:
    """Whether one run tells of all sizes of the fund, for these limits."""
    return (settings.key == FUND and set(limits) == {"depletion_probability"} and settings.direction == "smallest"
            and desk.config.run.fund_curve and desk.base.plan.one_depletion)


def from_drawdowns(desk: Desk, limit: float, span: Range) -> dict[str, Any]:
    """The exact smallest fund by each reading of the limit, its neighbours, and the curve between."""
    paths = desk.run().paths
    sample = paths.sample("fund_drawdown")
    inside = np.unique(sample.recorded().values)
    sizes = np.unique([span.low, *inside[(inside > span.low) & (inside <= span.high)], span.high])
    chosen = {0, len(sizes) - 1, *np.linspace(0, len(sizes) - 1, DRAWN).astype(int).tolist()}
    for reading in READINGS:
        first = _first(sizes, lambda fund, r=reading: bool(getattr(_at(fund, sample, paths, limit), r)))
        chosen |= {i for i in (first - 1, first) if 0 <= i < len(sizes)}
    points = [_at(float(sizes[i]), sample, paths, limit) for i in sorted(chosen)]
    return {"method": "order statistics of the fund drawdown", **answers(span, points),
            "points": [p.told() for p in points], "not_monotone": []}


def _at(fund: float, sample: Sample, paths: Paths, limit: float) -> Point:
    """Depletion with a fund of this size."""
    over = np.where(np.isnan(sample.values), np.nan, (sample.values > fund).astype(float))
    depleted = Sample(over, sample.weights, sample.failed)
    metric = probability(depleted, paths.confidence).metric(paths.confidence, "probability")
    return point(fund, {"depletion_probability": metric}, {"depletion_probability": limit})


def _first(sizes: np.ndarray, meets: Callable[[float], bool]) -> int:
    """Index of the smallest size that meets it, by bisection; their number where none does."""
    low, high = 0, len(sizes)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if meets(float(sizes[middle])) else (middle + 1, high)
    return low
