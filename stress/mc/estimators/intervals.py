"""The result of an estimator, and its form in ``summary.json``."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NotRequired, TypedDict


class Metric(TypedDict):
    """One entry of ``summary.json``'s metrics; a null always comes with ``reason``."""

    estimate: float | None
    low: float | None
    high: float | None
    confidence: float
    method: str
    unit: str
    n: int
    reason: NotRequired[str]


@dataclass(frozen=True)
class Interval:
    """An estimate with a two-sided interval; ``None`` is undefined (estimate) or unbounded (low, high)."""

    estimate: float | None
    low: float | None
    high: float | None
    method: str
    n: int  # paths the estimate is about, failed ones included
    reason: str | None = None  # why something is None

    def noting(self, failures: int) -> Interval:
        """The same interval, its method saying how failed paths were counted; it always holds the estimate."""
        if not failures:
            return self
        paths = "1 failed path counts" if failures == 1 else f"{failures} failed paths count"
        method = f"{self.method}; {paths} as lowest in low, as highest in high"
        low, high = self.low, self.high
        if self.estimate is not None:  # under weights a failed path of small weight may move a bound past it
            low = None if low is None else min(low, self.estimate)
            high = None if high is None else max(high, self.estimate)
        return replace(self, method=method, low=low, high=high)

    def metric(self, confidence: float, unit: str) -> Metric:
        """As strict JSON: Python floats, null for what is undefined, unbounded or not finite."""
        numbers = [None if x is None else float(x) for x in (self.estimate, self.low, self.high)]
        finite = [x if x is not None and math.isfinite(x) else None for x in numbers]
        out = Metric(estimate=finite[0], low=finite[1], high=finite[2], confidence=float(confidence),
                     method=self.method, unit=unit, n=int(self.n))
        if None in finite:
            out["reason"] = self.reason or "the value overflowed"
        return out


def undefined(method: str, n: int, reason: str) -> Interval:
    """Nothing can be said, and why."""
    return Interval(None, None, None, method, n, reason)
