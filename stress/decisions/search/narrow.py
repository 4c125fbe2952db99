"""Bracketing of step functions: is a limit met at a value, yes or no.

Three readings of the limits are followed, each by its own bracket over the same evaluated settings: met with
confidence, met by the estimate, and not violated with confidence. Brackets are cut in two, one after the other.
Where values that are simulated together cost less than one by one, all brackets are cut at once, and the last one that
is open in three: in a grid a value costs about three quarters of one by itself, so that a cut into more parts costs
more than it saves. The values at which a limit is neither met nor violated are an interval for the root: a test
inverted at every value (Lehmann and Romano 2005, section 3.5), valid where the interval's ends fall with the key as the
metric does. A mean to which no path contributes has no upper end, however safe the setting is: coming from the safe
end, such settings are passed over until one is met, which then speaks for the safer ones too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from stress.decisions.search.points import Point
from stress.decisions.search.range import Range

READINGS = ("estimated", "met", "possible")
FLOOR = 1e-4
"""Of the range: brackets are no narrower, so that a root at zero is found."""


@dataclass(frozen=True)
class Search:
    """What is searched, and how far."""

    span: Range
    scan: int
    tolerance: float
    most: int
    together: bool = False  # several values are simulated together

    def first(self) -> list[float]:
        """The values that are looked at whatever is found there."""
        return self.span.spread(min(self.scan, self.most))


def narrow(search: Search, evaluate: Callable[[Sequence[float]], Sequence[Point]]) -> dict[str, Any]:
    """Brackets of the three roots, and what they amount to."""
    points = list(evaluate(search.first()))
    while len(points) < search.most and (values := _next(search, points)):
        points += evaluate(values[:search.most - len(points)])
    return answers(search.span, points, search)


def _next(search: Search, points: Sequence[Point]) -> list[float]:
    """The values to look at next, none where all is known."""
    brackets = dict.fromkeys(found for reading in READINGS if (found := _open(search, points, reading)))
    some = list(brackets)[:None if search.together else 1]
    parts = 3 if search.together and len(some) == 1 else 2
    return [value for ends in some for value in search.span.cuts(*ends, parts)]


def bracket(span: Range, points: Sequence[Point], reading: str) -> tuple[float | None, float | None, float | None]:
    """(the next value that fails, the last that meets, the last that is passed over), coming from the safe end.

    Null where there is none.
    """
    fails, meets, passed = None, None, None
    for found in sorted(points, key=lambda p: span.toward_safe(p.value), reverse=True):
        if getattr(found, reading):
            meets = found.value
        elif reading == "met" and meets is None and found.open:
            passed = found.value
        else:
            fails = found.value
            break
    return fails, meets, passed


def _open(search: Search, points: Sequence[Point], reading: str) -> tuple[float, float] | None:
    """Ends of a bracket; None where it is narrow or the root is not in the range."""
    fails, meets, passed = bracket(search.span, points, reading)
    inner = passed if meets is None else meets
    if fails is None or inner is None or narrow_enough(search, fails, inner) or not search.span.cuts(fails, inner, 2):
        return None
    return fails, inner


def narrow_enough(search: Search, fails: float, meets: float) -> bool:
    """Whether a bracket is as narrow as asked for."""
    width = abs(meets - fails)
    return width <= max(search.tolerance * max(abs(fails), abs(meets)),
                        FLOOR * (search.span.high - search.span.low)) and not (search.span.whole and width > 1)


def answers(span: Range, points: Sequence[Point], search: Search | None = None) -> dict[str, Any]:
    """Each reading's value with its bracket, and the interval for the root."""
    found = {}
    for reading in READINGS:
        fails, meets, _ = bracket(span, points, reading)
        found[reading] = {"value": meets, "fails": fails, "reason": _reason(span, fails, meets, reading)}
        if search is not None and fails is not None and meets is not None and \
                not narrow_enough(search, fails, meets) and span.cuts(fails, meets, 2):
            found[reading]["reason"] = "not narrower: decide.search.settings settings were simulated"
    outer, inner = found["possible"]["fails"], found["met"]["value"]
    return {"answers": found, "interval": [outer, inner] if span.smallest else [inner, outer]}


def _reason(span: Range, fails: float | None, meets: float | None, reading: str) -> str | None:
    safe, unsafe = (span.high, span.low) if span.smallest else (span.low, span.high)
    if meets is None:
        how = {"estimated": "not met by the estimate", "met": "not met with confidence",
               "possible": "violated with confidence"}[reading]
        return f"{how} even at {safe:g}, the safe end of the range"
    if fails is None:
        return f"met over the whole range, down to its unsafe end at {unsafe:g}"
    return None
