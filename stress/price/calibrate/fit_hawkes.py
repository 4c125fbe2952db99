"""Fitting self-exciting Merton jumps over a constant diffusion to bars of several markets.

Market by market, by the likelihood of a filter of the hidden intensity; then the correlations and the common jumps,
given those. All jumps of a market, own and common, are one process to the first stage. The sum of two self-exciting
processes is one again if both decay and branch alike, so the common process takes the markets' mean of both: then
every market's law stays about as fitted. Whether common jumps excite themselves otherwise is not estimated.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import log_ndtr

from stress.price.calibrate.count_grid import NUMBERS
from stress.price.calibrate.fits import OneAhead, Summary, copula_gain, spread_of, top_notes
from stress.price.calibrate.hawkes_filter import Intensities, densities, look
from stress.price.calibrate.hawkes_market import MarketFit, Problem, fit_market
from stress.price.calibrate.hawkes_paths import Dynamics, Process, paths
from stress.price.calibrate.lanes import joined, lanes
from stress.price.calibrate.pairs import Marginal, Ties, ties

METHOD = (
    "maximum likelihood of each market by a filter of the hidden intensity on a grid of discounted jump numbers "
    "(clusters within a bar by their total number, times within a bar by their mean effect); correlations and common "
    "jumps by a composite likelihood of pairs given each market's fit; the common process decays and branches as the "
    "markets' do on average; standard errors by the sandwich of weekly scores, those of the second stage without the "
    "first's"
)

NAMES = ("jump.intensity", "intensity.alpha", "intensity.beta", "volatility", "drift", "jump.mean", "jump.std",
         "branching")
"""A market's parameters; jump.intensity is the base, and of all its jumps until common ones are told apart."""

COORDINATES = ["rate", "branching", "beta", "volatility", "location", "mean", "std"]

TOLD_APART = 3
"""Jumps a bar and market told apart between markets."""

FEW_JUMPS, CRITICAL = 30, 0.9


@dataclass(frozen=True)
class HawkesFit:
    """Fitted self-exciting jumps of several markets."""

    summary: Summary
    bar_years: float
    each: list[MarketFit]
    dynamics: Dynamics

    def simulate(self, bars: int, number: int, random: np.random.Generator) -> np.ndarray:
        """Log-returns [T, P, A] of bars, prices without drift, the intensities stationary to begin with."""
        start = self.dynamics.process.stationary(number, self.bar_years, random)
        return paths(self.dynamics, start, bars, self.bar_years, random)

    def one_ahead(self, returns: np.ndarray) -> OneAhead:
        """Every bar of returns [T, A] as seen from the bar before; also on bars the fit did not see."""
        return _one_ahead(self.each, [_look(fit, x) for fit, x in zip(self.each, returns.T, strict=True)], returns)

    def predict(self, returns: np.ndarray, at: Sequence[int], bars: int, number: int, random: np.random.Generator
                ) -> np.ndarray:
        """Samples [n, P, A] of the summed log-returns of ``bars`` bars from each bar of ``at`` [n] on, given those
        before it; prices without drift.

        A market's discounted number is split between own and common jumps in proportion to their mean rates, the
        common part being the mean over markets.
        """
        known = [_look(fit, x, at) for fit, x in zip(self.each, returns.T, strict=True)]
        total = np.stack([_drawn(np.asarray(x.law), fit.lattice.per_jump, number, random)
                          for x, fit in zip(known, self.each, strict=True)], axis=-1)
        rate = self.dynamics.process.rate()
        share = rate[-1] / (rate[:-1] + rate[-1])
        start = np.concatenate([total * (1 - share), (total * share).mean(-1, keepdims=True)], axis=-1)
        moved = paths(self.dynamics, start.reshape(-1, start.shape[-1]), bars, self.bar_years, random).sum(0)
        return moved.reshape(len(at), number, -1)


def fit_hawkes(returns: np.ndarray, bar_years: float, markets: Sequence[str], *, max_jumps_per_year: float = 1750.0,
               workers: int = 1) -> HawkesFit:
    """Fit log-returns [T, A] (NaN where not seen); ``workers`` markets at a time."""
    problems = [Problem(column, bar_years, max_jumps_per_year) for column in returns.T]
    with ThreadPoolExecutor(workers) as pool:
        each = list(pool.map(fit_market, problems))
    seen = [_look(fit, column) for fit, column in zip(each, returns.T, strict=True)]
    tied = ties(_marginals(each, seen, returns)) if len(each) > 1 else None
    summary = _summary(each, tied, _one_ahead(each, seen, returns), list(markets))
    return HawkesFit(summary, bar_years, each, _dynamics(summary))


def _look(fit: MarketFit, returns: np.ndarray, at: Sequence[int] = (-1,)) -> Intensities:
    """What the filter knows before each bar of returns [T]; the state's law only before bars ``at``, T allowed."""
    cut = lanes(np.append(returns, np.nan), fit.warm)
    excitation, diffusion = fit.problem.model(fit.top.vector)
    given = densities(diffusion, fit.problem.bar_years, jnp.asarray(cut.returns))
    seen = look(excitation, given, fit.lattice.size, fit.lattice.per_jump, fit.problem.bar_years)
    each = [joined(np.asarray(x), cut) for x in seen]
    return Intensities(*(x[:-1] for x in each[:-1]), each[-1][list(at)])  # type: ignore[arg-type]


def _scores(fit: MarketFit, returns: np.ndarray) -> np.ndarray:
    """Standardised returns [T, n] by number of jumps; zero where not seen."""
    _, d = fit.problem.model(fit.top.vector)
    n, dt = NUMBERS * 1.0, fit.problem.bar_years
    deviation = np.sqrt(float(d.volatility) ** 2 * dt + n * float(d.std) ** 2)
    gap = np.nan_to_num(returns)[:, None] - float(d.location) * dt - n * float(d.mean)
    return np.where(np.isfinite(returns)[:, None], gap / deviation, 0.0)


def _one_ahead(each: list[MarketFit], seen: list[Intensities], returns: np.ndarray) -> OneAhead:
    columns = []
    for fit, known, column in zip(each, seen, returns.T, strict=True):
        _, d = fit.problem.model(fit.top.vector)
        weight = np.maximum(np.asarray(known.probability), 0.0)
        density = (weight * np.asarray(densities(d, fit.problem.bar_years, jnp.asarray(column)))).sum(1)
        below = (weight * np.exp(log_ndtr(_scores(fit, column)))).sum(1)
        jumps = np.asarray(known.intensity) * (float(d.mean) ** 2 + float(d.std) ** 2)
        deviation = np.sqrt((float(d.volatility) ** 2 + jumps) * fit.problem.bar_years)
        columns.append((np.log(np.maximum(density, 1e-300)), below, deviation))
    stacked = (np.stack(x, axis=1) for x in zip(*columns, strict=True))
    return OneAhead(*(np.where(np.isfinite(returns), x, np.nan) for x in stacked))


def _marginals(each: list[MarketFit], seen: list[Intensities], returns: np.ndarray) -> list[Marginal]:
    found = []
    for fit, known, column in zip(each, seen, returns.T, strict=True):
        _, d = fit.problem.model(fit.top.vector)
        density = densities(d, fit.problem.bar_years, jnp.asarray(column))[:, : TOLD_APART + 1]
        variance = np.full(len(column), float(d.volatility) ** 2 * fit.problem.bar_years)
        found.append(Marginal(np.asarray(density), _scores(fit, column)[:, : TOLD_APART + 1],
                              np.asarray(known.intensity) * fit.problem.bar_years, variance, np.sqrt(variance),
                              float(d.std) ** 2, np.isfinite(column)))
    return found


def _drawn(law: np.ndarray, per_jump: int, number: int, random: np.random.Generator) -> np.ndarray:
    """Draws [n, P] of discounted numbers from laws [n, N]."""
    up = np.cumsum(np.maximum(law, 0), axis=1)
    uniform = random.random((len(law), number)) * up[:, -1:]
    return np.stack([np.searchsorted(row, u) for row, u in zip(up, uniform, strict=True)]) / per_jump


def _numbers(problem: Problem, vector: jax.Array) -> jax.Array:
    """A market's parameters in the order of ``NAMES``."""
    excitation, d = problem.model(vector)
    rate = jnp.exp(vector[0])
    drift = d.location + 0.5 * d.volatility**2 + rate * jnp.expm1(d.mean + 0.5 * d.std**2)
    return jnp.stack([*excitation, d.volatility, drift, d.mean, d.std, vector[1]])


def _summary(each: list[MarketFit], tied: Ties | None, ahead: OneAhead, markets: list[str]) -> Summary:
    size, values, errors = len(each), [], []
    for fit in each:
        at = jnp.asarray(fit.top.vector)
        values.append(np.asarray(_numbers(fit.problem, at)))
        errors.append(spread_of(fit.top, np.asarray(jax.jacfwd(lambda x, p=fit.problem: _numbers(p, x))(at))))
    parameters = dict(zip(NAMES, np.array(values).T, strict=True))
    spread = dict(zip(NAMES, np.array(errors).T, strict=True))
    parameters["correlation"] = np.eye(size) if tied is None else tied.correlation
    spread["correlation"] = np.zeros((size, size)) if tied is None else tied.correlation_error
    if tied is not None:
        _split(parameters, spread, tied, each)
    by_market = np.array([fit.top.log_likelihood for fit in each])
    gain, _ = copula_gain(ahead.below) if size > 1 else (0.0, 0)
    free = sum(int((~fit.top.held).sum()) for fit in each) + size * (size - 1) // 2 + (2 if size > 1 else 0)
    notes, seen = _warnings(each, tied, parameters, spread, markets), int(np.isfinite(ahead.below).any(1).sum())
    return Summary(markets, parameters, spread, float(by_market.sum()), by_market, float(by_market.sum()) + gain, free,
                   seen, METHOD, notes)


def _split(parameters: dict[str, np.ndarray], spread: dict[str, np.ndarray], tied: Ties, each: list[MarketFit]) -> None:
    """Common jumps apart from own ones; a common jump of a market has the law of its own."""
    ratio, rate = parameters["branching"], np.exp([fit.top.vector[0] for fit in each])
    beta, branching = float(np.exp(np.log(parameters["intensity.beta"]).mean())), float(ratio.mean())
    common = min(float(tied.common.mean()) / each[0].problem.bar_years, float(rate.min()))
    error = common * tied.share_error / max(tied.share, 1e-12)
    parameters["jump.common_intensity"] = np.array(common * (1 - branching))
    spread["jump.common_intensity"] = np.array(np.nan if tied.at_bound else error * (1 - branching))
    parameters["jump.intensity"] = np.maximum(rate - common, 0.0) * (1 - ratio)
    spread["jump.intensity"] = np.hypot(spread["jump.intensity"], error * (1 - ratio))
    for name in ("mean", "std"):
        parameters[f"jump.common_{name}"] = parameters[f"jump.{name}"]
        spread[f"jump.common_{name}"] = spread[f"jump.{name}"]
    parameters["jump.common_correlation"] = np.array(tied.size_correlation)
    spread["jump.common_correlation"] = np.array(np.nan if tied.at_bound else tied.size_error)
    parameters["intensity.common_alpha"] = np.array(branching * beta)
    parameters["intensity.common_beta"] = np.array(beta)
    spread["intensity.common_alpha"] = spread["intensity.common_beta"] = np.array(np.nan)


def _dynamics(summary: Summary) -> Dynamics:
    p = summary.parameters
    base, alpha, beta = (
        np.append(p[own], p.get(common, default)) for own, common, default in (
            ("jump.intensity", "jump.common_intensity", 0.0), ("intensity.alpha", "intensity.common_alpha", 0.0),
            ("intensity.beta", "intensity.common_beta", 1.0)))
    return Dynamics(p["volatility"], p["correlation"], p["jump.mean"], p["jump.std"],
                    float(p.get("jump.common_correlation", 0.0)), Process(base, alpha, beta))


def _warnings(each: list[MarketFit], tied: Ties | None, parameters: dict[str, np.ndarray],
              spread: dict[str, np.ndarray], markets: list[str]) -> list[str]:
    notes = []
    for a, (market, fit) in enumerate(zip(markets, each, strict=True)):
        notes += top_notes(market, fit.top, COORDINATES)
        notes += _identified(market, fit, float(parameters["branching"][a]), float(spread["branching"][a]))
    if tied is not None:
        notes.append("The common jumps' decay and branching are the markets' mean, not estimated.")
        if tied.projected > 0.005:
            notes.append(f"Correlations were moved by up to {tied.projected:.3f} to make them a correlation matrix.")
        if tied.at_bound:
            notes.append("The share of common jumps or the correlation of their sizes is at its bound.")
    return notes


def _identified(market: str, fit: MarketFit, branching: float, error: float) -> list[str]:
    """What the sample does not say about one market."""
    excitation, diffusion = fit.problem.model(fit.top.vector)
    notes, number = [], float(np.exp(fit.top.vector[0])) * fit.problem.years
    if number < FEW_JUMPS:
        notes.append(f"{market}: about {number:.0f} jumps in the sample identify their law and how they excite.")
    if not branching > 1.96 * error:
        notes.append(f"{market}: the branching ratio alpha / beta ({branching:.2f} ± {1.96 * error:.2f}) may be zero: "
                     "then beta means nothing.")
    if branching > CRITICAL:
        notes.append(f"{market}: the branching ratio alpha / beta is {branching:.3f}, near one: excitement lasts for "
                     f"{1 / (float(excitation.beta - excitation.alpha) * fit.problem.bar_years):.0f} bars and the mean "
                     "rate is loosely known.")
    if float(excitation.beta) * fit.problem.bar_years > 0.5:
        notes.append(f"{market}: an excitation lasts {1 / (float(excitation.beta) * fit.problem.bar_years):.1f} bars; "
                     "finer bars would tell more.")
    if float(diffusion.std) < 2 * float(diffusion.volatility) * np.sqrt(fit.problem.bar_years):
        notes.append(f"{market}: jumps are no larger than what diffusion does in a bar or two: they stand for changing "
                     "volatility rather than for gaps.")
    return notes


