"""Where a value is looked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stress.config.check_sweep import setting
from stress.config.decide.search import SearchConfig
from stress.config.parse import parse
from stress.decisions.desk import Desk, changed
from stress.errors import UserError, bad_value

FUND = "protocol.insurance_fund"
HEADROOM = 1.05
"""The range of the fund ends this far above what the worst path needs."""
NO_SETTING = ("run.", "limits.", "report.", "decide.", "sweep.", "calibrate.", "data.", "debug")
"""Beginnings of keys that are no part of venue, market or book."""
HALVINGS = 12
"""A range that we chose is shortened this often where the configuration refuses its end."""


@dataclass(frozen=True)
class Range:
    """Values of a key between two ends, and on which side it is safe."""

    key: str
    low: float
    high: float
    whole: bool  # whole numbers only
    smallest: bool  # the smallest value that meets the limits is wanted: large values are safe
    configured: float | None

    def toward_safe(self, value: float) -> float:
        """Grows toward the safe end."""
        return value if self.smallest else -value

    def rounded(self, value: float) -> float:
        """A value that the key may have."""
        return float(round(value)) if self.whole else value

    def cuts(self, a: float, b: float, parts: int) -> list[float]:
        """Values that cut what lies between two into parts, evenly in the logarithm where the ends differ by a factor
        of more than two; none where no number lies between."""
        a, b = min(a, b), max(a, b)
        shares = [i / parts for i in range(1, parts)]
        values = [a * (b / a) ** s if a > 0 and b > 2 * a else a + s * (b - a) for s in shares]
        return [value for value in dict.fromkeys(map(self.rounded, values)) if a < value < b]

    def spread(self, count: int) -> list[float]:
        """So many values from end to end, evenly in the logarithm where it makes sense."""
        logs = self.low > 0 and self.high > 4 * self.low
        shares = [i / (count - 1) for i in range(count)]
        values = [self.low * (self.high / self.low) ** s if logs else self.low + s * (self.high - self.low)
                  for s in shares]
        return list(dict.fromkeys([self.low, *map(self.rounded, values[1:-1]), self.high]))


def range_of(desk: Desk, settings: SearchConfig) -> Range:
    """The range as given, or one around the configured value. Raises UserError for a key that has no number."""
    key = settings.key
    if key is None:
        raise UserError("decide.search.key: missing. Give the key of a number, as in "
                        "decide.search.key=protocol.insurance_fund.")
    if key.startswith(NO_SETTING):
        raise bad_value("decide.search.key", key, "a number of the venue, the market, the book or liquidity")
    value = setting(desk.config, key)
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    if number is None and (settings.low is None or settings.high is None):
        raise bad_value("decide.search.key", key, "a key whose value is one number (it is "
                        f"{'null or missing' if value is None else 'a ' + type(value).__name__})",
                        "Set it to a number first, or give decide.search.low and decide.search.high.")
    low, high = _ends(desk, settings, number)
    whole = isinstance(value, int)
    span = Range(key, float(round(low)) if whole else low, float(round(high)) if whole else high, whole,
                 settings.direction == "smallest", number)
    if not span.low < span.high:
        raise bad_value("decide.search.high", high, f"more than the lower end of the range, {low:g}",
                        "Give decide.search.low and decide.search.high.")
    for end in (span.low, span.high):
        parse(changed(desk.container, {key: int(end) if whole else end}))
    return span


def _ends(desk: Desk, settings: SearchConfig, number: float | None) -> tuple[float, float]:
    low, high = settings.low, settings.high
    if settings.key == FUND and desk.config.run.fund_curve and high is None:
        worst = desk.run().paths.sample("fund_drawdown").recorded().values
        high = HEADROOM * float(worst.max(initial=0.0)) or 1.0
    if settings.key == FUND and low is None:
        low = 0.0
    if number == 0 and (low is None or high is None):
        raise UserError(f"{settings.key}: is 0, which gives no range to search. Give decide.search.low and "
                        "decide.search.high.")
    below, above = sorted((number / settings.reach, number * settings.reach)) if number else (0.0, 0.0)
    return (_allowed(desk, settings, number, below) if low is None else low,
            _allowed(desk, settings, number, above) if high is None else high)


def _allowed(desk: Desk, settings: SearchConfig, number: float | None, end: float) -> float:
    """The end of a range, moved toward the configured ``number`` until the configuration takes it."""
    assert number is not None
    whole = isinstance(setting(desk.config, str(settings.key)), int)
    for _ in range(HALVINGS):
        try:
            value: Any = round(end) if whole else end
            desk.study({str(settings.key): value})
        except UserError:
            end = (end * number) ** 0.5 if end * number > 0 else (end + number) / 2
        else:
            return float(value)
    return number
