"""Heston's variance, and Bates': with Merton's jumps."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from stress.price.calibrate.base import Estimate, Fitted, Options, Sample
from stress.price.calibrate.delta import Named
from stress.price.calibrate.heston.fit import HestonFit, fit_heston
from stress.price.calibrate.heston.market import MarketFit, Problem
from stress.price.calibrate.hidden.summary import (
    by_name,
    error,
    of_market,
    of_pairs,
    single,
    tie_notes,
    value,
)
from stress.price.calibrate.notes import DRIFT, DURATION, DURATION_WARNING, JUMPS, ONE_MARKET, plain
from stress.price.calibrate.rounding import by_market, by_pair, rounded
from stress.types import Array

METHOD = ("each market's own bars by maximum likelihood of a filter of the hidden variance on a grid (exact moves of "
          "the variance over a bar; a bar's integrated variance replaced by its mean given both its ends); then, given "
          "these, the correlations{} by a composite likelihood of pairs; standard errors by the sandwich of weekly "
          "scores, those between markets without the first stage's; the log-likelihood is the sum over markets")

FEW_LIVES, FEW_JUMPS, SHORT_LIFE = 10, 30, 5

NOTES = {
    "drift": f"per year; {DRIFT}", "volatility": "the level is variance.theta",
    "correlation": "of the prices' normals, and of the variances'", "variance.kappa": "per year",
    "variance.theta": "variance per year", "variance.xi": "volatility of the variance",
    "variance.rho": "of a market's price and its variance",
    "variance.v0": "variance at time zero; null: theta (last in the sample: calibration.json)",
}


@dataclass(frozen=True)
class HestonFitter:
    """Variance that moves by itself."""

    name = "heston"
    about = "Heston's stochastic variance."
    method = METHOD.format("")
    fewest = 1000

    def fit(self, sample: Sample, options: Options) -> Fitted:
        """Fit the sample."""
        del options
        return _fitted(sample, fit_heston(sample.returns, sample.bar_years), None)


@dataclass(frozen=True)
class BatesFitter:
    """The same with jumps."""

    name = "bates"
    about = "Bates: Heston's stochastic variance with Merton's jumps, own to every market and of all at once."
    method = METHOD.format(" and the share of jumps that are common")
    fewest = 1000

    def fit(self, sample: Sample, options: Options) -> Fitted:
        """Fit the sample."""
        fit = fit_heston(sample.returns, sample.bar_years, jumps=True, max_jumps_per_year=options.max_jumps_per_year)
        return _fitted(sample, fit, options)


def _fitted(sample: Sample, fit: HestonFit, options: Options | None) -> Fitted:
    """``options`` are those of jumps."""
    markets, jumps, size = sample.markets, options is not None, len(sample.markets)
    found, warnings = [], []
    for market, each in zip(markets, fit.each, strict=True):
        own, notes = of_market(market, each.top, each.problem.names, _Named(each.problem))
        found += own
        warnings += [*notes, *_identified(market, each, own)]
    between = size * (size - 1) // 2
    free = sum(int((~each.top.held).sum()) for each in fit.each) + between + (2 if jumps and size > 1 else 0)
    parameters = [*found, *by_name("variance.last", markets, fit.last, fit.last_deviation, "per year")]
    if size > 1:
        parameters = [*(_split(parameters, fit, markets) if jumps else parameters), *of_pairs(fit.tied, markets)]
        warnings += tie_notes(fit.tied, jumps)
    if jumps:
        warnings += [DURATION_WARNING, *([ONE_MARKET] if size == 1 else [])]
    settings = {} if options is None else {"max_jumps_per_year": options.max_jumps_per_year}
    return Fitted(
        parameters=parameters, log_likelihood=float(sum(each.top.log_likelihood for each in fit.each)), free=free,
        between=free - sum(int((~each.top.held).sum()) for each in fit.each), warnings=warnings,
        section=_section(fit, sample, options), dynamics=fit, notes=_notes(jumps), settings=settings,
        assumed=["drift", *(["jump_duration_seconds"] if jumps else [])])


@dataclass(frozen=True)
class _Named:
    """A market's parameters per year at a vector; all its jumps, own or common, as one."""

    problem: Problem

    def __call__(self, vector: Array) -> Named:
        """Parameters by name."""
        model, jump = self.problem.model(vector)
        found: dict = {
            "variance.kappa": (model.kappa, "per year"), "variance.theta": (model.theta, "per year"),
            "variance.xi": (model.xi, "per year"), "variance.rho": (model.rho, "")}
        if jump is None:
            return {**found, "drift": (model.location, "per year")}
        growth = jump.intensity * jnp.expm1(jump.mean + 0.5 * jump.std**2)
        return {**found, "drift": (model.location + growth, "per year"), "jump.intensity": (jump.intensity, "per year"),
                "jump.mean": (jump.mean, "log"), "jump.std": (jump.std, "log")}


def _split(found: list[Estimate], fit: HestonFit, markets: list[str]) -> list[Estimate]:
    """Common jumps apart from own ones; a common jump of a market has the law of its own."""
    total, spread, tied, law = value(found, "jump.intensity"), error(found, "jump.intensity"), fit.tied, fit.law
    common = np.hypot(total.min() * tied.share_error, tied.share * spread[total.argmin()])
    lost = np.nan if tied.at_bound else 1.0
    return [
        *(e for e in found if not e.name.startswith("jump.intensity")),
        *by_name("jump.intensity", markets, law.intensity, np.hypot(spread, common), "per year"),
        single("jump.common_intensity", law.common_intensity, common * lost, "per year"),
        single("jump.common_correlation", law.common_correlation, tied.size_error * lost, "")]


def _section(fit: HestonFit, sample: Sample, options: Options | None) -> dict:
    law, markets = fit.law, sample.markets
    variance = {"kind": "heston", **{name: by_market(markets, getattr(law, name))
                                     for name in ("kappa", "theta", "xi", "rho")}, "v0": None}
    jump: dict = {"kind": "none"}
    if options is not None:
        jump = {"kind": "merton", **{n: by_market(markets, getattr(law, n)) for n in ("intensity", "mean", "std")}}
        if len(markets) > 1:
            jump |= {"common_intensity": rounded(law.common_intensity), "common_mean": by_market(markets, law.mean),
                     "common_std": by_market(markets, law.std), "common_correlation": rounded(law.common_correlation)}
    duration = 0 if options is None else plain(options.assumed.jump_duration_seconds)
    return {"drift": 0, "volatility": None, "correlation": by_pair(markets, law.correlation), "variance": variance,
            "jump": jump, "regimes": None, "transition_rates": None, "initial_regime": "stationary",
            "jump_duration_seconds": duration}


def _notes(jumps: bool) -> dict[str, str]:
    if not jumps:
        return {**NOTES, "jump_duration_seconds": "s; nothing jumps"}
    return {**NOTES, "jump_duration_seconds": DURATION, **{f"jump.{key}": note for key, note in JUMPS.items()}}


def _identified(market: str, fit: MarketFit, found: list[Estimate]) -> list[str]:
    """What the sample does not say about one market."""
    model, jump = fit.problem.model(fit.top.vector)
    kappa, theta, xi = float(model.kappa), float(model.theta), float(model.xi)
    lives, feller = fit.problem.years * kappa, 2 * kappa * theta / xi**2
    notes = []
    if feller < 1:
        notes.append(f"{market}: Feller's ratio 2 kappa theta / xi^2 is {feller:.2f}, below 1: the variance reaches "
                     "zero, and simulated paths depend on the scheme there.")
    if lives < FEW_LIVES:
        notes.append(f"{market}: the sample is {lives:.1f} times the variance's memory 1 / kappa; kappa and theta are "
                     "hardly identified.")
    if kappa * fit.problem.bar_years > 1 / SHORT_LIFE:
        notes.append(f"{market}: the variance's memory 1 / kappa is {1 / (kappa * fit.problem.bar_years):.1f} bars; "
                     "shorter bars would tell more.")
    rho, spread = (float(of(found, "variance.rho")[0]) for of in (value, error))
    if not abs(rho) > 1.96 * spread:
        notes.append(f"{market}: rho's 95 % interval ({rho:.2f} ± {1.96 * spread:.2f}) contains zero.")
    if jump is not None and (number := float(jump.intensity) * fit.problem.years) < FEW_JUMPS:
        notes.append(f"{market}: about {number:.0f} jumps in the sample identify their law.")
    return notes
