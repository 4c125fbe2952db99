"""Estimators: every number with an interval, written for weighted and for failed paths.

Conventions that hold in the whole package:

* Axis ``P`` paths. Weights are likelihood ratios with expectation one under the sampling law, so a mean is
  ``sum(w x) / P``, never divided by the sum of the weights. Weight one everywhere is the plain Monte Carlo of today.
* A path is *failed* when its status is not zero or its value is missing. It stays in n. The estimate is that of the
  recorded values (what ``paths.parquet`` holds); the low bound takes a failed path at the lowest possible value (no
  event), the high bound at the highest one (an event).
* An undefined or unbounded number is ``None`` and comes with a reason; NaN and infinity never leave the package.
"""

from stress.mc.estimators.binomial import (
    clopper_pearson,
    order_ranks,
    paths_needed,
    wilson,
)
from stress.mc.estimators.curve import fund_curve
from stress.mc.estimators.intervals import Interval, Metric
from stress.mc.estimators.means import conditional_mean, mean, ratio
from stress.mc.estimators.metrics import METRICS, summarise
from stress.mc.estimators.probabilities import probability
from stress.mc.estimators.quantiles import expected_shortfall, quantile
from stress.mc.estimators.sample import Sample
from stress.mc.estimators.streaming import Tally, confidence_sequence

__all__ = [
    "METRICS", "Interval", "Metric", "Sample", "Tally", "clopper_pearson", "conditional_mean", "confidence_sequence",
    "expected_shortfall", "fund_curve", "mean", "order_ranks", "paths_needed", "probability", "quantile", "ratio",
    "summarise", "wilson",
]
