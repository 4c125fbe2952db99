"""Where the optimiser begins: hours sorted into regimes by their smoothed size, and rough jumps in each."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.signal import lfilter

from stress.price.calibrate.mixture.layout import Layout

ROBUST = 0.6745
"""Median of |Z| for a standard normal Z."""


def random_start(layout: Layout, returns: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A start for returns [T, A] (NaN: not seen): half-life, shares of the regimes and jumps are drawn."""
    size = layout.regimes
    shares = np.cumprod(random.uniform(0.15, 0.6, size - 1))
    label = _labels(returns / layout.scale, shares, float(np.exp(random.uniform(np.log(3), np.log(48)))))
    diffusion = np.stack([_diffusion(returns[label == r], layout.scale) for r in range(size)])
    diffusion = np.maximum.accumulate(diffusion, axis=0)
    relative = np.log(diffusion / layout.scale)
    shape = (size, layout.markets)
    pairs = layout.markets * (layout.markets - 1) // 2
    parts = {
        "location": np.zeros(shape), "volatility": np.diff(relative, axis=0, prepend=np.zeros((1, shape[1]))),
        "correlation": np.full((size, pairs), 0.7),
        "intensity": np.log(0.01) + random.normal(size=shape), "mean": np.zeros(shape), "std": np.full(shape, 1.2),
        "common_intensity": np.log(0.1) + random.normal(size=size), "common_mean": np.zeros(shape),
        "common_std": np.full(shape, 1.2), "common_correlation": np.ones(size), "rates": _log_rates(label, size),
    }
    return layout.join(parts)


def _labels(relative: np.ndarray, shares: np.ndarray, half_life: float) -> np.ndarray:
    """Regime of each bar [T] by its smoothed size; ``shares`` of the bars lie above each cut."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # bars in which nothing was seen
        size = np.nan_to_num(np.nanmean(np.abs(relative), axis=1))
    keep = 0.5 ** (1 / half_life)
    past, future = (lfilter([1 - keep], [1, -keep], way) for way in (size, size[::-1]))
    smooth = np.asarray(past) + np.asarray(future)[::-1]
    return np.searchsorted(np.quantile(smooth, 1 - shares), smooth)


def _diffusion(returns: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Robust standard deviation [A] of a regime's bars; a part of the overall one where too few were seen."""
    enough = np.isfinite(returns).sum(0) >= 10
    columns = zip(returns.T, enough, strict=True)
    median = np.array([np.nanmedian(np.abs(column)) if ok else np.nan for column, ok in columns])
    return np.where(np.nan_to_num(median) > 0, np.nan_to_num(median) / ROBUST, 0.5 * scale)


def _log_rates(label: np.ndarray, size: int) -> np.ndarray:
    """Log switching rates a bar [R (R - 1)] from counted switches."""
    counts = np.full((size, size), 0.1)
    np.add.at(counts, (label[:-1], label[1:]), 1.0)
    return np.log(counts / counts.sum(1, keepdims=True))[~np.eye(size, dtype=bool)]
