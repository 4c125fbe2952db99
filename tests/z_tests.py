"""z-tests with one failure message: model, parameters, statistic, calculated, expected, error, z, limit, n, seed.

A test has to agree with the truth and, in its power check, to reject a stated wrong parameter. Reference values are
met within ``LIMIT`` standard errors plus their own tolerance (false alarm rate 6.3e-5 each, at a fixed seed: all
together raise one alarm in 150 reseedings). Noise is tested at ``NOISE_ALARM`` each.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np

LIMIT = 4.0
"""Standard errors between an estimate and a reference value."""
NOISE_ALARM = 1e-6
"""False alarm rate of one test of the noise, two-sided."""
NOISE_LIMIT = -NormalDist().inv_cdf(NOISE_ALARM / 2)
"""The same in standard errors."""


@dataclass(frozen=True)
class Estimate:
    """A statistic of ``n`` independent samples with its standard error."""

    value: float
    error: float
    n: int


@dataclass(frozen=True)
class ZTest:
    """A comparison of an estimate with what is expected."""

    estimate: Estimate
    expected: float
    statistic: str
    model: str
    seed: int
    parameters: Any = field(default=())
    tolerance: float = 0.0  # uncertainty of the expected value
    limit: float = LIMIT

    @property
    def z(self) -> float:
        """Standard errors by which estimate and expected value differ beyond the tolerance."""
        gap = max(abs(self.estimate.value - self.expected) - self.tolerance, 0.0)
        return gap / self.estimate.error if self.estimate.error > 0 else (0.0 if gap == 0 else math.inf)

    def __str__(self) -> str:
        return (
            f"model {self.model}, parameters {self.parameters}, statistic {self.statistic}: calculated "
            f"{self.estimate.value:.9g}, expected {self.expected:.9g} (tolerance {self.tolerance:.1g}), standard error "
            f"{self.estimate.error:.3g}, z {self.z:.2f}, limit {self.limit:.2f}, n {self.estimate.n}, seed {self.seed}"
        )

    def agrees(self) -> None:
        """Fail unless the estimate is what is expected; a standard error of zero is no evidence."""
        assert 0 < self.estimate.error < math.inf, f"no evidence: {self}"
        assert self.z <= self.limit, str(self)

    def rejects(self) -> None:
        """The power check: fail unless the estimate is seen to be wrong."""
        assert self.z > self.limit, f"no power: {self}"


def mean(values: np.ndarray) -> Estimate:
    """Mean of independent values [n]."""
    n = len(values)
    return Estimate(float(values.mean()), float(values.std(ddof=1) / math.sqrt(n)), n)


def variance(values: np.ndarray) -> Estimate:
    """Variance; the error by its influence function, so no normality is assumed (likewise below)."""
    square = (values - values.mean()) ** 2
    return _of(square.mean(), square - square.mean())


def skewness(values: np.ndarray) -> Estimate:
    """Third standardised moment."""
    x, m = _moments(values)
    skew = m[3] / m[2] ** 1.5
    return _of(skew, (x**3 - m[3] - 3 * m[2] * x) / m[2] ** 1.5 - 1.5 * skew * (x**2 - m[2]) / m[2])


def excess_kurtosis(values: np.ndarray) -> Estimate:
    """Fourth standardised moment less three."""
    x, m = _moments(values)
    kurtosis = m[4] / m[2] ** 2
    return _of(kurtosis - 3.0, (x**4 - m[4] - 4 * m[3] * x) / m[2] ** 2 - 2 * kurtosis * (x**2 - m[2]) / m[2])


def correlation(x: np.ndarray, y: np.ndarray) -> Estimate:
    """Pearson's correlation."""
    a, b = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    rho = float((a * b).mean())
    return _of(rho, a * b - rho * (a**2 + b**2) / 2)


def quantile_rank(losses: np.ndarray, level: float) -> Estimate:
    """Share of losses above ``level``: the binomial test of a quantile."""
    return mean((losses > level).astype(float))


def _moments(values: np.ndarray) -> tuple[np.ndarray, list[float]]:
    x = values - values.mean()
    return x, [float((x**k).mean()) for k in range(5)]


def _of(value: float, influence: np.ndarray) -> Estimate:
    n = len(influence)
    return Estimate(float(value), float(np.sqrt((influence**2).mean() / n)), n)


STATISTICS: dict[str, Callable[[np.ndarray], Estimate]] = {
    "mean": mean,
    "variance": variance,
    "skewness": skewness,
    "kurtosis": excess_kurtosis,
}
