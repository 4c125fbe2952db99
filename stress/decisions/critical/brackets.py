"""The smallest shock that breaks something, between two tested ones: a grid first, then narrower and narrower.

Nothing is random, so what stands for an interval is a bracket: a shock that the venue absorbs, with all tested ones
below it, and one that breaks it. A pocket is a stretch of larger shocks that it absorbs again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
    """The search for what does ``event`` on a line: all values looked at, and whether they did it."""

    line: Line
    event: str
    tested: dict[float, bool] = field(default_factory=dict)

    def take(self, value: np.ndarray, broke: np.ndarray) -> None:
        """Outcomes [n] at values [n]."""
        self.tested |= dict(zip(value.tolist(), np.asarray(broke, bool).tolist(), strict=True))

    @property
    def high(self) -> float | None:
        """The smallest value that breaks."""
        return min((value for value, broke in self.tested.items() if broke), default=None)

    @property
    def low(self) -> float:
        """The largest value below it that is absorbed, as are all tested ones below; 0 where there is none."""
        high = np.inf if self.high is None else self.high
        return max((value for value in self.tested if value < high), default=0.0)

    def inside(self, count: int, tolerance: float) -> np.ndarray:
        """Values to look at next, at most ``count``; none where the bracket is narrow enough."""
        if self.high is None or self.high - self.low <= tolerance * (1 + 1e-9):
            return np.zeros(0)
        wanted = min(count, int(np.ceil((self.high - self.low) / tolerance)) - 1)
        return np.linspace(self.low, self.high, max(wanted, 1) + 2)[1:-1]

    def below(self, check: float, tolerance: float) -> np.ndarray:
        """Values of the stretch below the bracket, at the spacing of the tolerance."""
        if not self.high:
            return np.zeros(0)
        values = self.low - tolerance * np.arange(int(check / tolerance), 0, -1)
        return values[values > 0]

    def found(self) -> dict[str, Any]:
        """The bracket as plain data; null with a reason where nothing did it."""
        high, low = self.high, self.low
        facts = {"absorbed": None if high == 0 else low, "breaks": high, "tested": len(self.tested),
                 "pockets": self._pockets()}
        if high is None:
            return facts | {"reason": f"nothing up to the largest looked at, {100 * low:.6g} %, does it"}
        return facts | ({"reason": "it happens without"} if high == 0 else {})

    def _pockets(self) -> list[dict[str, float]]:
        """Stretches of tested values, beyond the first that breaks, that do not."""
        value = np.sort(np.array([v for v in self.tested if self.high is not None and v >= self.high]))
        again = np.flatnonzero([not self.tested[float(v)] for v in value])
        runs = np.split(again, np.flatnonzero(np.diff(again) > 1) + 1) if len(again) else []
        return [{"from": float(value[run[0]]), "to": float(value[run[-1]])} for run in runs]


def search(
    gun: Gun, lines: Mapping[str, Line], tolerance: float, check: float,
    known: Mapping[str, Mapping[str, np.ndarray]],
) -> dict[str, dict[str, Search]]:
    """Brackets by line and event, all narrowed together; ``known`` are columns on the grids of some lines.

    Then the stretch ``check`` below each is looked at again, at the spacing of the ``tolerance``, until nothing in it
    does it: what breaks need not break at every larger shock, so halving alone may miss a smaller one.
    """
    fired = _fire(gun, {name: line.shots(line.grid) for name, line in lines.items() if name not in known})
    columns = {**known, **fired}
    found = {name: {event: Search(line, event) for event in EVENTS} for name, line in lines.items()}
    flat = [each for by_event in found.values() for each in by_event.values()]
    for name, by_event in found.items():
        for event, each in by_event.items():
            each.take(lines[name].grid, columns[name][EVENTS[event]] > 0)
    unsure = list(range(len(flat)))
    while True:
        while asked := _some({i: s.inside(_count(flat), tolerance) for i, s in enumerate(flat)}):
            _ask(gun, flat, asked)
        before = [s.high for s in flat]
        if not (asked := _some({i: flat[i].below(check, tolerance) for i in unsure})):
            return found
        _ask(gun, flat, asked)
        unsure = [i for i in asked if flat[i].high != before[i]]


def _some(values: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    return {i: found for i, found in values.items() if len(found)}


def _count(searches: list[Search]) -> int:
    """Shots between the ends of each bracket that fill a simulation."""
    wide = sum(s.high is not None for s in searches)
    return int(np.clip(ROOM // max(wide, 1), 1, FINEST))


def _ask(gun: Gun, searches: list[Search], asked: Mapping[int, np.ndarray]) -> None:
    """Fire the values asked, by the number of their search."""
    answers = _fire(gun, {str(i): searches[i].line.shots(values) for i, values in asked.items()})
    for i, values in asked.items():
        searches[i].take(values, answers[str(i)][EVENTS[searches[i].event]] > 0)


def _fire(gun: Gun, shots: Mapping[str, Shots]) -> dict[str, dict[str, np.ndarray]]:
    """Columns of every batch of shots, all fired together."""
    if not shots:
        return {}
    columns = gun.fire(joined(list(shots.values())))
    ends = np.cumsum([0, *(len(s) for s in shots.values())])
    return {name: {column: values[start:end] for column, values in columns.items()}
            for name, start, end in zip(shots, ends[:-1], ends[1:], strict=True)}
