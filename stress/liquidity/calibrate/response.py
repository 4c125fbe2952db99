"""How depth answers to volatility: an elasticity, and a multiplier for every regime of a market model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stress.liquidity.calibrate.regression import (
    Coefficient,
    Sample,
    beside_level,
    joined,
    least_squares,
    seasons,
    two_measures,
)
from stress.liquidity.calibrate.windows import SECONDS_PER_DAY, Realised, Windows

LEVEL_DAYS = 30.0
"""What lasts longer than about this is the level's, not the answer to volatility."""
BINS = 25
LASTING_DAYS = 7.0
"""Days over which windows are taken to depend on one another."""


@dataclass(frozen=True)
class Elasticity:
    """d log depth / d log volatility of the same window."""

    naive: Coefficient  # on realised volatility as measured, which pulls it towards zero
    corrected: Coefficient  # for the error of that measurement; what is used
    before: float  # correlation with the realised volatility of the window itself, and of the next: the first is
    after: float  # stronger where times are the ends of windows
    residual: float  # standard deviation of log depth that is left


def elasticity(windows: list[Windows], volatility: list[Realised]) -> Elasticity:
    """The elasticity of one market, or of several together with one elasticity."""
    naive = joined([_sample(w, r.log_volatility[:, None]) for w, r in zip(windows, volatility, strict=True)])
    halves = joined([_sample(w, np.column_stack(r.halves)) for w, r in zip(windows, volatility, strict=True)])
    next_ = [_sample(w, _later(w, r)[:, None]) for w, r in zip(windows, volatility, strict=True)]
    lag = LASTING_DAYS * SECONDS_PER_DAY
    plain = least_squares(naive, lag)[0]
    residual = float((naive.y - naive.x[:, 0] * plain.estimate).std())
    return Elasticity(plain, two_measures(halves, lag), _correlation(naive), _correlation(joined(next_)), residual)


def regime_response(windows: list[Windows], shares: list[np.ndarray]) -> list[Coefficient]:
    """Log depth in each regime but the first, relative to the first, of all markets together.

    ``shares`` [n, R] is the share of each window spent in each regime; NaN where that is not known. The mean depth of a
    window is the mean over its regimes, so log depth is linear in the shares while multipliers are not far from one: at
    0.7 for half of the window the error is 0.02.
    """
    samples = [_sample(w, s[:, 1:]) for w, s in zip(windows, shares, strict=True)]
    return least_squares(joined(samples), LASTING_DAYS * SECONDS_PER_DAY)


def response_bins(windows: list[Windows], volatility: list[Realised]) -> tuple[np.ndarray, np.ndarray]:
    """Mean log volatility and mean log depth [BINS], both beside their own level, in bins of as many windows each."""
    sample = joined([_sample(w, r.log_volatility[:, None]) for w, r in zip(windows, volatility, strict=True)])
    parts = np.array_split(np.argsort(sample.x[:, 0], kind="stable"), BINS)
    return np.array([sample.x[p, 0].mean() for p in parts]), np.array([sample.y[p].mean() for p in parts])


def _sample(windows: Windows, x: np.ndarray) -> Sample:
    """Log depth and regressors [n, k] beside their own level and the time of day and week; rows that have all."""
    good = np.isfinite(x).all(1)
    time, y, x = windows.end[good], np.log(windows.usd)[good], x[good]
    every = np.column_stack([y, x, seasons(time)])
    every = beside_level(time, every, LEVEL_DAYS * SECONDS_PER_DAY)
    size = x.shape[1]
    return Sample(time, every[:, 0], every[:, 1 : 1 + size]).without_controls(every[:, 1 + size :])


def _later(windows: Windows, volatility: Realised) -> np.ndarray:
    """Log volatility [n] of the window that follows each; NaN where none does at once."""
    follows = np.abs(np.diff(windows.end) - windows.seconds) < 1.0
    return np.append(np.where(follows, volatility.log_volatility[1:], np.nan), np.nan)


def _correlation(sample: Sample) -> float:
    return float(np.corrcoef(sample.y, sample.x[:, 0])[0, 1])
