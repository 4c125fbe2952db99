"""Settings that were evaluated: what the limits say there, and where more was not safer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from stress.decisions.desk import Desk, Run
from stress.mc.estimators.intervals import Metric
from stress.mc.estimators.metrics import definitions
from stress.mc.limits import MET, UNDECIDED, VIOLATED, judge


@dataclass(frozen=True)
class Point:
    """One value of the key. Of each of the three readings: whether every limit is met by it."""

    value: float
    metrics: Mapping[str, Metric]  # those with a limit
    met: bool  # the upper end of every interval is within its limit
    estimated: bool  # every estimate is
    possible: bool  # the lower end of every interval is: none is violated with confidence
    run: Run | None = None  # null: read off another run

    @property
    def open(self) -> bool:
        """Whether it is not met only for want of an upper end: so few paths contribute that no size bounds theirs."""
        return not self.met and self.estimated and any(metric["high"] is None for metric in self.metrics.values())

    def told(self) -> dict[str, Any]:
        """As data."""
        verdict = MET if self.met else VIOLATED if not self.possible else "no upper end" if self.open else UNDECIDED
        return {"value": self.value, "verdict": verdict, "estimated": self.estimated, "metrics": dict(self.metrics)}


def point(value: float, metrics: Mapping[str, Metric], limits: Mapping[str, float], run: Run | None = None) -> Point:
    """A value with the metrics found there."""
    chosen = {name: metrics[name] for name in limits}
    verdicts = judge(limits, chosen)
    estimates = [(metric["estimate"], limits[name]) for name, metric in chosen.items()]
    return Point(value, chosen, all(v.outcome == MET for v in verdicts),
                 all(estimate is not None and estimate <= limit for estimate, limit in estimates),
                 all(v.outcome != VIOLATED for v in verdicts), run)


def changes_to(desk: Desk, key: str, value: float) -> dict[str, Any]:
    """The setting in which the key has the value, as a whole number where it is one."""
    whole = float(value).is_integer() and isinstance(_given(desk, key), int)
    return {key: int(value) if whole else value}


def _given(desk: Desk, key: str) -> Any:
    from stress.config.check_sweep import setting

    return setting(desk.config, key)


def rises(points: Sequence[Point], limits: Mapping[str, float],
          toward_safe: Callable[[float], float]) -> list[dict[str, Any]]:
    """Neighbours of which the safer one is worse, by metric, with the paired difference of the two."""
    ordered = sorted(points, key=lambda p: toward_safe(p.value))
    return [found for a, b in pairwise(ordered) for name in limits for found in _rise(a, b, name)]


def _rise(a: Point, b: Point, name: str) -> Iterator[dict[str, Any]]:
    before, after = a.metrics[name]["estimate"], b.metrics[name]["estimate"]
    if before is None or after is None or after <= before or a.run is None or b.run is None:
        return
    first, second = a.run.paths, b.run.paths
    difference = definitions(set(first.columns))[name].difference(first, second).interval
    metric = difference.metric(first.confidence, a.metrics[name]["unit"])
    low = metric["low"]
    yield {"metric": name, "from": a.value, "to": b.value, "change": dict(metric),
           "beyond_noise": low is not None and low > 0}
