"""Scaling relative sizes to a market's open interest, in whole lots so that both sides have the same number of them."""

from __future__ import annotations

import math

import numpy as np

LOT_DIGITS = 9
"""A market's open interest has between 10^LOT_DIGITS and 10^(LOT_DIGITS + 1) lots."""


def lot_decimals(units: float) -> int:
    """Decimals of a lot for an open interest of ``units`` base units; negative for lots of 10 and more."""
    return LOT_DIGITS - math.floor(math.log10(units))


def lots_to_units(lots: np.ndarray, decimals: int) -> np.ndarray:
    """Base units [n], each the float nearest to the decimal number."""
    return lots / 10.0**decimals if decimals >= 0 else lots * 10.0**-decimals


def capped_shares(weight: np.ndarray, cap: float) -> np.ndarray:
    """Shares [n] that sum to one: proportional to ``weight`` [n] > 0 where that is below ``cap``, and ``cap`` above.

    With no more than 1/cap weights the shares are even, the closest there is.
    """
    count = len(weight)
    if count * cap <= 1.0 + 1e-9:
        return np.full(count, 1.0 / count)
    falling = np.sort(weight)[::-1]
    rest = np.cumsum(falling[::-1])[::-1]  # sum of those that are not capped when the k largest are
    scale = (1.0 - cap * np.arange(count)) / rest
    k = int(np.argmax((falling * scale <= cap) & (scale > 0)))
    return np.minimum(weight * scale[k], cap)


def apportion(share: np.ndarray, total: int) -> np.ndarray:
    """Whole lots [n] in proportion to ``share`` [n] that sum to ``total`` >= n exactly, each at least one."""
    lots = 1 + np.floor(share * (total - len(share))).astype(np.int64)
    left = total - int(lots.sum())  # between about 0 and n
    lots[np.argsort(-lots, kind="stable")[:abs(left)]] += int(np.sign(left))
    return lots
