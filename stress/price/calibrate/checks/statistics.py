"""What the history and samples of a fitted law are compared by: functions of returns [T, n], one number a column."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import kurtosis

from stress.units import SECONDS_PER_HOUR, SECONDS_PER_YEAR

Statistic = Callable[[np.ndarray], np.ndarray]
"""Function of returns [T, n] that gives [n]; what is not seen (NaN) is not seen in any column."""

HOURS = (1, 4, 24)
RARE = {"0.1%": 1e-3, "0.01%": 1e-4}
TAIL = 0.01
"""Share of the bars that count as a market's lower tail."""


def market_statistics(bar_seconds: float) -> dict[str, Statistic]:
    """Statistics of one market, by name. Moves and quantiles are relative."""
    bars = {h: round(h * SECONDS_PER_HOUR / bar_seconds) for h in HOURS if h * SECONDS_PER_HOUR >= 0.99 * bar_seconds}
    return {
        "annual_volatility": lambda x: seen(x).std(0) * np.sqrt(SECONDS_PER_YEAR / bar_seconds),
        "excess_kurtosis": lambda x: np.asarray(kurtosis(seen(x), axis=0)),
        **{f"worst_{h}h": _worst(k) for h, k in bars.items()},
        **{f"one_in_1000_{h}h": _quantile(1e-3, k) for h, k in bars.items()},
        **{f"lower_{name}": _quantile(share, 1) for name, share in RARE.items()},
        **{f"upper_{name}": _quantile(1 - share, 1) for name, share in RARE.items()},
        **{f"squares_lag_{h}h": _autocorrelation(bars[h]) for h in (1, 24) if h in bars},
    }


def seen(returns: np.ndarray) -> np.ndarray:
    """The rows that are seen."""
    return returns[np.isfinite(returns[:, 0])]


def windows(returns: np.ndarray, bars: int) -> np.ndarray:
    """Sums over every ``bars`` neighbouring returns [T, n]; NaN where one is missing."""
    if bars == 1 or len(returns) < bars:
        return returns
    missing = np.isnan(returns)
    total = np.cumsum(np.vstack([np.zeros((1, returns.shape[1])), np.where(missing, 0.0, returns)]), axis=0)
    holes = np.cumsum(np.vstack([np.zeros((1, returns.shape[1]), int), missing]), axis=0)
    return np.where(holes[bars:] > holes[:-bars], np.nan, total[bars:] - total[:-bars])


def tail_dependence(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """P(both in their lower tail | one is) [n] of returns [T, n] of two markets; independence gives ``TAIL``."""
    both = np.isfinite(first[:, 0]) & np.isfinite(second[:, 0])
    low = [x[both] <= np.quantile(x[both], TAIL, axis=0) for x in (first, second)]
    return (low[0] & low[1]).sum(0) / low[0].sum(0)


def _worst(bars: int) -> Statistic:
    return lambda x: np.expm1(np.nanmin(windows(x, bars), axis=0))


def _quantile(share: float, bars: int) -> Statistic:
    return lambda x: np.expm1(np.quantile(seen(windows(x, bars)), share, axis=0))


def _autocorrelation(lag: int) -> Statistic:
    """Of squared returns, over the pairs of bars that are both seen."""
    def statistic(x: np.ndarray) -> np.ndarray:
        square = x**2 - (seen(x) ** 2).mean(0)
        pairs = seen(square[lag:] * square[:-lag])
        return pairs.mean(0) / (seen(square) ** 2).mean(0)

    return statistic
