"""Venues round to steps of prices, sizes and percentages; a step of zero rounds nothing."""

from __future__ import annotations

from stress.protocol.margin.base import Values, namespace


def down(values: Values, step: float) -> Values:
    """``values`` [...] rounded down to multiples of ``step``."""
    if step == 0:
        return values
    count = values / step
    return namespace(values).floor(count + _noise(count)) * step


def up(values: Values, step: float) -> Values:
    """``values`` [...] rounded up to multiples of ``step``."""
    return -down(-values, step)


def _noise(count: Values) -> Values:
    """How far below a whole number of steps what was meant to be one may be, in doubles."""
    return 1e-9 + 1e-14 * abs(count)
