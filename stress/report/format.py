"""Numbers as a reader wants them: USD with k/M/bn, percentages, counts and durations."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, TypeGuard

NOTHING = "–"
"""Printed where a value is null, undefined or unbounded."""
_SPACE = "\u00a0"
_SCALES = ((1e12, "tn"), (1e9, "bn"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_LARGEST = 1e15
"""From here on numbers are printed with an exponent."""


def is_number(value: Any) -> TypeGuard[float]:
    """True for a finite number (NumPy's too) that is not a bool."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def significant(value: float, digits: int = 3) -> str:
    """``value`` with ``digits`` significant digits and thousands separators: 1,230; 0.0123; 1.20e-09."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")
    magnitude = math.floor(math.log10(abs(rounded)))
    if not -6 < magnitude < 15:
        return _minus(f"{value:.{digits - 1}e}")
    return _minus(f"{rounded:,.{max(digits - 1 - magnitude, 0)}f}")


def _minus(text: str) -> str:
    """The typographic minus in front of a negative number."""
    return f"−{text[1:]}" if text.startswith("-") else text


def _scaled_usd(amount: float, kept: int, number: Any) -> str:
    """Sign, dollar, number in the largest fitting unit; ``kept`` digits are rounded to before the unit is chosen."""
    size = float(f"{abs(amount):.{kept}e}")
    unit, suffix = next((s for s in _SCALES if size >= s[0]), _SCALES[-1])
    return f"{'−' if amount < 0 else ''}${number(size / unit)}{suffix}"


def usd(value: float | None, digits: int = 3) -> str:
    """USD with k/M/bn/tn: 1234567 -> $1.23M."""
    if not is_number(value):
        return NOTHING
    if value == 0:
        return "$0"
    if not 1e-5 <= abs(value) < _LARGEST:
        return f"{'−' if value < 0 else ''}${abs(value):.{digits - 1}e}"
    return _scaled_usd(value, digits - 1, lambda number: significant(number, digits))


def price(value: float) -> str:
    """A price in USD per unit with five significant digits, in full: $64,205, $1.4029."""
    return f"${significant(value, 5)}"


def usd_tick(value: float | None, _position: object = None) -> str:
    """USD without trailing zeros: ticks, settings."""
    if not is_number(value):
        return NOTHING
    if value == 0 or not 1e-4 <= abs(value) < _LARGEST:
        return f"{'−' if value < 0 else ''}${abs(value):.3g}"
    return _scaled_usd(value, 5, lambda number: f"{number:.6f}".rstrip("0").rstrip("."))


def percent(value: float | None) -> str:
    """A share as a percentage with three significant digits; close to one it keeps what is missing to 100 %."""
    if not is_number(value):
        return NOTHING
    if 0.99 < value < 1 - 1e-9:  # nearer than that is rounding
        decimals = min(max(1, -math.floor(math.log10(100 * (1 - value)))), 9)
        return f"{100 * value:.{decimals}f}{_SPACE}%"
    return f"{significant(100 * value)}{_SPACE}%"


def percent_tick(value: float | None, _position: object = None) -> str:
    """A share as a percentage without trailing zeros: ticks, levels, settings."""
    if not is_number(value):
        return NOTHING
    return _minus(f"{100 * value:.6g}{_SPACE}%")


def count(value: float | None) -> str:
    """A count with thousands separators."""
    if not is_number(value):
        return NOTHING
    return _minus(f"{value:,.0f}") if abs(value) < _LARGEST else significant(value)


def plain(value: float | None) -> str:
    """A pure number: three significant digits, integers in full."""
    if not is_number(value):
        return NOTHING
    return count(value) if value == round(value) else significant(value)


def plain_tick(value: float | None, _position: object = None) -> str:
    """A pure number without trailing zeros: ticks, settings."""
    if not is_number(value):
        return NOTHING
    return _minus(f"{value:,.6g}" if abs(value) < 1e6 else f"{value:.3g}")


def _clean(value: float) -> float:
    """Without the rounding noise of unit conversions, so that a whole number prints as one."""
    return float(f"{value:.9g}")


def hours(value: float | None) -> str:
    """A duration given in hours: minutes below one hour, days from two days on."""
    if not is_number(value):
        return NOTHING
    if 0 < abs(value) < 1:
        return f"{plain(_clean(60 * value))}{_SPACE}min"
    unit, name = (24.0, "days") if abs(value) >= 48 else (1.0, "h")
    return f"{plain(_clean(value / unit))}{_SPACE}{name}"


def seconds(value: float | None) -> str:
    """A duration given in seconds."""
    return f"{plain(value)}{_SPACE}s" if is_number(value) else NOTHING


def clock(value: float) -> str:
    """A moment given in hours since the start: ``13 h 03 min``, with seconds where they matter."""
    whole = round(value * 3600)
    seconds_left = f"{_SPACE}{whole % 60:02d}{_SPACE}s" if whole % 60 else ""
    return f"{whole // 3600}{_SPACE}h{_SPACE}{whole // 60 % 60:02d}{_SPACE}min{seconds_left}"


def one_in(probability: float) -> str:
    """``0.012`` -> ``about 1 in 83``; ``0.77`` -> ``about 8 in 10``."""
    if probability > 0.4:
        tenths = round(10 * probability)
        return f"about {tenths} in 10" if tenths < 10 else "every one" if probability == 1 else "nearly every one"
    return f"about 1 in {significant(1 / probability, 2 if probability < 0.1 else 1)}"


def many(number: float | None, noun: str) -> str:
    """``1 path``, ``2 paths``."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def joined(words: list[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


FORMATS = {"usd": usd, "percent": percent, "count": count, "plain": plain, "hours": hours}
"""Formatter by kind of quantity."""
TICKS = {"usd": usd_tick, "percent": percent_tick, "plain": plain_tick}
"""Axis tick formatter by kind of quantity."""
