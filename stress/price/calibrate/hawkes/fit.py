"""Fitting self-exciting Merton jumps over a constant diffusion to bars of several markets.

Market by market, by the likelihood of a filter of the hidden intensity given that the stationary variance is the
sample's (a filter says little of the mean rate of jumps); then the correlations and the common jumps, given those. All
jumps of a market, own and common, are one process to the first stage. The sum of two self-exciting processes is one
again if both decay and branch alike, so the common process takes the markets' mean of both: then every market's law
stays about as fitted. Whether common jumps excite themselves otherwise is not estimated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from scipy.special import log_ndtr

from stress.price.calibrate.base import Likelihood, Numbers
from stress.price.calibrate.hawkes.filter import Intensities, densities, look
from stress.price.calibrate.hawkes.grid import NUMBERS
from stress.price.calibrate.hawkes.market import MarketFit, Problem, fit_market
from stress.price.calibrate.hawkes.paths import HawkesLaw, Process, walk
from stress.price.calibrate.hidden.ahead import OneAhead, markets_ahead
from stress.price.calibrate.hidden.lanes import joined, lanes, side_by_side
from stress.price.calibrate.hidden.pairs import Marginal, Ties, no_ties, ties
from stress.price.calibrate.hidden.summary import alone, onward

TOLD_APART = 3
"""Jumps a bar and market told apart between markets."""


@dataclass(frozen=True)
class HawkesFit:
    """Fitted self-exciting jumps of several markets; prices without drift. See ``base.Dynamics``."""

    law: HawkesLaw
    each: list[MarketFit]
    tied: Ties
    seen: np.ndarray  # [A] jumps a year in the sample, as the filters see them

    @property
    def bar_years(self) -> float:
        """Length of a bar."""
        return self.each[0].problem.bar_years

    def simulate(self, bars: int, paths: int, random: Numbers) -> np.ndarray:
        """Log-returns [T, P, A] of bars, the intensities stationary to begin with."""
        start = self.law.process.stationary(paths, self.bar_years, random)
        return walk(self.law, start, bars, self.bar_years, random)

    def predict(self, returns: np.ndarray, at: np.ndarray, bars: int, draws: int, random: Numbers) -> np.ndarray:
        """Draws [n, P, A] of sums of returns, each from what the filter knows of the intensities.

        A market's discounted number of jumps is split between own and common ones in proportion to their mean rates,
        the common part being the mean over markets.
        """
        known = [np.asarray(_look(fit, x, at).law) for fit, x in zip(self.each, returns.T, strict=True)]
        rate = self.law.process.rate()
        share = rate[-1] / (rate[:-1] + rate[-1])

        def move(nodes: list[np.ndarray]) -> np.ndarray:
            total = np.stack([i / fit.lattice.per_jump for i, fit in zip(nodes, self.each, strict=True)], axis=-1)
            start = np.concatenate([total * (1 - share), (total * share).mean(-1, keepdims=True)], axis=-1)
            return walk(self.law, start, bars, self.bar_years, random)

        return onward(known, draws, random, move)

    def likelihood(self, returns: np.ndarray) -> Likelihood:
        """Of each market, own and common jumps one process; several have no joint density in a form to compute."""
        return alone(self.one_ahead(returns).log_density)

    def one_ahead(self, returns: np.ndarray) -> OneAhead:
        """Every bar of returns [T, A] as seen from the bar before; also bars that the fit did not see."""
        columns = []
        for fit, column in zip(self.each, returns.T, strict=True):
            known, (_, d) = _look(fit, column), fit.problem.model(fit.top.vector)
            weight = np.maximum(np.asarray(known.probability), 0.0)
            density = (weight * np.asarray(densities(d, self.bar_years, jnp.asarray(column)))).sum(1)
            below = (weight * np.exp(log_ndtr(_scores(fit, column)))).sum(1)
            jumps = np.asarray(known.intensity) * (float(d.mean) ** 2 + float(d.std) ** 2)
            deviation = np.sqrt((float(d.volatility) ** 2 + jumps) * self.bar_years)
            columns.append((density, below, deviation))
        return markets_ahead(columns, returns)


def fit_hawkes(returns: np.ndarray, bar_years: float, *, max_jumps_per_year: float) -> HawkesFit:
    """Fit log-returns [T, A] (NaN where not seen)."""
    each = side_by_side(fit_market, [Problem(column, bar_years, max_jumps_per_year) for column in returns.T])
    found = [_marginal(fit, column) for fit, column in zip(each, returns.T, strict=True)]
    tied = ties(found) if len(each) > 1 else no_ties(len(returns))
    seen = np.array([m.intensity.mean() for m in found]) / bar_years
    return HawkesFit(_law(each, tied), each, tied, seen)


def rates(each: Sequence[MarketFit]) -> np.ndarray:
    """Mean jumps [A] a year, own and common."""
    return np.exp([fit.top.vector[0] for fit in each])


def common_rate(each: Sequence[MarketFit], tied: Ties) -> float:
    """Mean common jumps a year: as many as are seen in the sample, and no larger a share of any market's mean rate."""
    return min(float(tied.common.mean()) / each[0].problem.bar_years, tied.share * float(rates(each).min()))


def _law(each: list[MarketFit], tied: Ties) -> HawkesLaw:
    models, diffusions = zip(*(fit.problem.model(fit.top.vector) for fit in each), strict=True)
    alpha, beta = (np.array([float(getattr(m, name)) for m in models]) for name in ("alpha", "beta"))
    volatility, mean, std = (np.array([float(getattr(d, name)) for d in diffusions])
                             for name in ("volatility", "mean", "std"))
    common, ratio = common_rate(each, tied) if len(each) > 1 else 0.0, alpha / beta
    rate = np.append(rates(each) - common, common)
    ratio, beta = np.append(ratio, ratio.mean()), np.append(beta, np.exp(np.log(beta).mean()))
    return HawkesLaw(volatility, tied.correlation, mean, std, tied.size_correlation,
                     Process(rate * (1 - ratio), ratio * beta, beta))


def _look(fit: MarketFit, returns: np.ndarray, at: Sequence[int] | np.ndarray = (-1,)) -> Intensities:
    """What the filter knows before each bar of returns [T]; the state's law only before bars ``at``, T allowed."""
    cut = lanes(np.append(returns, np.nan), fit.warm)
    excitation, diffusion = fit.problem.model(fit.top.vector)
    given = densities(diffusion, fit.problem.bar_years, jnp.asarray(cut.returns))
    seen = look(excitation, given, fit.lattice.size, fit.lattice.per_jump, fit.problem.bar_years)
    each = [joined(np.asarray(x), cut) for x in seen]
    return Intensities(*(x[:-1] for x in each[:-1]), each[-1][np.asarray(at, dtype=int)])  # type: ignore[arg-type]


def _scores(fit: MarketFit, returns: np.ndarray) -> np.ndarray:
    """Standardised returns [T, n] by number of jumps; zero where not seen."""
    _, d = fit.problem.model(fit.top.vector)
    dt = fit.problem.bar_years
    deviation = np.sqrt(float(d.volatility) ** 2 * dt + NUMBERS * float(d.std) ** 2)
    gap = np.nan_to_num(returns)[:, None] - float(d.location) * dt - NUMBERS * float(d.mean)
    return np.where(np.isfinite(returns)[:, None], gap / deviation, 0.0)


def _marginal(fit: MarketFit, returns: np.ndarray) -> Marginal:
    _, d = fit.problem.model(fit.top.vector)
    dt, some = fit.problem.bar_years, slice(0, TOLD_APART + 1)
    variance = np.full(len(returns), float(d.volatility) ** 2 * dt)
    return Marginal(
        density=np.asarray(densities(d, dt, jnp.asarray(returns)))[:, some], score=_scores(fit, returns)[:, some],
        intensity=np.asarray(_look(fit, returns).intensity) * dt, variance=variance, volatility=np.sqrt(variance),
        jump_variance=float(d.std) ** 2, rho=0.0, seen=np.isfinite(returns))
