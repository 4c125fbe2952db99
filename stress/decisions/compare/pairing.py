"""Whether two runs can be compared path by path, and what differs between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stress.config.margin import VENUES
from stress.decisions.compare.outcomes import Outcomes

SAME = {
    "run.seed": "the same number of a path is another market; run again with one run.seed",
    "run.precision": "their noise is rounded differently; run again with one run.precision",
}
"""Settings that must agree, and why."""
NOT_OF_THE_RESULT = (
    "report.", "calibrate.", "decide.", "limits.", "sweep.", "debug", "data.source", "run.devices", "run.processes",
    "run.process", "run.coordinator", "run.resume", "run.chunk_seconds", "run.progress", "run.compile_cache",
    "run.paths", "run.block_paths", "book.export",
)
"""Beginnings of keys that change no path."""


def obstacles(first: Outcomes, second: Outcomes) -> list[str]:
    """Why the second run cannot be set against the first, each with the way out; none where it can."""
    found = [f"{key} is {first.setting(key)} and {second.setting(key)}: {why}"
             for key, why in SAME.items() if first.setting(key) != second.setting(key)]
    a, b = first.summary, second.summary
    if a["markets"] != b["markets"]:
        found.append(f"markets are {', '.join(a['markets'])} and {', '.join(b['markets'])}: run again with one "
                     "price.markets")
    if (a["steps"], a["step_seconds"]) != (b["steps"], b["step_seconds"]):
        found.append(f"horizon and step are {_clock(a)} and {_clock(b)}: run again with one run.horizon_hours and one "
                     "run.step_seconds")
    if first.book != second.book:
        found.append(f"the accounts differ ({a['accounts']} and {b['accounts']} of them): {_why(first, second)}")
    if any(run.columns["log_weight"].any() for run in (first, second)):
        found.append("paths carry weights: run both without")
    return found


def _why(first: Outcomes, second: Outcomes) -> str:
    """Where other accounts come from, and what to do."""
    keys = [VENUES if key.startswith(f"{VENUES}.") else key
            for key in changes(first, second) if key.startswith("book.")]
    keys = list(dict.fromkeys(keys))
    if keys:
        return f"run again with one {' and one '.join(keys[:3])}"
    return ("a synthetic book follows the venue's initial margin. Name the presets of both in book.synthetic.venues, "
            "or write a book with book.export=DIR and run both with book=file")


def changes(first: Outcomes, second: Outcomes) -> dict[str, list[Any]]:
    """Settings that differ, by dotted key: what they are in the first run and in the second."""
    a, b = dict(_flat(first.config)), dict(_flat(second.config))
    keys = [key for key in [*a, *(key for key in b if key not in a)] if not key.startswith(NOT_OF_THE_RESULT)]
    differing = [key for key in keys if a.get(key) != b.get(key) and ".provenance." not in f".{key}"]
    return {key: [a.get(key), b.get(key)] for key in differing}


def shares_market(found: Mapping[str, Any]) -> bool:
    """Whether runs with these changes have the same fundamental prices."""
    return not any(key.startswith(("price.", "data.")) for key in found)


def _clock(summary: Mapping[str, Any]) -> str:
    return f"{summary['steps']} ticks of {summary['step_seconds']:g} s"


def _flat(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of a configuration by dotted key; an empty mapping is a leaf."""
    if isinstance(node, dict) and node:
        for name, value in node.items():
            yield from _flat(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, node
