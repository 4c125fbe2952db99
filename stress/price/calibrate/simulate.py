"""Plain NumPy simulation of a fitted law, bar by bar: what the fit implies, seen with the sample's own eyes."""

from __future__ import annotations

import numpy as np
from scipy.linalg import expm

from stress.price.calibrate.law import BarLaw, stationary

Numbers = np.random.Generator


def growth_free(law: BarLaw) -> BarLaw:
    """The law with E[price] constant in every regime: the drift that presets are written with."""
    jumps = law.intensity * np.expm1(law.mean + 0.5 * law.std**2)
    common = np.expm1(law.common_mean + 0.5 * law.common_std**2)
    return law._replace(location=-0.5 * law.volatility**2 - jumps - law.common_intensity[:, None] * common)


def simulate(law: BarLaw, bars: int, paths: int, random: Numbers) -> np.ndarray:
    """Log-returns [T, P, A]; regimes start stationary and switch between bars."""
    regime = _regimes(law, bars, paths, random)
    returns = np.empty((bars, paths, law.volatility.shape[1]))
    for r in range(len(law.volatility)):
        here = regime == r
        returns[here] = _bars(law, r, int(here.sum()), random)
    return returns


def _bars(law: BarLaw, r: int, number: int, random: Numbers) -> np.ndarray:
    """Returns [number, A] in regime ``r``."""
    markets = law.volatility.shape[1]
    values, vectors = np.linalg.eigh(law.correlation[r])
    factor = vectors * np.sqrt(np.clip(values, 0, None))
    result = np.asarray(law.location[r] + law.volatility[r] * (random.normal(size=(number, markets)) @ factor.T))
    own = random.poisson(law.intensity[r], size=(number, markets))
    result += own * law.mean[r] + np.sqrt(own) * law.std[r] * random.normal(size=(number, markets))
    hit = np.flatnonzero(common := random.poisson(law.common_intensity[r], size=number))
    times, rho = common[hit, None], law.common_correlation[r]
    size = np.sqrt(rho) * random.normal(size=(len(hit), 1)) + np.sqrt(1 - rho) * random.normal(size=(len(hit), markets))
    result[hit] += times * law.common_mean[r] + np.sqrt(times) * law.common_std[r] * size
    return result


def _regimes(law: BarLaw, bars: int, paths: int, random: Numbers) -> np.ndarray:
    """Regime of every bar [T, P]."""
    size = len(law.volatility)
    found = np.zeros((bars, paths), np.int8)
    if size == 1:
        return found
    onward = np.cumsum(expm(np.asarray(law.rates)), axis=1)[:, :-1]
    now = (random.random(paths)[:, None] > np.cumsum(stationary_law(law))[:-1]).sum(1)
    for bar in range(bars):
        found[bar] = now
        now = (random.random(paths)[:, None] > onward[now]).sum(1)
    return found


def stationary_law(law: BarLaw) -> np.ndarray:
    """Stationary law [R] of the regimes."""
    return np.asarray(stationary(law.rates)) if len(law.rates) > 1 else np.ones(1)
