"""Least squares beside a slowly moving level, with standard errors that allow for what lasts.

The level of depth moves by a factor of ten over years, for reasons that are not volatility's: every variable enters as
its difference from its own mean over the neighbouring weeks of the same market.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Coefficient:
    """An estimate and its standard error."""

    estimate: float
    standard_error: float
    windows: int  # it rests on


@dataclass(frozen=True)
class Sample:
    """Rows of one or several markets. Axes: ``n`` rows, ``k`` regressors."""

    time: np.ndarray  # [n] seconds since 1970
    y: np.ndarray  # [n]
    x: np.ndarray  # [n, k]

    def without_controls(self, controls: np.ndarray) -> Sample:
        """What controls [n, c] leave of y and x: by Frisch and Waugh the coefficients on x stay what they are."""
        both = np.column_stack([self.y, self.x])
        both = both - controls @ np.linalg.lstsq(controls, both, rcond=None)[0]
        return Sample(self.time, both[:, 0], both[:, 1:])


def joined(samples: list[Sample]) -> Sample:
    """The rows of several markets."""
    return Sample(*(np.concatenate([getattr(s, name) for s in samples]) for name in ("time", "y", "x")))


def beside_level(time: np.ndarray, values: np.ndarray, seconds: float) -> np.ndarray:
    """``values`` [n, ...] less their mean over the rows within ``seconds`` / 2 of each, ``time`` [n] rising."""
    total = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    first = np.searchsorted(time, time - 0.5 * seconds, side="left")
    last = np.searchsorted(time, time + 0.5 * seconds, side="right")
    count = (last - first).reshape(-1, *[1] * (values.ndim - 1))
    return values - (total[last] - total[first]) / count


def seasons(time: np.ndarray) -> np.ndarray:
    """Thirds of the week's days [n, 21], one column each: depth and volatility both follow the hours people work."""
    third = np.floor((time - 1.0) / 28_800.0).astype(int) % 21  # a window belongs to the third that it ends in
    return (third[:, None] == np.arange(21)).astype(float)


def least_squares(sample: Sample, lag_seconds: float) -> list[Coefficient]:
    """Ordinary least squares of y on x, without a constant."""
    inverse = np.linalg.inv(sample.x.T @ sample.x)
    slope = inverse @ (sample.x.T @ sample.y)
    score = sample.x * (sample.y - sample.x @ slope)[:, None]
    spread = inverse @ long_run(sample.time, score, lag_seconds) @ inverse
    error = np.sqrt(np.diag(spread))
    return [Coefficient(float(b), float(e), len(sample.y)) for b, e in zip(slope, error, strict=True)]


def two_measures(sample: Sample, lag_seconds: float) -> Coefficient:
    """The slope of y on what both columns of x measure, each with an error of its own.

    Each column instruments the other: sum y (x1 + x2) / (2 sum x1 x2). Errors of measurement pull least squares towards
    zero; here they drop out, for they are independent of one another.
    """
    first, second = sample.x.T
    common = 2.0 * (first * second).sum()
    slope = (sample.y * (first + second)).sum() / common
    score = sample.y * (first + second) - 2.0 * slope * first * second
    variance = long_run(sample.time, score[:, None], lag_seconds)[0, 0]
    return Coefficient(float(slope), float(np.sqrt(variance) / abs(common)), len(sample.y))


def long_run(time: np.ndarray, score: np.ndarray, lag_seconds: float) -> np.ndarray:
    """Covariance [k, k] of the sum of scores [n, k]: Newey and West (1987), with what falls on one time summed first.

    So markets may move together. The weight of a lag falls linearly to zero at ``lag_seconds``.
    """
    moments, group = np.unique(time, return_inverse=True)
    summed = np.zeros((len(moments), score.shape[1]))
    np.add.at(summed, group, score)
    result = summed.T @ summed
    step = float(np.median(np.diff(moments))) if len(moments) > 1 else 1.0
    for lag in range(1, min(int(lag_seconds / step), len(moments) - 1) + 1):
        weight = np.clip(1.0 - (moments[lag:] - moments[:-lag]) / (lag_seconds + step), 0.0, None)
        cross = (summed[lag:] * weight[:, None]).T @ summed[:-lag]
        result += cross + cross.T
    return result
