"""What a fit of several markets says, whatever the model: parameters by their names in a configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from stress.price.calibrate.climb import Top
from stress.price.calibrate.estimates import Estimate
from stress.price.calibrate.pairs import nearest

UNITS = {
    "volatility": "per sqrt(year)", "variance.kappa": "per year", "variance.theta": "per year",
    "variance.xi": "per year", "variance.v0": "per year", "jump.intensity": "per year",
    "jump.common_intensity": "per year", "jump.mean": "log", "jump.std": "log", "jump.common_mean": "log",
    "jump.common_std": "log", "intensity.alpha": "per year", "intensity.beta": "per year",
    "intensity.common_alpha": "per year", "intensity.common_beta": "per year", "drift": "per year",
}

MISSPECIFIED = 2.0
"""Robust standard errors this many times those of a right model are worth a warning."""


@dataclass(frozen=True)
class Summary:
    """Parameters per year under the names of ``price``, with standard errors. Axes: ``A`` markets."""

    markets: list[str]
    parameters: dict[str, np.ndarray]  # [A], [A, A] for the correlation, [] for what all markets share
    errors: dict[str, np.ndarray]  # the same shapes; NaN where not known
    log_likelihood: float  # sum over markets of each one's own
    by_market: np.ndarray  # [A]
    joint_log_likelihood: float  # with the markets' one-bar laws joined by a Gaussian copula
    free: int  # parameters of the sum over markets and of the correlations and common jumps
    bars: int  # bars in which some market was seen
    method: str
    warnings: list[str]

    def estimates(self) -> list[Estimate]:
        """Every parameter by its full name, like ``variance.kappa.BTC``."""
        found = []
        for name, value in self.parameters.items():
            error, unit = self.errors[name], UNITS.get(name, "")
            for index in np.ndindex(np.shape(value)):
                if len(index) == 2 and index[0] >= index[1]:
                    continue
                label = ".".join([name, *(self.markets[i] for i in index)])
                own = float(error[index])
                found.append(Estimate(label, float(value[index]), own if np.isfinite(own) else None, unit))
        return found


class OneAhead(NamedTuple):
    """Every bar as seen from the bar before. Axes: ``T`` bars, ``A`` markets; NaN where not seen."""

    log_density: np.ndarray  # [T, A]
    below: np.ndarray  # [T, A] probability of a lower return (PIT)
    deviation: np.ndarray  # [T, A] standard deviation of the return


def copula_gain(below: np.ndarray) -> tuple[float, int]:
    """What a Gaussian copula of the PITs [T, A] adds to the sum of the markets' log-likelihoods; its parameters."""
    score = norm.ppf(np.clip(below, 1e-15, 1 - 1e-15))
    size, seen = score.shape[1], np.isfinite(score)
    raw = np.eye(size)
    for a in range(size):
        for b in range(a):
            both = seen[:, a] & seen[:, b]
            raw[a, b] = raw[b, a] = np.corrcoef(score[both, a], score[both, b])[0, 1]
    raw, total = nearest(raw), 0.0
    for pattern in np.unique(seen[seen.sum(1) > 1], axis=0):
        z = score[np.ix_((seen == pattern).all(1), pattern)]
        part = raw[np.ix_(pattern, pattern)]
        excess = np.linalg.inv(part) - np.eye(len(part))
        total += float(-0.5 * len(z) * np.linalg.slogdet(part)[1] - 0.5 * np.einsum("ti,ij,tj->", z, excess, z))
    return total, size * (size - 1) // 2


def top_notes(market: str, found: Top, names: list[str]) -> list[str]:
    """What the climb itself has to say."""
    notes = []
    held = [n for n, at in zip(names, found.held, strict=True) if at]
    loose = [n for n, at in zip(names, found.loose & ~found.held, strict=True) if at]
    if held:
        notes.append(f"{market}: {', '.join(held)} at a bound of what is looked for; no standard error.")
    if loose:
        notes.append(f"{market}: the likelihood is flat along {', '.join(loose)}.")
    if found.slope > 0.5:
        notes.append(f"{market}: the climb stopped {found.slope:.2g} standard errors short of the top.")
    robust, plain = (np.sqrt(np.diag(found.covariance(which))) for which in (True, False))
    free = ~found.held & ~found.loose
    ratio = float(np.max(robust[free] / np.maximum(plain[free], 1e-300), initial=0.0))
    if ratio > MISSPECIFIED:
        notes.append(f"{market}: standard errors are up to {ratio:.1f} times what they would be if the model held; "
                     "they allow for its being wrong, the model does not.")
    return notes


def spread_of(found: Top, slopes: np.ndarray) -> np.ndarray:
    """Standard errors [q] of q functions with derivatives [q, p]; NaN where they hang on what is held or loose."""
    lost = found.held | found.loose
    error = np.sqrt(np.maximum(np.einsum("qi,ij,qj->q", slopes, found.covariance(), slopes), 0.0))
    size = np.abs(slopes) / np.maximum(np.abs(slopes).max(1, keepdims=True), 1e-300)
    return np.where((size[:, lost] > 1e-6).any(1) | (error == 0), np.nan, error)
