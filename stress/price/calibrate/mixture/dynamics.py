"""A fitted mixture in motion, bar by bar: regimes filtered and switched, jumps drawn, in plain NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from scipy.linalg import expm

from stress.price.calibrate.base import Likelihood, Numbers
from stress.price.calibrate.mixture.law import (
    BarLaw,
    blocks,
    filtered_log_likelihood,
    jump_counts,
    log_density,
    stationary,
)
from stress.price.calibrate.stateful import States, predict

LEFT_OUT = 1e-6
"""Probability a bar of jump counts that a density leaves out."""

BY_MARKET = ("location", "volatility", "intensity", "mean", "std", "common_mean", "common_std")
"""Fields of a law that have a column a market."""


@dataclass(frozen=True)
class MixtureDynamics:
    """Regimes over a law of bars; the state is the law of the regime ``regime`` [n, R]."""

    law: BarLaw
    joint: int  # the first so many markets have a joint density that can be formed; they tell the regime

    def simulate(self, bars: int, paths: int, random: Numbers) -> np.ndarray:
        """Log-returns [T, P, A]; regimes switch between bars."""
        return self.onward(bars, random, {}, paths)

    def predict(self, returns: np.ndarray, at: np.ndarray, bars: int, draws: int, random: Numbers) -> np.ndarray:
        """Draws [n, P, A] of sums of returns, the regime filtered."""
        return predict(self, returns, at, bars, draws, random)

    def onward(self, bars: int, random: Numbers, start: States, paths: int) -> np.ndarray:
        """Log-returns [T, P, A]; regimes start from their law [P, R], else stationary."""
        regime = regime_paths(self.law, bars, paths, random, start.get("regime"))
        flat = growth_free(self.law)
        returns = np.empty((bars, paths, flat.volatility.shape[1]))
        for r in range(len(flat.volatility)):
            here = regime == r
            returns[here] = bars_in(flat, r, int(here.sum()), random)
        return returns

    def states(self, returns: np.ndarray, at: np.ndarray) -> States:
        """Law [n, R] of the regime before the bars ``at``, given all bars before."""
        if len(self.law.rates) == 1:
            return {}
        first = range(min(self.joint, returns.shape[1]))
        told = returns[: at.max(initial=0), : len(first)]
        densities, onward = _densities(part(self.law, first), told), expm(np.asarray(self.law.rates))
        found, now = np.empty((len(densities) + 1, len(onward))), stationary_law(self.law)
        likelihood = np.exp(densities - densities.max(1, keepdims=True))
        for bar, density in enumerate(likelihood):
            found[bar] = now
            joint = now * density
            now = joint / joint.sum() @ onward
        found[-1] = now
        return {"regime": found[at]}

    def likelihood(self, returns: np.ndarray) -> Likelihood:
        """Log-likelihood of returns [T, A], and of each market's alone under the law of that market."""
        def alone(a: int) -> float:
            return _log_likelihood(part(self.law, [a]), returns[:, [a]])

        each = np.array([alone(a) for a in range(returns.shape[1])])
        if len(each) > self.joint:
            return Likelihood(None, each)
        return Likelihood(float(each[0]) if len(each) == 1 else _log_likelihood(self.law, returns), each)


def growth_free(law: BarLaw) -> BarLaw:
    """The law with E[price] constant in every regime: the drift that presets are written with."""
    jumps = law.intensity * np.expm1(law.mean + 0.5 * law.std**2)
    common = np.expm1(law.common_mean + 0.5 * law.common_std**2)
    return law._replace(location=-0.5 * law.volatility**2 - jumps - law.common_intensity[:, None] * common)


def part(law: BarLaw, markets: Sequence[int]) -> BarLaw:
    """The law of some markets: their own jumps and their part of the common ones."""
    own = {name: np.asarray(getattr(law, name))[:, list(markets)] for name in BY_MARKET}
    return law._replace(correlation=np.asarray(law.correlation)[:, list(markets)][:, :, list(markets)], **own)


def stationary_law(law: BarLaw) -> np.ndarray:
    """Stationary law [R] of the regimes."""
    return np.asarray(stationary(law.rates)) if len(law.rates) > 1 else np.ones(1)


def _log_likelihood(law: BarLaw, returns: np.ndarray) -> float:
    return float(filtered_log_likelihood(law, _densities(law, returns)))


def _densities(law: BarLaw, returns: np.ndarray) -> np.ndarray:
    """Log-densities [T, R] of returns [T, A] in each regime."""
    sample = blocks(returns)
    means = np.concatenate([np.asarray(law.intensity), np.asarray(law.common_intensity)[:, None]], axis=1)
    each = [log_density(law, r, jump_counts(means[r], LEFT_OUT), sample, len(returns)) for r in range(len(means))]
    return np.asarray(jnp.stack(each, axis=1))


def bars_in(law: BarLaw, r: int, number: int, random: Numbers) -> np.ndarray:
    """Returns [number, A] in regime ``r``."""
    markets = law.volatility.shape[1]
    values, vectors = np.linalg.eigh(law.correlation[r])
    factor = vectors * np.sqrt(np.clip(values, 0, None))
    result = np.asarray(law.location[r] + law.volatility[r] * (random.normal(size=(number, markets)) @ factor.T))
    for a in np.flatnonzero(law.intensity[r]):
        own = random.poisson(law.intensity[r, a], size=number)
        struck = np.flatnonzero(own)
        times = own[struck]
        result[struck, a] += times * law.mean[r, a] + np.sqrt(times) * law.std[r, a] * random.normal(size=len(struck))
    hit = np.flatnonzero(common := random.poisson(law.common_intensity[r], size=number))
    times, rho = common[hit, None], law.common_correlation[r]
    size = np.sqrt(rho) * random.normal(size=(len(hit), 1)) + np.sqrt(1 - rho) * random.normal(size=(len(hit), markets))
    result[hit] += times * law.common_mean[r] + np.sqrt(times) * law.common_std[r] * size
    return result


def regime_paths(law: BarLaw, bars: int, paths: int, random: Numbers, first: np.ndarray | None) -> np.ndarray:
    """Regime of every bar [T, P]; the first drawn from its law ``first`` [P, R], or the stationary one."""
    size = len(law.volatility)
    found = np.zeros((bars, paths), np.int8)
    if size == 1:
        return found
    onward = np.cumsum(expm(np.asarray(law.rates)), axis=1)[:, :-1]
    begin = np.cumsum(stationary_law(law) if first is None else first, axis=-1)[..., :-1]
    now = (random.random(paths)[:, None] > begin).sum(1)
    for bar in range(bars):
        found[bar] = now
        now = (random.random(paths)[:, None] > onward[now]).sum(1)
    return found
