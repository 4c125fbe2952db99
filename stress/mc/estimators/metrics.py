"""Every metric of ``summary.json``, defined once: its columns, unit and estimator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from stress.mc.estimators.intervals import Interval, Metric, undefined
from stress.mc.estimators.means import conditional_mean, mean, ratio
from stress.mc.estimators.probabilities import probability
from stress.mc.estimators.quantiles import expected_shortfall, quantile
from stress.mc.estimators.sample import Sample, as_float, path_weights, sample

COMPANION = {"fund_drawdown": "run.fund_curve", "cascade": "run.twin", "liquidated_notional_twin": "run.twin"}
"""Columns that only a companion variant fills, and the switch that runs it."""


@dataclass(frozen=True)
class Paths:
    """The outcome columns of a run, and what every estimator shares."""

    columns: Mapping[str, np.ndarray]  # by name, each [P]
    weights: np.ndarray | None  # [P], None: all one
    failed: np.ndarray | None  # [P] bool, None: none
    confidence: float
    fund: float  # insurance fund at time zero, USD
    horizon_hours: float

    def sample(self, column: str) -> Sample:
        """One column as a sample."""
        return sample(self.columns[column], weights=self.weights, failed=self.failed)


@dataclass(frozen=True)
class Definition:
    """A metric: what it needs and how it is estimated."""

    unit: str
    columns: tuple[str, ...]
    estimate: Callable[[Paths], Interval]


def summarise(columns: Mapping[str, np.ndarray], *, confidence: float, fund: float,
              horizon_hours: float) -> dict[str, Metric]:
    """All metrics from outcome columns [P] as in ``paths.parquet``; ``fund`` in USD, ``confidence`` in (0, 1).

    A metric whose column is absent or empty (a companion that was not run) is null with a reason. Columns are converted
    to float64 one at a time.
    """
    if not len(next(iter(columns.values()), ())):
        nothing = undefined("none", 0, "the run has no paths")
        return {name: nothing.metric(confidence, definition.unit) for name, definition in METRICS.items()}
    weights, failed = path_weights(columns)
    paths = Paths(columns, weights, failed, confidence, fund, horizon_hours)
    known = METRICS | {name: one for name, one in OPTIONAL.items() if set(one.columns) <= set(columns)}
    return {name: _value(definition, paths).metric(confidence, definition.unit) for name, definition in known.items()}


def _value(definition: Definition, paths: Paths) -> Interval:
    for column in definition.columns:
        missing = _missing(column, paths)
        if missing:
            return undefined("none", 0, missing)
    return definition.estimate(paths)


def _missing(column: str, paths: Paths) -> str | None:
    """Why a column cannot be used, or None. """
    switch = f" (it needs {COMPANION[column]}=true)" if column in COMPANION else ""
    if column not in paths.columns:
        return f"the run has no column {column}{switch}"
    if column in COMPANION and not np.isfinite(as_float(paths.columns[column])).any():
        return f"column {column} is null on every path{switch}"
    return None


def _time_to_depletion(paths: Paths) -> Interval:
    """Mean time over depleted paths; failed ones may have been depleted at any time."""
    depleted, times = paths.sample("depleted"), as_float(paths.columns["time_to_depletion_hours"])
    happened = depleted.values > 0
    maybe = happened if depleted.failed is None else happened | depleted.failed
    hours = np.where(happened, times, np.nan)[maybe]
    chosen = sample(hours, weights=None if depleted.weights is None else depleted.weights[maybe],
                    failed=None if depleted.failed is None else depleted.failed[maybe])
    return conditional_mean(chosen, paths.confidence, highest=paths.horizon_hours, event="was depleted")


def _shortfall_of_fund(paths: Paths) -> Interval:
    """Mean of the drawdown beyond the configured fund."""
    excess = np.maximum(as_float(paths.columns["fund_drawdown"]) - paths.fund, 0.0)
    return mean(sample(excess, weights=paths.weights, failed=paths.failed), paths.confidence)


def _share(column: str) -> Definition:
    return Definition("probability", (column,), lambda paths: probability(paths.sample(column), paths.confidence))


def _mean(column: str, unit: str = "USD", highest: float | None = None) -> Definition:
    return Definition(unit, (column,), lambda paths: mean(paths.sample(column), paths.confidence, highest=highest))


def _drawdown_quantile(p: float) -> Definition:
    return Definition("USD", ("fund_drawdown",),
                      lambda paths: quantile(paths.sample("fund_drawdown"), p, paths.confidence))


METRICS: dict[str, Definition] = {
    "depletion_probability": _share("depleted"),
    "cascade_probability": _share("cascade"),
    "adl_probability": _share("adl_notional"),
    "socialised_loss_probability": _share("socialised_loss"),
    "time_to_depletion_hours": Definition("hours", ("depleted", "time_to_depletion_hours"), _time_to_depletion),
    "liquidated_notional": _mean("liquidated_notional"),
    "liquidated_accounts": _mean("liquidated_accounts", "accounts"),
    "bad_debt": _mean("bad_debt"),
    "insurance_paid": _mean("insurance_paid"),
    "adl_haircut": _mean("adl_haircut"),
    "socialised_loss": _mean("socialised_loss"),
    "uncovered": _mean("uncovered"),
    "fees_to_fund": _mean("fees_to_fund"),
    "adl_notional": _mean("adl_notional"),
    "amplification": Definition(
        "ratio", ("liquidated_notional", "liquidated_notional_twin"),
        lambda paths: ratio(paths.sample("liquidated_notional"), paths.sample("liquidated_notional_twin"),
                            paths.confidence)),
    # a path's largest |mark/fundamental - 1|, averaged over paths; liquidity.max_displacement keeps it below one
    "max_displacement": _mean("max_displacement", "relative", highest=1.0),
    "fund_drawdown_var_99": _drawdown_quantile(0.99),
    "fund_drawdown_es_99": Definition(
        "USD", ("fund_drawdown",),
        lambda paths: expected_shortfall(paths.sample("fund_drawdown"), 0.99, paths.confidence)),
    # the smallest fund F with P(drawdown > F) <= 1 - q: the same quantile, under the name a fund is sized by
    "required_fund_99": _drawdown_quantile(0.99),
    "required_fund_999": _drawdown_quantile(0.999),
    "required_fund_9999": _drawdown_quantile(0.9999),
    "fund_shortfall": Definition("USD", ("fund_drawdown",), _shortfall_of_fund),
}
"""By name in ``summary.json``; ``limits.*`` takes the same names."""

BACKSTOP: dict[str, Definition] = {
    "taken_over": _mean("taken_over"),
    "backstop_loss": _mean("backstop_loss"),
    "backstop_depletion_probability": _share("backstop_depleted"),
}
"""Metrics of venues with a backstop."""

WATCHED: dict[str, Definition] = {
    "oracle_blocked_hours": _mean("oracle_blocked_hours", "hours"),
    "margin_multiplier": _mean("margin_multiplier", "ratio"),
}
"""Metrics of venues whose oracle is guarded, and whose margin requirements follow the market."""

OPTIONAL = BACKSTOP | WATCHED
"""Metrics that exist where the run has their columns."""
