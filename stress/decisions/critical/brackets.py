"""The smallest shock that breaks something, between two tested ones: a grid first, then narrower and narrower.

Nothing is random, so what stands for an interval is a bracket: a shock that the venue absorbs, with all tested ones
below it, and one that breaks it. A pocket is a stretch of larger shocks that it absorbs again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stress.decisions.critical.shots import ROOM, Gun, Shots, joined

EVENTS = {"depletion": "depleted", "cascade": "cascade"}
"""Column that says whether a shot did it."""
FINEST = 31
"""Most shots between the ends of a bracket at a time."""


@dataclass(frozen=True)
class Line:
    """Shocks by one number: its values, ascending from 0, which is no shock, and the shots of values [n]."""

    grid: np.ndarray  # [n]
    shots: Callable[[np.ndarray], Shots]


@dataclass
class Search:
    """The search for what does ``event`` on a line."""

    line: Line
    event: str
    grid: np.ndarray  # [n] outcome on the line's grid, bool
    low: float = 0.0
    high: float | None = None
    tested: int = 0
    pockets: list[dict[str, float]] | None = None

    def __post_init__(self) -> None:
        self.pockets = pockets(self.line.grid, self.grid)
        self.narrow(self.line.grid, self.grid)

    def narrow(self, value: np.ndarray, broke: np.ndarray) -> None:
        """Take outcomes [n] at values [n], ascending between the ends, into account."""
        self.tested += len(value)
        first = int(np.argmax(broke)) if broke.any() else len(broke)
        if first < len(value):
            self.high = float(value[first])
        self.low = float(value[first - 1]) if first > 0 else self.low
        if self.high is not None and len(value) and value is not self.line.grid:
            self.pockets = [*(self.pockets or ()), *pockets(value, broke)]

    def inside(self, count: int, tolerance: float) -> np.ndarray:
        """Values to look at next; none where the bracket is narrow enough."""
        if self.high is None or self.high - self.low <= tolerance:
            return np.zeros(0)
        wanted = min(count, int(np.ceil((self.high - self.low) / tolerance)) - 1)
        return np.linspace(self.low, self.high, max(wanted, 1) + 2)[1:-1]

    def found(self) -> dict[str, Any]:
        """The bracket as plain data; null with a reason where nothing did it."""
        absorbed = None if self.high == 0 else self.low
        facts = {"absorbed": absorbed, "breaks": self.high, "tested": self.tested, "pockets": self.pockets or []}
        if self.high is None:
            return facts | {"reason": f"nothing up to the largest looked at, {100 * self.low:.6g} %, does it"}
        return facts | ({"reason": "it happens without"} if self.high == 0 else {})


def pockets(value: np.ndarray, broke: np.ndarray) -> list[dict[str, float]]:
    """Stretches of values [n], beyond the first that breaks, that do not; with the spacing they were seen at."""
    if not broke.any():
        return []
    first = int(np.argmax(broke))
    again = np.flatnonzero(~broke[first:]) + first
    runs = np.split(again, np.flatnonzero(np.diff(again) > 1) + 1) if len(again) else []
    spacing = float(np.diff(value).min()) if len(value) > 1 else float(value[0])
    return [{"from": float(value[run[0]]), "to": float(value[run[-1]]), "spacing": spacing} for run in runs]


def search(
    gun: Gun, lines: Mapping[str, Line], tolerance: float, known: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    events: Sequence[str] = tuple(EVENTS),
) -> dict[str, dict[str, Search]]:
    """Brackets by line and event, all narrowed together; ``known`` are columns on the grids of some lines."""
    fired = _fire(gun, {name: line.shots(line.grid) for name, line in lines.items() if name not in (known or {})})
    columns = {**(known or {}), **fired}
    found = {name: {event: Search(line, event, np.asarray(columns[name][EVENTS[event]]) > 0) for event in events}
             for name, line in lines.items()}
    flat = [each for by_event in found.values() for each in by_event.values()]
    while True:
        open_ones = [s for s in flat if len(s.inside(1, tolerance))]
        if not open_ones:
            return found
        count = int(np.clip(ROOM // len(open_ones), 1, FINEST))
        asked = {str(i): s.inside(count, tolerance) for i, s in enumerate(open_ones)}
        answers = _fire(gun, {key: open_ones[int(key)].line.shots(values) for key, values in asked.items()})
        for key, values in asked.items():
            each = open_ones[int(key)]
            each.narrow(values, np.asarray(answers[key][EVENTS[each.event]]) > 0)


def _fire(gun: Gun, shots: Mapping[str, Shots]) -> dict[str, dict[str, np.ndarray]]:
    """Columns of every batch of shots, all fired together."""
    if not shots:
        return {}
    columns = gun.fire(joined(list(shots.values())))
    ends = np.cumsum([0, *(len(s) for s in shots.values())])
    return {name: {column: values[start:end] for column, values in columns.items()}
            for name, start, end in zip(shots, ends[:-1], ends[1:], strict=True)}
