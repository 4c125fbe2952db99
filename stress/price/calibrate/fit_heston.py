"""Fitting Heston's variance, and Bates' (Heston with Merton's jumps), to bars of several markets.

Market by market, by the likelihood of a filter on a grid; then the correlations and the common jumps, given those.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import norm

from stress.price.calibrate.fits import OneAhead, Summary, copula_gain, spread_of, top_notes
from stress.price.calibrate.heston_filter import Seen, counts, look
from stress.price.calibrate.heston_market import MOST_JUMPS, MarketFit, Problem, fit_market
from stress.price.calibrate.heston_paths import Dynamics, paths
from stress.price.calibrate.lanes import joined, lanes
from stress.price.calibrate.pairs import Marginal, Ties, ties

METHOD = (
    "maximum likelihood of each market by a filter of the hidden variance on a grid (exact moves of the variance; a "
    "bar's integrated variance replaced by its mean given both ends); correlations{jumps} by a composite likelihood of "
    "pairs given each market's fit; standard errors by the sandwich of weekly scores, those of the second stage "
    "without the first's"
)

FEW_LIVES, FEW_JUMPS, ENTANGLED = 10, 30, 0.9


@dataclass(frozen=True)
class HestonFit:
    """A fitted Heston or Bates model of several markets."""

    summary: Summary
    bar_years: float
    each: list[MarketFit]
    dynamics: Dynamics

    def simulate(self, bars: int, number: int, random: np.random.Generator) -> np.ndarray:
        """Log-returns [T, P, A] of bars, prices without drift, the variances stationary to begin with."""
        d = self.dynamics
        start = random.gamma(2 * d.kappa * d.theta / d.xi**2, d.xi**2 / (2 * d.kappa), size=(number, len(d.kappa)))
        return paths(d, start, bars, self.bar_years, random)

    def one_ahead(self, returns: np.ndarray) -> OneAhead:
        """Every bar of returns [T, A] as seen from the bar before; also on bars the fit did not see."""
        return _one_ahead(self.each, [_look(fit, x) for fit, x in zip(self.each, returns.T, strict=True)], returns)

    def predict(self, returns: np.ndarray, at: Sequence[int], bars: int, number: int, random: np.random.Generator
                ) -> np.ndarray:
        """Samples [n, P, A] of the summed log-returns of ``bars`` bars from each bar of ``at`` [n] on, given those
        before it; prices without drift."""
        known = [_look(fit, x, at) for fit, x in zip(self.each, returns.T, strict=True)]
        start = np.stack([_drawn(np.asarray(x.law), np.asarray(fit.grid.nodes) ** 2, number, random)
                          for x, fit in zip(known, self.each, strict=True)], axis=-1)
        moved = paths(self.dynamics, start.reshape(-1, len(self.each)), bars, self.bar_years, random).sum(0)
        return moved.reshape(len(at), number, -1)


def fit_heston(returns: np.ndarray, bar_years: float, markets: Sequence[str], *, jumps: bool = False,
               max_jumps_per_year: float = 1750.0, workers: int = 1) -> HestonFit:
    """Fit log-returns [T, A] (NaN where not seen): Heston, or with ``jumps`` Bates; ``workers`` markets at a time."""
    problems = [Problem(column, bar_years, jumps, max_jumps_per_year) for column in returns.T]
    with ThreadPoolExecutor(workers) as pool:
        each = list(pool.map(fit_market, problems))
    seen = [_look(fit, column) for fit, column in zip(each, returns.T, strict=True)]
    tied = ties(_marginals(each, seen, returns)) if len(each) > 1 else None
    ahead = _one_ahead(each, seen, returns)
    summary = _summary(each, tied, seen, ahead, list(markets))
    return HestonFit(summary, bar_years, each, _dynamics(summary))


def _look(fit: MarketFit, returns: np.ndarray, at: Sequence[int] = (-1,)) -> Seen:
    """What the filter knows before each bar of returns [T]; the variance's law only before bars ``at``, T allowed."""
    cut = lanes(np.append(returns, np.nan), fit.warm)
    model, jump = fit.problem.model(fit.top.vector)
    seen = look(model, jump, fit.grid, fit.problem.bar_years, MOST_JUMPS, jnp.asarray(cut.returns))
    each = [joined(np.asarray(x), cut) for x in seen]
    return Seen(*(x[:-1] for x in each[:-1]), each[-1][list(at)])  # type: ignore[arg-type]


def _one_ahead(each: list[MarketFit], seen: list[Seen], returns: np.ndarray) -> OneAhead:
    missing, columns = ~np.isfinite(returns), []
    for fit, known in zip(each, seen, strict=True):
        _, jump = fit.problem.model(fit.top.vector)
        weight = np.asarray(counts(jump, fit.problem.bar_years, MOST_JUMPS))
        variance = np.asarray(known.variance)
        if jump is not None:
            variance = variance + float(jump.intensity * (jump.mean**2 + jump.std**2))
        columns.append((np.log(np.maximum(known.density @ weight, 1e-300)), known.below @ weight,
                        np.sqrt(variance * fit.problem.bar_years)))
    stacked = (np.stack(x, axis=1) for x in zip(*columns, strict=True))
    return OneAhead(*(np.where(missing, np.nan, x) for x in stacked))


def _marginals(each: list[MarketFit], seen: list[Seen], returns: np.ndarray) -> list[Marginal]:
    found = []
    for fit, known, column in zip(each, seen, returns.T, strict=True):
        _, jump = fit.problem.model(fit.top.vector)
        dt, density = fit.problem.bar_years, np.asarray(known.density)
        score = norm.ppf(np.clip(known.below, 1e-15, 1 - 1e-15))
        rate, size = (0.0, 0.0) if jump is None else (float(jump.intensity) * dt, float(jump.std) ** 2)
        found.append(Marginal(density, score, np.full(len(column), rate), np.asarray(known.variance) * dt,
                              np.asarray(known.volatility) * np.sqrt(dt), size, np.isfinite(column)))
    return found


def _drawn(law: np.ndarray, nodes: np.ndarray, number: int, random: np.random.Generator) -> np.ndarray:
    """Draws [n, P] of nodes from laws [n, N]."""
    up = np.cumsum(np.maximum(law, 0), axis=1)
    uniform = random.random((len(law), number)) * up[:, -1:]
    return nodes[np.stack([np.searchsorted(row, u) for row, u in zip(up, uniform, strict=True)])]


def _names(jumps: bool) -> list[str]:
    own = ["variance.kappa", "variance.theta", "variance.xi", "variance.rho", "drift"]
    return [*own, *(["jump.intensity", "jump.mean", "jump.std"] if jumps else [])]


def _numbers(problem: Problem, vector: jax.Array) -> jax.Array:
    """A market's parameters in the order of ``_names``; all its jumps, common or own, as one."""
    model, jump = problem.model(vector)
    if jump is None:
        return jnp.stack([*model])
    growth = jump.intensity * jnp.expm1(jump.mean + 0.5 * jump.std**2)
    return jnp.stack([*model[:4], model.location + growth, *jump])


def _summary(each: list[MarketFit], tied: Ties | None, seen: list[Seen], ahead: OneAhead, markets: list[str]
             ) -> Summary:
    jumps, size = each[0].problem.jumps, len(each)
    names, values, errors = _names(jumps), [], []
    for fit in each:
        at = jnp.asarray(fit.top.vector)
        values.append(np.asarray(_numbers(fit.problem, at)))
        errors.append(spread_of(fit.top, np.asarray(jax.jacfwd(lambda x, p=fit.problem: _numbers(p, x))(at))))
    parameters = dict(zip(names, np.array(values).T, strict=True))
    spread = dict(zip(names, np.array(errors).T, strict=True))
    last = [np.asarray(known.law)[0] for known in seen]
    nodes = [np.asarray(fit.grid.nodes) ** 2 for fit in each]
    parameters["variance.v0"] = np.array([x @ v for x, v in zip(last, nodes, strict=True)])
    spread["variance.v0"] = np.sqrt([x @ (v - x @ v) ** 2 for x, v in zip(last, nodes, strict=True)])
    parameters["correlation"] = np.eye(size) if tied is None else tied.correlation
    spread["correlation"] = np.zeros((size, size)) if tied is None else tied.correlation_error
    if jumps and tied is not None:
        _split(parameters, spread, tied)
    by_market = np.array([fit.top.log_likelihood for fit in each])
    gain, _ = copula_gain(ahead.below) if size > 1 else (0.0, 0)
    free = sum(int((~fit.top.held).sum()) for fit in each) + size * (size - 1) // 2 + (2 if jumps and size > 1 else 0)
    text = METHOD.format(jumps=" and common jumps" if jumps else "")
    return Summary(markets, parameters, spread, float(by_market.sum()), by_market, float(by_market.sum()) + gain, free,
                   int(np.isfinite(ahead.below).any(1).sum()), text, _warnings(each, tied, parameters, spread, markets))


def _split(parameters: dict[str, np.ndarray], spread: dict[str, np.ndarray], tied: Ties) -> None:
    """Common jumps apart from own ones; a common jump of a market has the law of its own."""
    smallest = parameters["jump.intensity"].min()
    share, least = tied.share, int(parameters["jump.intensity"].argmin())
    own = spread["jump.intensity"][least]
    common = np.hypot(smallest * tied.share_error, share * own)
    parameters["jump.common_intensity"] = np.array(share * smallest)
    parameters["jump.intensity"] = parameters["jump.intensity"] - share * smallest
    spread["jump.common_intensity"] = np.array(common)
    spread["jump.intensity"] = np.hypot(spread["jump.intensity"], common)
    for name in ("mean", "std"):
        parameters[f"jump.common_{name}"] = parameters[f"jump.{name}"]
        spread[f"jump.common_{name}"] = spread[f"jump.{name}"]
    parameters["jump.common_correlation"] = np.array(tied.size_correlation)
    spread["jump.common_correlation"] = np.array(np.nan if tied.at_bound else tied.size_error)


def _dynamics(summary: Summary) -> Dynamics:
    p, none = summary.parameters, np.zeros(len(summary.markets))
    return Dynamics(*(p[f"variance.{name}"] for name in ("kappa", "theta", "xi", "rho")), p["correlation"],
                    *(p.get(f"jump.{name}", none) for name in ("intensity", "mean", "std")),
                    *(float(p.get(f"jump.common_{name}", 0.0)) for name in ("intensity", "correlation")))


def _warnings(each: list[MarketFit], tied: Ties | None, parameters: dict[str, np.ndarray],
              spread: dict[str, np.ndarray], markets: list[str]) -> list[str]:
    notes = []
    for a, (market, fit) in enumerate(zip(markets, each, strict=True)):
        notes += top_notes(market, fit.top, fit.problem.names)
        notes += _identified(market, fit, {n: (float(v[a]), float(spread[n][a])) for n, v in parameters.items()
                                           if n.startswith("variance")})
    if tied is not None:
        notes.append("The variances of different markets are independent of each other but for what rho and the "
                     "correlations give them; real ones rise together, so joint moves are understated.")
        if tied.projected > 0.005:
            notes.append(f"Correlations were moved by up to {tied.projected:.3f} to make them a correlation matrix.")
        if tied.at_bound:
            notes.append("The share of common jumps or the correlation of their sizes is at its bound.")
    return notes


def _identified(market: str, fit: MarketFit, found: dict[str, tuple[float, float]]) -> list[str]:
    """What the sample does not say about one market."""
    model, jump = fit.problem.model(fit.top.vector)
    kappa, theta, xi = float(model.kappa), float(model.theta), float(model.xi)
    notes, feller = [], 2 * kappa * theta / xi**2
    if feller < 1:
        notes.append(f"{market}: Feller's ratio 2 kappa theta / xi^2 is {feller:.2f}, below 1: the variance reaches "
                     "zero, and simulated paths depend on the scheme there.")
    if fit.problem.years * kappa < FEW_LIVES:
        notes.append(f"{market}: the sample is {fit.problem.years * kappa:.1f} times the variance's memory 1 / kappa; "
                     "kappa and theta are hardly identified.")
    if kappa * fit.problem.bar_years > 0.2:
        notes.append(f"{market}: the variance's memory 1 / kappa is {1 / (kappa * fit.problem.bar_years):.1f} bars; "
                     "finer bars would tell more.")
    rho, error = found["variance.rho"]
    if not abs(rho) > 1.96 * error:
        notes.append(f"{market}: rho's 95 % interval ({rho:.2f} ± {1.96 * error:.2f}) contains zero.")
    if jump is not None:
        number = float(jump.intensity) * fit.problem.years
        if number < FEW_JUMPS:
            notes.append(f"{market}: about {number:.0f} jumps in the sample identify their law.")
        notes += _entangled(market, fit)
    return notes


def _entangled(market: str, fit: MarketFit) -> list[str]:
    """Whether wild variance can stand in for jumps."""
    covariance = fit.top.covariance(robust=False)
    names = fit.problem.names
    unit = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    between = covariance / np.outer(unit, unit)
    pairs = [(i, j, between[names.index(i), names.index(j)]) for i in ("kappa", "feller")
             for j in ("intensity", "std")]
    i, j, most = max(pairs, key=lambda p: abs(p[2]))
    note = (f"{market}: estimates of {i} and of the jumps' {j} are correlated {most:.2f}: wild variance and jumps are "
            "hardly told apart.")
    return [note] if abs(most) > ENTANGLED else []
