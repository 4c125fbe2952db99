"""The fund for a probability of depletion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stress.mc.estimators.binomial import paths_needed
from stress.mc.estimators.metrics import Paths
from stress.mc.estimators.quantiles import quantile
from stress.mc.estimators.sample import Sample


def required(paths: Paths, targets: Sequence[float]) -> list[dict[str, Any]]:
    """The smallest fund in USD with P(depleted within the horizon) at most each target, as metrics."""
    return [at_target(paths.sample("fund_drawdown"), target, paths.confidence) for target in targets]


def at_target(need: Sample, target: float, confidence: float) -> dict[str, Any]:
    """The smallest amount in USD that a need [P] in USD exceeds with at most this probability, as a metric.

    ``paths_needed`` is the number of paths from which its upper limit is finite, at unit weights.
    """
    found = quantile(need, 1 - target, confidence).metric(confidence, "USD")
    return {"target": target, "paths_needed": paths_needed(1 - target, confidence), **found}
