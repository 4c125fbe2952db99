"""Rounding to a venue's smallest unit: some compute in integers. The engine never rounds."""

from __future__ import annotations

import numpy as np

from stress.protocol.margin.base import Values, namespace

NEAR = 1e-12
"""Relative distance from a whole number of units within which a float stands for it."""


def round_up(value: Values, unit: float = 0.0) -> Values:
    """The next multiple of ``unit`` that is not below ``value`` [...]; 0 for no rounding."""
    return -round_down(-value, unit)


def round_down(value: Values, unit: float = 0.0) -> Values:
    """The next multiple of ``unit`` that is not above ``value`` [...]; 0 for no rounding."""
    if unit == 0.0:
        return value
    xp, count = namespace(value), value / unit
    nearest = xp.round(count)
    with np.errstate(invalid="ignore"):  # an infinite value is its own multiple
        whole = xp.abs(count - nearest) <= NEAR * xp.maximum(1.0, xp.abs(count))
    return xp.where(whole, nearest, xp.floor(count)) * unit
