"""How deep a book is: the level now, where it is heading, and how it scatters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from stress.liquidity.calibrate.regression import beside_level, long_run
from stress.liquidity.calibrate.windows import SECONDS_PER_DAY, Windows

TREND_DAYS = 365.0
"""Days at the end of the history that the trend is of."""
LASTING_DAYS = 10.0, 30.0
"""Days over which windows are taken to depend on one another: about the level, about the trend."""
LEVEL_DAYS = 30.0
"""Windows scatter about their mean over this many days."""
TAILS = 0.05, 0.95


@dataclass(frozen=True)
class Level:
    """Depth of a market, mean of both sides, USD within 1 % of mid. ``low`` and ``high`` bound the level."""

    usd: float  # geometric mean of the recent windows, as it were in the reference regime
    low: float
    high: float
    windows: int  # it rests on
    mean_usd: float  # geometric mean of the recent windows as they are
    trend: float  # log a year, over the last year
    trend_error: float
    scatter: float  # standard deviation of log depth of a window about its month
    quantiles: tuple[float, float]  # of a recent window over the level
    bid_share: float  # of bids in both sides


def recent_level(windows: Windows, days: float, log_multiplier: np.ndarray, confidence: float) -> Level:
    """The level over the last ``days``.

    ``log_multiplier`` [n] is what each window's regimes do to depth, zero in the reference regime. The interval is that
    of a mean of dependent windows: it says how well the recent level is known, not how long it will stay.
    """
    log = np.log(windows.usd)
    chosen = windows.end > windows.end[-1] - days * SECONDS_PER_DAY
    now, time = (log - log_multiplier)[chosen], windows.end[chosen]
    mean = float(now.mean())
    spread = long_run(time, (now - mean)[:, None], LASTING_DAYS[0] * SECONDS_PER_DAY)[0, 0]
    error = float(np.sqrt(spread)) / len(now)
    width = float(norm.ppf(0.5 + 0.5 * confidence)) * error
    trend, trend_error = _trend(windows, log)
    around = beside_level(windows.end, log, LEVEL_DAYS * SECONDS_PER_DAY)
    low, high = np.exp(np.quantile(log[chosen] - mean, TAILS))
    bid = float((windows.bid[chosen] / (windows.bid + windows.ask)[chosen]).mean())
    return Level(
        usd=float(np.exp(mean)),
        low=float(np.exp(mean - width)),
        high=float(np.exp(mean + width)),
        windows=len(now),
        mean_usd=float(np.exp(log[chosen].mean())),
        trend=trend,
        trend_error=trend_error,
        scatter=float(around.std()),
        quantiles=(float(low), float(high)),
        bid_share=bid,
    )


def _trend(windows: Windows, log: np.ndarray) -> tuple[float, float]:
    """Slope of log depth a year, and its standard error."""
    chosen = windows.end > windows.end[-1] - TREND_DAYS * SECONDS_PER_DAY
    x = windows.years[chosen] - windows.years[chosen].mean()
    y = log[chosen] - log[chosen].mean()
    total = float((x * x).sum())
    slope = float((x * y).sum()) / total
    score = (x * (y - slope * x))[:, None]
    return slope, float(np.sqrt(long_run(windows.end[chosen], score, LASTING_DAYS[1] * SECONDS_PER_DAY)[0, 0])) / total
