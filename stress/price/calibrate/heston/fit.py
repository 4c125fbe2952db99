"""Fitting Heston's variance, and Bates' (Heston with Merton's jumps), to bars of several markets.

Market by market, by the likelihood of a filter on a grid; then the correlations and the common jumps, given those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from scipy.stats import norm

from stress.price.calibrate.base import Likelihood, Numbers
from stress.price.calibrate.heston.filter import Seen, counts, look
from stress.price.calibrate.heston.market import MOST_JUMPS, MarketFit, Problem, fit_market
from stress.price.calibrate.heston.paths import HestonLaw, walk
from stress.price.calibrate.hidden.ahead import OneAhead, markets_ahead
from stress.price.calibrate.hidden.lanes import joined, lanes, side_by_side
from stress.price.calibrate.hidden.pairs import Marginal, Ties, no_ties, ties
from stress.price.calibrate.hidden.summary import alone, onward


@dataclass(frozen=True)
class HestonFit:
    """Fitted Heston or Bates dynamics of several markets; prices without drift. See ``base.Dynamics``."""

    law: HestonLaw
    each: list[MarketFit]
    tied: Ties
    last: np.ndarray  # [A] mean of the variance after the sample, given it
    last_deviation: np.ndarray  # [A]

    @property
    def bar_years(self) -> float:
        """Length of a bar."""
        return self.each[0].problem.bar_years

    def simulate(self, bars: int, paths: int, random: Numbers) -> np.ndarray:
        """Log-returns [T, P, A] of bars, the variances stationary to begin with, each market's by itself."""
        law = self.law
        shape = 2 * law.kappa * law.theta / law.xi**2
        start = random.gamma(shape, law.theta / shape, size=(paths, len(shape)))
        return walk(law, start, bars, self.bar_years, random)

    def predict(self, returns: np.ndarray, at: np.ndarray, bars: int, draws: int, random: Numbers) -> np.ndarray:
        """Draws [n, P, A] of sums of returns, each from what the filter knows of the variances."""
        known = [np.asarray(_look(fit, x, at).law) for fit, x in zip(self.each, returns.T, strict=True)]
        squares = [np.asarray(fit.grid.nodes) ** 2 for fit in self.each]

        def move(nodes: list[np.ndarray]) -> np.ndarray:
            start = np.stack([v[i] for v, i in zip(squares, nodes, strict=True)], axis=-1)
            return walk(self.law, start, bars, self.bar_years, random)

        return onward(known, draws, random, move)

    def likelihood(self, returns: np.ndarray) -> Likelihood:
        """Of each market; several have no joint density in a form to compute."""
        return alone(self.one_ahead(returns).log_density)

    def one_ahead(self, returns: np.ndarray) -> OneAhead:
        """Every bar of returns [T, A] as seen from the bar before; also bars that the fit did not see."""
        columns = []
        for fit, column in zip(self.each, returns.T, strict=True):
            known, (_, jump), dt = _look(fit, column), fit.problem.model(fit.top.vector), self.bar_years
            weight, variance = np.asarray(counts(jump, dt, MOST_JUMPS)), np.asarray(known.variance)
            if jump is not None:
                variance = variance + float(jump.intensity * (jump.mean**2 + jump.std**2))
            density, below = (np.asarray(x) @ weight for x in (known.density, known.below))
            columns.append((density, below, np.sqrt(variance * dt)))
        return markets_ahead(columns, returns)


def fit_heston(returns: np.ndarray, bar_years: float, *, jumps: bool = False, max_jumps_per_year: float = 1750.0
               ) -> HestonFit:
    """Fit log-returns [T, A] (NaN where not seen): Heston, or with ``jumps`` Bates."""
    problems = [Problem(column, bar_years, jumps, max_jumps_per_year) for column in returns.T]
    each = side_by_side(fit_market, problems)
    seen = [_look(fit, column) for fit, column in zip(each, returns.T, strict=True)]
    found = [_marginal(fit, x, column) for fit, x, column in zip(each, seen, returns.T, strict=True)]
    tied = ties(found) if len(each) > 1 else no_ties(len(returns))
    nodes = [np.asarray(fit.grid.nodes) ** 2 for fit in each]
    last = np.array([np.asarray(x.law)[0] @ v for x, v in zip(seen, nodes, strict=True)])
    spread = [np.asarray(x.law)[0] @ (v - m) ** 2 for x, v, m in zip(seen, nodes, last, strict=True)]
    return HestonFit(_law(each, tied), each, tied, last, np.sqrt(spread))


def _law(each: list[MarketFit], tied: Ties) -> HestonLaw:
    models, jumps = zip(*(fit.problem.model(fit.top.vector) for fit in each), strict=True)
    kappa, theta, xi, rho = (np.array([float(getattr(m, name)) for m in models])
                             for name in ("kappa", "theta", "xi", "rho"))
    intensity, mean, std = (np.array([0.0 if j is None else float(getattr(j, name)) for j in jumps])
                            for name in ("intensity", "mean", "std"))
    common = tied.share * float(intensity.min())
    return HestonLaw(kappa, theta, xi, rho, tied.correlation, intensity - common, mean, std, common,
                     tied.size_correlation)


def _look(fit: MarketFit, returns: np.ndarray, at: Sequence[int] | np.ndarray = (-1,)) -> Seen:
    """What the filter knows before each bar of returns [T]; the variance's law only before bars ``at``, T allowed."""
    cut = lanes(np.append(returns, np.nan), fit.warm)
    model, jump = fit.problem.model(fit.top.vector)
    seen = look(model, jump, fit.grid, fit.problem.bar_years, MOST_JUMPS, jnp.asarray(cut.returns))
    each = [joined(np.asarray(x), cut) for x in seen]
    return Seen(*(x[:-1] for x in each[:-1]), each[-1][np.asarray(at, dtype=int)])  # type: ignore[arg-type]


def _marginal(fit: MarketFit, known: Seen, returns: np.ndarray) -> Marginal:
    model, jump = fit.problem.model(fit.top.vector)
    dt = fit.problem.bar_years
    rate, size = (0.0, 0.0) if jump is None else (float(jump.intensity) * dt, float(jump.std) ** 2)
    return Marginal(
        density=np.asarray(known.density), score=norm.ppf(np.clip(known.below, 1e-15, 1 - 1e-15)),
        intensity=np.full(len(returns), rate), variance=np.asarray(known.variance) * dt,
        volatility=np.asarray(known.volatility) * np.sqrt(dt), jump_variance=size, rho=float(model.rho),
        seen=np.isfinite(returns))
