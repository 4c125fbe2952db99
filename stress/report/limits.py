"""The verdict on each configured limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stress.report.format import FORMATS, is_number
from stress.report.load import Run
from stress.report.metrics import interval, kind_of, printed, title_of

_TEXTS = {"violated": "above the limit with confidence: the whole interval lies above it",
          "met": "within the limit with confidence: the whole interval lies at or below it",
          "undecided": "not decided at this number of paths: the limit lies inside the interval",
          "unknown": "cannot be judged: the metric has no estimate"}


@dataclass(frozen=True)
class Verdict:
    """One limit: ``state`` is met, violated, undecided or unknown."""

    title: str
    limit: str
    estimate: str
    interval: str
    state: str
    text: str


def verdicts(run: Run) -> list[Verdict]:
    """Verdicts on all limits of a run; empty when it has none."""
    return [_verdict(run, name, entry) for name, entry in _entries(run.summary.get("limits")).items()]


def _entries(limits: Any) -> dict[str, dict[str, Any]]:
    """Limits by metric, from a list of objects or a map (to a number or an object)."""
    if isinstance(limits, list):
        limits = {str(e.get("metric")): e for e in limits if isinstance(e, dict)}
    if not isinstance(limits, dict):
        return {}
    found = {name: e if isinstance(e, dict) else {"limit": e} for name, e in limits.items()}
    return {name: e for name, e in found.items() if is_number(e.get("limit"))}


def _verdict(run: Run, name: str, entry: dict[str, Any]) -> Verdict:
    metric = run.metric(name)
    state = str(entry.get("outcome") or _judge(metric, entry["limit"]))
    limit = FORMATS[kind_of(name, metric)](entry["limit"])
    text = str(entry.get("reason") or _TEXTS.get(state, ""))
    return Verdict(title_of(name), limit, printed(name, metric), interval(name, metric), state, text)


def _judge(metric: dict[str, Any], limit: float) -> str:
    low, high = metric.get("low"), metric.get("high")
    if is_number(low) and low > limit:
        return "violated"
    if is_number(high) and high <= limit:
        return "met"
    return "undecided" if is_number(metric.get("estimate")) else "unknown"
