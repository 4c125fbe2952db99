"""Fitting a variance factor over the regimes that a mixture has found: each market by itself, the regimes given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stress.price.calibrate.base import Likelihood, Numbers
from stress.price.calibrate.hidden.lanes import side_by_side
from stress.price.calibrate.hidden.summary import alone, drawn
from stress.price.calibrate.mixture.dynamics import MixtureDynamics, part, regime_paths
from stress.price.calibrate.mixture.law import BarLaw
from stress.price.calibrate.regime_bates.market import MarketFit, fit_market
from stress.price.calibrate.regime_bates.paths import Factors, walk
from stress.price.calibrate.regime_bates.problem import Problem
from stress.price.calibrate.stateful import TOGETHER


@dataclass(frozen=True)
class RegimeBatesFit:
    """Regimes, and a variance factor of each market over them; prices without drift. See ``base.Dynamics``."""

    law: BarLaw  # the regimes' diffusions at the factors' levels
    regimes: MixtureDynamics  # as they were found, without factors; all markets tell the regime
    each: list[MarketFit]

    @property
    def bar_years(self) -> float:
        """Length of a bar."""
        return self.each[0].problem.bar_years

    @property
    def factors(self) -> Factors:
        """The factors of all markets."""
        found = [fit.factor for fit in self.each]
        return Factors(*(np.array([float(getattr(f, name)) for f in found]) for name in ("kappa", "xi", "rho")))

    def simulate(self, bars: int, paths: int, random: Numbers) -> np.ndarray:
        """Log-returns [T, P, A], regimes and factors stationary to begin with."""
        regime = regime_paths(self.law, bars, paths, random, None)
        return walk(self.law, self.factors, regime, self.factors.stationary(paths, random), self.bar_years, random)

    def predict(self, returns: np.ndarray, at: np.ndarray, bars: int, draws: int, random: Numbers) -> np.ndarray:
        """Draws [n, P, A] of sums of returns.

        The regime is drawn from what all markets tell, each factor from what its market's own filter knows in it.
        """
        known = self.regimes.states(returns, at).get("regime", np.ones((len(at), 1)))
        laws = [fit.filtered(column)[1][at] for fit, column in zip(self.each, returns.T, strict=True)]
        result, chunk = np.empty((len(at), draws, returns.shape[1])), max(TOGETHER // draws, 1)
        for begin in range(0, len(at), chunk):
            here = slice(begin, begin + chunk)
            block = result[here]
            moves = self._onward(known[here], [law[here] for law in laws], bars, draws, random)
            block[...] = moves.sum(0).reshape(block.shape)
        return result

    def _onward(self, known: np.ndarray, laws: list[np.ndarray], bars: int, draws: int, random: Numbers) -> np.ndarray:
        """Log-returns [T, n P, A] from laws of the regime [n, R] and, in each regime, of every factor [n, R, N]."""
        regime = drawn(known, draws, random)
        start = np.stack([_factor(fit, law, regime, random) for fit, law in zip(self.each, laws, strict=True)], axis=-1)
        sure = np.eye(known.shape[1])[regime.ravel()]
        paths = regime_paths(self.law, bars, len(sure), random, sure)
        return walk(self.law, self.factors, paths, start, self.bar_years, random)

    def likelihood(self, returns: np.ndarray) -> Likelihood:
        """Of each market; several have no joint density in a form to compute."""
        each = [fit.filtered(column)[0] for fit, column in zip(self.each, returns.T, strict=True)]
        return alone(np.stack(each, axis=1))


def fit_regime_bates(returns: np.ndarray, bar_years: float, regimes: MixtureDynamics) -> RegimeBatesFit:
    """Fit log-returns [T, A] (NaN where not seen), given their regimes."""
    problems = [Problem(column, bar_years, part(regimes.law, [a])) for a, column in enumerate(returns.T)]
    each = side_by_side(fit_market, problems)
    level = np.sqrt([float(fit.factor.level) for fit in each])
    return RegimeBatesFit(regimes.law._replace(volatility=np.asarray(regimes.law.volatility) * level), regimes, each)


def last_factors(fit: RegimeBatesFit, returns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation [A] of the factors after the last of returns [T, A]."""
    rows = []
    for market, column in zip(fit.each, returns.T, strict=True):
        law, factor = market.filtered(column)[1][-1].sum(0), np.asarray(market.grid.nodes) ** 2
        mean = law @ factor
        rows.append((mean, np.sqrt(law @ (factor - mean) ** 2)))
    mean, deviation = np.array(rows).T
    return mean, deviation


def _factor(fit: MarketFit, law: np.ndarray, regime: np.ndarray, random: Numbers) -> np.ndarray:
    """Factors [n P] drawn from their laws [n, R, N] in regimes [n, P]."""
    nodes = np.stack([drawn(each, regime.shape[1], random) for each in np.swapaxes(law, 0, 1)])
    return np.asarray(fit.grid.nodes)[np.take_along_axis(nodes, regime[None], axis=0)[0].ravel()] ** 2
