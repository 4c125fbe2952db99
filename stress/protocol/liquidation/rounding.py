"""Venues round to steps of prices, sizes and percentages; a step of zero rounds nothing."""

from __future__ import annotations

from stress.protocol.margin.base import Values, namespace

CRUMB = 1e-9
"""Share of a step that is floating-point noise: what is that close to a step is on it."""


def down(values: Values, step: float) -> Values:
    """``values`` [...] rounded down to multiples of ``step``."""
    return values if step == 0 else namespace(values).floor(values / step + CRUMB) * step


def up(values: Values, step: float) -> Values:
    """``values`` [...] rounded up to multiples of ``step``."""
    return values if step == 0 else namespace(values).ceil(values / step - CRUMB) * step
