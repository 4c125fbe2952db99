"""Gates: ``limits.<metric>=<number>`` turns a run into a test that a metric stays at or below a limit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from stress.errors import bad_value, unknown_key
from stress.mc.estimators.intervals import Metric
from stress.mc.estimators.metrics import METRICS, OPTIONAL

VIOLATED, MET, UNDECIDED = "violated", "met", "undecided"


@dataclass(frozen=True)
class Verdict:
    """What the interval of one metric says about its limit."""

    metric: str
    limit: float
    outcome: str  # VIOLATED: above with confidence; MET: at or below with confidence; UNDECIDED: the interval holds it
    estimate: float | None
    low: float | None
    high: float | None
    reason: str | None  # why it is undecided although there is no interval to hold the limit

    def __str__(self) -> str:
        """One line for the terminal and the report."""
        bounds = ", ".join("unbounded" if x is None else f"{x:.6g}" for x in (self.low, self.high))
        estimate = "undefined" if self.estimate is None else f"{self.estimate:.6g}"
        text = f"limits.{self.metric}={self.limit:g}: {self.outcome} (estimate {estimate}, interval [{bounds}])"
        return f"{text}: {self.reason}" if self.reason else text


def check_limits(limits: Mapping[str, float | None]) -> None:
    """Refuse limits on metrics that do not exist and limits that are no number, before anything runs (UserError)."""
    for name, limit in limits.items():
        if name not in METRICS | OPTIONAL:
            raise unknown_key("limits", name, METRICS | OPTIONAL)
        if limit is not None and not math.isfinite(limit):
            raise bad_value(f"limits.{name}", limit, "a finite number, or null for no limit")


def judge(limits: Mapping[str, float | None], metrics: Mapping[str, Metric]) -> list[Verdict]:
    """A verdict for every limit that is set, in the order given; ``metrics`` as in ``summary.json``.

    Judge once, at the planned number of paths: repeated looks at a fixed-n interval raise false alarms.
    Raises UserError for a metric that does not exist.
    """
    check_limits(limits)
    return [_verdict(name, limit, metrics[name]) for name, limit in limits.items() if limit is not None]


def _verdict(name: str, limit: float, metric: Metric) -> Verdict:
    low, high = metric["low"], metric["high"]
    outcome = UNDECIDED
    if low is not None and low > limit:
        outcome = VIOLATED
    elif high is not None and high <= limit:
        outcome = MET
    reason = metric.get("reason") if outcome == UNDECIDED else None
    return Verdict(name, limit, outcome, metric["estimate"], low, high, reason)
