"""Every metric of ``summary.json``, defined once: its columns, unit and estimator."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np

from stress.mc.estimators.intervals import Interval, Metric, undefined
from stress.mc.estimators.means import conditional_mean, mean, ratio
from stress.mc.estimators.paired import (
    Difference,
    Terms,
    difference_of_means,
    difference_of_probabilities,
    mean_terms,
    ratio_terms,
    tail_mean_terms,
)
from stress.mc.estimators.paired_quantiles import difference_of_quantiles
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

    def known(self, column: str) -> np.ndarray:
        """One column [P], NaN on paths that failed."""
        values = as_float(self.columns[column])
        return values if self.failed is None else np.where(self.failed, np.nan, values)


@dataclass(frozen=True)
class Definition:
    """A metric: what it needs and how it is estimated."""

    unit: str
    columns: tuple[str, ...]
    estimate: Callable[[Paths], Interval]
    difference: Callable[[Paths, Paths], Difference]  # of a second run less a first, path by path
    terms: Callable[[Paths], Terms | None] | None = None  # what each path adds to the estimate; None: a quantile


def summarise(columns: Mapping[str, np.ndarray], *, confidence: float, fund: float,
              horizon_hours: float) -> dict[str, Metric]:
    """All metrics from outcome columns [P] as in ``paths.parquet``; ``fund`` in USD, ``confidence`` in (0, 1).

    A metric whose column is absent or empty (a companion that was not run) is null with a reason. Columns are converted
    to float64 one at a time.
    """
    if not len(next(iter(columns.values()), ())):
        nothing = undefined("none", 0, "the run has no paths")
        return {name: nothing.metric(confidence, definition.unit) for name, definition in METRICS.items()}
    paths = paths_of(columns, confidence=confidence, fund=fund, horizon_hours=horizon_hours)
    return {name: _value(definition, paths).metric(confidence, definition.unit)
            for name, definition in definitions(columns).items()}


def paths_of(columns: Mapping[str, np.ndarray], *, confidence: float, fund: float, horizon_hours: float) -> Paths:
    """What estimators take; as :func:`summarise`."""
    weights, failed = path_weights(columns)
    return Paths(columns, weights, failed, confidence, fund, horizon_hours)


def definitions(columns: Collection[str]) -> dict[str, Definition]:
    """The metrics of a run with these columns."""
    return METRICS | of_mechanisms(columns)


def compare(first: Paths, second: Paths) -> dict[str, Difference]:
    """Differences of all metrics that both runs [P] have, second less first, path by path, where columns are there."""
    shared = definitions(set(first.columns) & set(second.columns))
    found = {}
    for name, definition in shared.items():
        missing = next(filter(None, (_missing(c, p) for c in definition.columns for p in (first, second))), None)
        nothing = Difference(undefined("none", 0, str(missing)), None, 0)
        found[name] = nothing if missing else definition.difference(first, second)
    return found


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


def _terms_of_time(paths: Paths) -> Terms | None:
    """Of the mean time over depleted paths, a ratio of sums."""
    depleted = paths.known("depleted")
    hours = np.where(depleted > 0, as_float(paths.columns["time_to_depletion_hours"]), 0.0 * depleted)
    return ratio_terms(hours, depleted)


def _excess(paths: Paths) -> np.ndarray:
    """Drawdown [P] beyond the configured fund."""
    return np.maximum(as_float(paths.columns["fund_drawdown"]) - paths.fund, 0.0)


def _terms_of_shortfall(paths: Paths) -> Terms | None:
    return mean_terms(np.where(np.isfinite(paths.known("fund_drawdown")), _excess(paths), np.nan))
def _where_deleveraged(column: str, event: str = "had ADL") -> Definition:
    """Mean of a share over the paths on which it has a value; failed ones may have had any."""

    def estimate(paths: Paths) -> Interval:
        values = as_float(paths.columns[column])
        maybe = np.isfinite(values) if paths.failed is None else np.isfinite(values) | paths.failed
        chosen = sample(values[maybe], weights=None if paths.weights is None else paths.weights[maybe],
                        failed=None if paths.failed is None else paths.failed[maybe])
        return conditional_mean(chosen, paths.confidence, highest=1.0, event=event)

    def terms(paths: Paths) -> Terms | None:
        values = paths.known(column)
        return ratio_terms(np.nan_to_num(values), np.isfinite(values) * 1.0)

    return Definition("share", (column,), estimate, _paired(terms), terms)


def _shortfall_of_fund(paths: Paths) -> Interval:
    """Mean of the drawdown beyond the configured fund."""
    return mean(sample(_excess(paths), weights=paths.weights, failed=paths.failed), paths.confidence)


def _paired(terms: Callable[[Paths], Terms | None]) -> Callable[[Paths, Paths], Difference]:
    """The difference of an estimate with these terms."""
    return lambda first, second: difference_of_means(terms(first), terms(second), first.confidence)


def _by_terms(unit: str, columns: tuple[str, ...], estimate: Callable[[Paths], Interval],
              terms: Callable[[Paths], Terms | None]) -> Definition:
    """A metric whose difference is that of its terms."""
    return Definition(unit, columns, estimate, _paired(terms), terms)


def _share(column: str) -> Definition:
    def flags(paths: Paths) -> Terms | None:
        known = paths.known(column)
        return mean_terms(np.where(np.isfinite(known), known > 0, np.nan))

    return Definition(
        "probability", (column,), lambda paths: probability(paths.sample(column), paths.confidence),
        lambda a, b: difference_of_probabilities(a.known(column), b.known(column), a.confidence), flags)


def _mean(column: str, unit: str = "USD", highest: float | None = None) -> Definition:
    return _by_terms(unit, (column,), lambda paths: mean(paths.sample(column), paths.confidence, highest=highest),
                     lambda paths: mean_terms(paths.known(column)))


def _drawdown_quantile(p: float) -> Definition:
    column = "fund_drawdown"
    return Definition(
        "USD", (column,), lambda paths: quantile(paths.sample(column), p, paths.confidence),
        lambda a, b: difference_of_quantiles(a.known(column), b.known(column), p, a.confidence))


METRICS: dict[str, Definition] = {
    "depletion_probability": _share("depleted"),
    "cascade_probability": _share("cascade"),
    "adl_probability": _share("adl_notional"),
    "socialised_loss_probability": _share("socialised_loss"),
    "time_to_depletion_hours": _by_terms("hours", ("depleted", "time_to_depletion_hours"), _time_to_depletion,
                                         _terms_of_time),
    "liquidated_notional": _mean("liquidated_notional"),
    "liquidated_accounts": _mean("liquidated_accounts", "accounts"),
    "bad_debt": _mean("bad_debt"),
    "insolvent_notional": _mean("insolvent_notional"),
    "unrealised_bad_debt": _mean("unrealised_bad_debt"),
    "insurance_paid": _mean("insurance_paid"),
    "adl_haircut": _mean("adl_haircut"),
    "socialised_loss": _mean("socialised_loss"),
    "uncovered": _mean("uncovered"),
    "fees_to_fund": _mean("fees_to_fund"),
    "adl_notional": _mean("adl_notional"),
    "amplification": _by_terms(
        "ratio", ("liquidated_notional", "liquidated_notional_twin"),
        lambda paths: ratio(paths.sample("liquidated_notional"), paths.sample("liquidated_notional_twin"),
                            paths.confidence),
        lambda paths: ratio_terms(paths.known("liquidated_notional"), paths.known("liquidated_notional_twin"))),
    # a path's largest |mark/fundamental - 1|, averaged over paths; liquidity.max_displacement keeps it below one
    "max_displacement": _mean("max_displacement", "relative", highest=1.0),
    "fund_drawdown_var_99": _drawdown_quantile(0.99),
    "fund_drawdown_es_99": _by_terms(
        "USD", ("fund_drawdown",),
        lambda paths: expected_shortfall(paths.sample("fund_drawdown"), 0.99, paths.confidence),
        lambda paths: tail_mean_terms(paths.known("fund_drawdown"), 0.99)),
    # the smallest fund F with P(drawdown > F) <= 1 - q: the same quantile, under the name a fund is sized by
    "required_fund_99": _drawdown_quantile(0.99),
    "required_fund_999": _drawdown_quantile(0.999),
    "required_fund_9999": _drawdown_quantile(0.9999),
    "fund_shortfall": _by_terms("USD", ("fund_drawdown",), _shortfall_of_fund, _terms_of_shortfall),
}
"""By name in ``summary.json``; ``limits.*`` takes the same names."""

BACKSTOP: dict[str, Definition] = {
    "taken_over": _mean("taken_over"),
    "backstop_loss": _mean("backstop_loss"),
    "backstop_depletion_probability": _share("backstop_depleted"),
}
"""Metrics of venues with a backstop."""

DEPOSITORS: dict[str, Definition] = {"withdrawn": _mean("withdrawn")}
"""Metrics of venues whose insurance fund belongs to depositors."""


FAIRNESS: dict[str, Definition] = {
    "adl_hit_share": _where_deleveraged("adl_hit_share"),
    "adl_largest_haircut": _where_deleveraged("adl_largest_haircut"),
    "adl_gini": _where_deleveraged("adl_gini", "had ADL at a cost to a winner"),
    "adl_cost": _mean("adl_cost"),
    "adl_overshoot": _by_terms(
        "ratio", ("adl_haircut", "adl_needed"),
        lambda paths: ratio(paths.sample("adl_haircut"), paths.sample("adl_needed"), paths.confidence),
        lambda paths: ratio_terms(paths.known("adl_haircut"), paths.known("adl_needed"))),
}
"""Metrics of how ADL treats those in profit (``run.fairness``)."""

COINS: dict[str, Definition] = {"coins_sold": _mean("coins_sold")}
"""Metrics of books with collateral in coins; what is sold is no loss, and has no limit."""

GUARDED: dict[str, Definition] = {"oracle_blocked_hours": _mean("oracle_blocked_hours", "hours")}
"""Metrics of venues whose oracle is guarded."""

ADAPTIVE: dict[str, Definition] = {"margin_multiplier": _mean("margin_multiplier", "ratio")}
"""Metrics of venues whose margin requirements follow the market."""

WITHDRAWALS: dict[str, Definition] = {
    "withdrawal_run_probability": _share("withdrawal_run"),
    "collateral_withdrawn": _mean("collateral_withdrawn"),
    "gate_shut_hours": _mean("gate_shut_hours", "hours"),
}
"""Metrics of venues whose traders may run."""

MECHANISMS = {
    "taken_over": BACKSTOP, "withdrawn": DEPOSITORS, "adl_cost": FAIRNESS, "coins_sold": COINS,
    "oracle_blocked_hours": GUARDED, "margin_multiplier": ADAPTIVE,
    "collateral_withdrawn": WITHDRAWALS,
}
"""Metrics that a run only has with some mechanism, by a column that it then has."""
ALL = METRICS | BACKSTOP | DEPOSITORS | FAIRNESS | GUARDED | ADAPTIVE | WITHDRAWALS
"""Whatever may carry a limit."""


def of_mechanisms(columns: Collection[str]) -> dict[str, Definition]:
    """Metrics of the mechanisms that left these columns, and of the funds of markets."""
    prefix = "depleted_"
    found = {f"depletion_probability_{name.removeprefix(prefix)}": _share(name)
             for name in columns if name.startswith(prefix)}
    for column, metrics in MECHANISMS.items():
        found |= metrics if column in columns else {}
    return found
