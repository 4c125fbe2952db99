"""Windows of mean depth beside the realised volatility of the same time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SECONDS_PER_DAY = 86_400.0
TIME_TOLERANCE = 1.0
"""Seconds within which the end of a window and the end of a bar are the same moment."""


@dataclass(frozen=True)
class Bars:
    """Log-returns of a market on an even grid of bars. Axis ``G`` bars."""

    end: np.ndarray  # [G] seconds since 1970 at which the bar ends
    log_return: np.ndarray  # [G], NaN where there is none
    seconds: float  # length of a bar


@dataclass(frozen=True)
class Windows:
    """Mean depth of a market by window, in time order. Axis ``n`` windows."""

    market: str
    end: np.ndarray  # [n] seconds since 1970 at which the window ends
    seconds: float  # length of a window
    bid: np.ndarray  # [n] USD of bids within the reference move of mid
    ask: np.ndarray  # [n] USD of asks within it

    @property
    def usd(self) -> np.ndarray:
        """Mean of both sides [n] in USD."""
        return 0.5 * (self.bid + self.ask)

    @property
    def years(self) -> np.ndarray:
        """Time [n] in years of 365 days from the end of the last window: zero or less."""
        return (self.end - self.end[-1]) / (365.0 * SECONDS_PER_DAY)


@dataclass(frozen=True)
class Realised:
    """Realised variance of each window [n], a sum of squared log-returns; NaN where a bar is missing.

    ``odd`` and ``even`` are those of every other bar. Given the path of volatility they err independently.
    """

    variance: np.ndarray
    odd: np.ndarray
    even: np.ndarray
    bars: int  # a window
    bar_seconds: float

    @property
    def log_volatility(self) -> np.ndarray:
        """Logarithm [n] of the volatility per sqrt(year); NaN where nothing moved."""
        years = self.bars * self.bar_seconds / (365.0 * SECONDS_PER_DAY)
        return _half_log(self.variance / years)

    @property
    def halves(self) -> tuple[np.ndarray, np.ndarray]:
        """The same of odd and of even bars alone [n], up to a constant."""
        return _half_log(self.odd), _half_log(self.even)


def realised(windows: Windows, bars: Bars) -> Realised:
    """The realised variance of the bars that make up each window; raises ValueError where bars do not fit in."""
    count = round(windows.seconds / bars.seconds)
    if count < 2 or abs(count * bars.seconds - windows.seconds) > TIME_TOLERANCE:
        raise ValueError(f"windows of {windows.seconds:g} s are no two or more whole bars of {bars.seconds:g} s")
    last = np.searchsorted(bars.end, windows.end - TIME_TOLERANCE)
    inside = (last < len(bars.end)) & (last >= count - 1)
    last = np.where(inside, last, count - 1)
    fits = inside & (np.abs(bars.end[last] - windows.end) <= TIME_TOLERANCE)
    square = bars.log_return[last[:, None] - np.arange(count)] ** 2
    square[~fits] = np.nan
    return Realised(square.sum(1), square[:, 0::2].sum(1), square[:, 1::2].sum(1), count, bars.seconds)


def _half_log(variance: np.ndarray) -> np.ndarray:
    return 0.5 * np.log(np.where(variance > 0, variance, np.nan))
