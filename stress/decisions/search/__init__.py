"""The smallest or largest value of one number at which every limit is met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from stress.config.decide.search import SearchConfig
from stress.decisions.desk import Desk
from stress.decisions.search.drawdowns import from_drawdowns, holds
from stress.decisions.search.narrow import Search, narrow
from stress.decisions.search.points import Point, changes_to, point, rises
from stress.decisions.search.range import Range, range_of
from stress.errors import UserError
from stress.mc.estimators.binomial import paths_needed


def decide(desk: Desk, settings: SearchConfig) -> dict[str, Any]:
    """The value, its bracket and interval, and every setting that was evaluated.

    Raises UserError for a key without one number, and where no limit is set.
    """
    limits = {name: limit for name, limit in desk.config.limits.items() if limit is not None}
    if not limits:
        raise UserError("limits: none is set, so there is nothing to meet. Set one or more, as in "
                        "limits.depletion_probability=0.001.")
    exact = settings.method == "auto" and holds(desk, settings, limits)
    span = range_of(desk, settings)
    about = {"key": span.key, "direction": settings.direction, "limits": limits, "range": [span.low, span.high],
             "configured": span.configured, "tolerance": settings.tolerance,
             "horizon_hours": desk.base.plan.horizon_hours}
    if exact:
        found = from_drawdowns(desk, limits["depletion_probability"], span)
    else:
        brackets, points = _bracketed(desk, settings, span, limits)
        found = {"method": "brackets that are cut until they are narrow, on common noise", **brackets,
                 "points": [p.told() for p in points], "not_monotone": rises(points, limits, span.toward_safe)}
    _say_how_many_paths(found, limits, span.high if span.smallest else span.low)
    return about | found


def _say_how_many_paths(found: dict[str, Any], limits: dict[str, float], safe: float) -> None:
    """Where no path has an event and its probability is still not known to be within the limit."""
    answer = found["answers"]["met"]
    if answer["value"] is not None:
        return
    metrics = next(p["metrics"] for p in found["points"] if p["value"] == safe)
    needed = [paths_needed(1 - limits[name], metric["confidence"]) for name, metric in metrics.items()
              if metric["unit"] == "probability" and metric["estimate"] == 0 and metric["high"] > limits[name] > 0]
    if needed:
        answer["reason"] += f"; no path has the event there, and to show so little takes {max(needed):,} paths"


def _bracketed(desk: Desk, settings: SearchConfig, span: Range,
               limits: dict[str, float]) -> tuple[dict[str, Any], list[Point]]:
    search, seen = Search(span, settings.scan, settings.tolerance, settings.settings), list[Point]()
    ends = [changes_to(desk, span.key, value) for value in (span.low, span.high)]
    search = replace(search, together=desk.together(ends))

    def evaluate(values: Sequence[float]) -> list[Point]:
        run = desk.runs([changes_to(desk, span.key, value) for value in values], label=f"settings after {len(seen)}")
        seen.extend(point(value, one.metrics, limits, one) for value, one in zip(values, run, strict=True))
        return seen[-len(values):]

    return narrow(search, evaluate), sorted(seen, key=lambda point: point.value)
