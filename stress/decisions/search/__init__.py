"""The smallest or largest value of one number at which every limit is met."""

from __future__ import annotations

from typing import Any

from stress.config.decide.search import SearchConfig
from stress.decisions.desk import Desk
from stress.decisions.search.drawdowns import from_drawdowns, holds
from stress.decisions.search.narrow import Search, narrow
from stress.decisions.search.points import Point, changes_to, rises, simulated
from stress.decisions.search.range import Range, range_of
from stress.errors import UserError
from stress.mc.estimators.binomial import paths_needed
from stress.mc.progress import counter


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
        brackets, points = _bisected(desk, settings, span, limits)
        found = {"method": "bisection on common noise", **brackets, "points": [p.told() for p in points],
                 "not_monotone": rises(points, limits, span.toward_safe)}
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


def _bisected(desk: Desk, settings: SearchConfig, span: Range, limits: dict[str, float]) -> tuple[dict[str, Any], list]:
    search = Search(span, settings.scan, settings.tolerance, settings.settings)
    desk.runs([changes_to(desk, span.key, value) for value in search.first()], label="values to begin with")
    with counter(settings.settings, "settings", desk.config.run.progress) as meter:
        seen: list[Point] = []

        def evaluate(value: float) -> Point:
            seen.append(simulated(desk, span.key, value, limits))
            meter(len(seen))
            return seen[-1]

        found = narrow(search, evaluate)
    return found, sorted(seen, key=lambda point: point.value)
