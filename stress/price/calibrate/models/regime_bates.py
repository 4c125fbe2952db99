"""Regimes whose volatility moves within a regime, too: Bates' model, scaled by the regime."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stress.price.calibrate.base import Estimate, Fitted, Options, Sample
from stress.price.calibrate.delta import Named
from stress.price.calibrate.hidden.summary import by_name, error, of_market, value
from stress.price.calibrate.mixture.fit import fit_mixture, joint
from stress.price.calibrate.mixture.section import several_regimes, shares
from stress.price.calibrate.regime_bates.fit import RegimeBatesFit, fit_regime_bates, last_factors
from stress.price.calibrate.regime_bates.market import MarketFit
from stress.price.calibrate.regime_bates.problem import COORDINATES, LEAST_LEVEL, Problem
from stress.price.calibrate.rounding import by_market
from stress.types import Array

FEW_LIVES, SHORT_LIFE, STILL = 10, 5, 0.1

GIVEN = ("Regimes, jumps and correlations are those of price=regime, fitted first; kappa, xi, rho and the level of the "
         "variance factor are each market's own, given these. Neither stage's standard errors allow for the other. "
         "The volatilities listed are the first stage's; those of the preset are times the root of the level.")

OWN = "Every regime has its own drift, correlation and jumps."

NOTES = {
    "volatility": "per sqrt(year); a regime's is its volatility_multiplier, for the variance is one on average",
    "correlation": "of the prices' normals, and of the variances'",
    "variance": "relative to that of the regime", "variance.kappa": "per year",
    "variance.theta": "the regime's own level",
    "variance.xi": "volatility of the variance", "variance.rho": "of a market's price and its variance",
    "variance.v0": "variance at time zero; null: theta (last in the sample: calibration.json)",
}


@dataclass(frozen=True)
class RegimeBatesFitter:
    """The mixture with a hidden chain, and a variance factor over it."""

    name = "regime_bates"
    about = "Regimes from quiet to wild, and volatility that moves within a regime, too: Bates' model over regimes."
    method = ("regimes, jumps and correlations by maximum likelihood without the factor, as price=regime; then, given "
              "these, each market's variance factor by maximum likelihood of a filter of the regime and of the factor "
              "on a grid, one market's bars at a time, the level of its diffusions set such that the stationary "
              "variance is the sample's; standard errors of the factor by the sandwich of weekly scores, given the "
              "regimes; the log-likelihood is the sum over markets")
    fewest = 1000

    def fit(self, sample: Sample, options: Options) -> Fitted:
        """Fit the sample."""
        first = fit_mixture(sample, options, options.regimes)
        fit = fit_regime_bates(sample.returns, sample.bar_years, first.dynamics)
        found, warnings = [], [GIVEN, *first.warnings]
        for market, each in zip(sample.markets, fit.each, strict=True):
            own, notes = of_market(market, each.top, COORDINATES, InWords(each.problem), each.given)
            found, warnings = found + own, [*warnings, *notes, *identified(market, each, own)]
        section, notes = several_regimes(fit.law, sample, options.assumed)
        free = sum(int((~each.top.held).sum()) for each in fit.each)
        return Fitted(
            parameters=[*found, *by_name("variance.last", sample.markets, *last_factors(fit, sample.returns), ""),
                        *first.parameters],
            log_likelihood=float(sum(each.top.log_likelihood for each in fit.each)), free=first.free + free,
            between=first.between, warnings=warnings, section=_section(section, fit, sample), dynamics=fit,
            notes={**notes, **NOTES, "#drift": OWN}, assumed=["drift", "jump_duration_seconds",
                   *(f"regimes.{name}.depth_multiplier" for name in shares(fit.law))],
            settings={**joint(sample, options), "stationary": shares(fit.law), "separation": options.separation,
                      "max_jumps_per_year": options.max_jumps_per_year, "starts": options.starts,
                      "seed": options.seed, "log_likelihood_of_regimes": round(first.log_likelihood, 2)})


@dataclass(frozen=True)
class InWords:
    """A market's parameters per year at a vector."""

    problem: Problem

    def __call__(self, vector: Array) -> Named:
        """Parameters by name."""
        factor = self.problem.factor(vector)
        return {"variance.kappa": (factor.kappa, "per year"), "variance.xi": (factor.xi, "per sqrt(year)"),
                "variance.rho": (factor.rho, ""), "variance.level": (factor.level, "of the regimes' variance")}


def _section(section: dict, fit: RegimeBatesFit, sample: Sample) -> dict:
    """The regimes' section with multipliers in place of volatilities, and the factor."""
    names, factors = sample.markets, fit.factors
    variance = {"kind": "heston", "kappa": by_market(names, factors.kappa), "theta": 1,
                "xi": by_market(names, factors.xi), "rho": by_market(names, factors.rho), "v0": None}
    regimes = {regime: {"volatility_multiplier": given["volatility"],
                        **{key: each for key, each in given.items() if key != "volatility"}}
               for regime, given in section["regimes"].items()}
    before = {key: section[key] for key in ("drift", "volatility", "correlation", "jump")}
    return {**before, "variance": variance, **section, "regimes": regimes}


def identified(market: str, fit: MarketFit, found: list[Estimate]) -> list[str]:
    """What the sample does not say about one market's factor."""
    factor, problem = fit.factor, fit.problem
    kappa, xi = float(factor.kappa), float(factor.xi)
    deviation, lives, bars = xi / np.sqrt(2 * kappa), problem.years * kappa, 1 / (kappa * problem.bar_years)
    notes = []
    if float(factor.level) <= LEAST_LEVEL:
        notes.append(f"{market}: the regimes' jumps alone have the sample's variance; next to none is left "
                     "for the diffusion.")
    if deviation < STILL:
        notes.append(f"{market}: the factor deviates by {deviation:.2f} of its level: the regimes take all that the "
                     "variance does, and kappa and rho are not identified.")
    if deviation > 1:
        notes.append(f"{market}: Feller's ratio 2 kappa / xi^2 is {deviation**-2:.2f}, below 1: the factor reaches "
                     "zero, and simulated paths depend on the scheme there.")
    if lives < FEW_LIVES:
        notes.append(f"{market}: the sample is {lives:.1f} times the factor's memory 1 / kappa; kappa is hardly "
                     "identified.")
    if bars < SHORT_LIFE:
        notes.append(f"{market}: the factor's memory 1 / kappa is {bars:.1f} bars; shorter bars would tell more.")
    rho, spread = (float(of(found, "variance.rho")[0]) for of in (value, error))
    if not abs(rho) > 1.96 * spread:
        notes.append(f"{market}: rho's 95 % interval ({rho:.2f} ± {1.96 * spread:.2f}) contains zero.")
    return notes
