"""Merton's jumps that excite further jumps, over a constant diffusion."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from stress.price.calibrate.base import Estimate, Fitted, Options, Sample
from stress.price.calibrate.delta import Named
from stress.price.calibrate.hawkes.fit import HawkesFit, common_rate, fit_hawkes
from stress.price.calibrate.hawkes.market import COORDINATES, MarketFit, Problem
from stress.price.calibrate.hidden.climb import BLOCK
from stress.price.calibrate.hidden.summary import by_name, error, of_market, of_pairs, single, tie_notes, value
from stress.price.calibrate.notes import DRIFT, DURATION, DURATION_WARNING, JUMPS, ONE_MARKET, plain
from stress.price.calibrate.rounding import by_market, by_pair, rounded
from stress.types import Array

FEW_JUMPS, CRITICAL, SHORT_LIFE, SMALL, MANY = 30, 0.9, 2, 2, 1.5

NOT_ESTIMATED = "The common jumps' decay and branching are the markets' mean, not estimated."


@dataclass(frozen=True)
class HawkesFitter:
    """Self-exciting jumps."""

    name = "hawkes"
    about = "Jumps that excite further jumps, own to every market and of all at once, over a constant diffusion."
    method = ("each market's own bars by maximum likelihood of a filter of the hidden intensity on a grid of "
              "discounted numbers of jumps (own and common jumps as one process), given that the stationary variance "
              "is the sample's (variance targeting); then, given these, the correlations and the share of jumps that "
              "are common by a composite likelihood of pairs; common jumps decay and branch as the markets' do on "
              "average; standard errors by the sandwich of weekly scores and weekly errors of the variance, those "
              "between markets without the first stage's; the log-likelihood is the sum over markets")
    fewest = 1000

    def fit(self, sample: Sample, options: Options) -> Fitted:
        """Fit the sample."""
        fit = fit_hawkes(sample.returns, sample.bar_years, max_jumps_per_year=options.max_hawkes_jumps_per_year)
        markets, size, found, warnings = sample.markets, len(sample.markets), [], []
        for market, each, seen in zip(markets, fit.each, fit.seen, strict=True):
            own, notes = of_market(market, each.top, COORDINATES, _Named(each.problem), each.given)
            found += own
            warnings += [*notes, *_identified(market, each, own), *_too_many(market, each, seen)]
        if size > 1:
            found = [*_split(found, fit, markets), *of_pairs(fit.tied, markets)]
            warnings += [*tie_notes(fit.tied, True), NOT_ESTIMATED]
        own = sum(int((~each.top.held).sum()) for each in fit.each)
        between = size * (size - 1) // 2 + (2 if size > 1 else 0)
        return Fitted(
            parameters=found, log_likelihood=float(sum(each.top.log_likelihood for each in fit.each)),
            free=own + between, between=between,
            warnings=[*warnings, DURATION_WARNING, *([ONE_MARKET] if size == 1 else [])],
            section=_section(fit, sample, options), dynamics=fit, notes=NOTES,
            settings={"max_hawkes_jumps_per_year": options.max_hawkes_jumps_per_year},
            assumed=["drift", "jump_duration_seconds",
                     *(["intensity.common_alpha", "intensity.common_beta"] if size > 1 else [])])


NOTES = {
    "drift": f"per year; {DRIFT}", "volatility": "per sqrt(year)", "jump_duration_seconds": DURATION,
    **{f"jump.{key}": note for key, note in JUMPS.items()},
    "jump.intensity": "own jumps per year that nothing excited", "jump.common_intensity": "common ones, likewise",
    "intensity.alpha": "per year, added by an own jump", "intensity.beta": "per year, at which it fades",
    "intensity.liquidation_gain": "assumed: prices do not say",
}


@dataclass(frozen=True)
class _Named:
    """A market's parameters per year at a vector; all its jumps, own or common, as one."""

    problem: Problem

    def __call__(self, vector: Array) -> Named:
        """Parameters by name."""
        excitation, d = self.problem.model(vector)
        growth = jnp.exp(vector[0]) * jnp.expm1(d.mean + 0.5 * d.std**2)
        return {
            "jump.intensity": (excitation.base, "per year"), "intensity.alpha": (excitation.alpha, "per year"),
            "intensity.beta": (excitation.beta, "per year"), "intensity.branching": (vector[1], ""),
            "volatility": (d.volatility, "per sqrt(year)"), "jump.mean": (d.mean, "log"), "jump.std": (d.std, "log"),
            "drift": (d.location + 0.5 * d.volatility**2 + growth, "per year")}


def _split(found: list[Estimate], fit: HawkesFit, markets: list[str]) -> list[Estimate]:
    """Common jumps apart from own ones; a common jump of a market has the law of its own."""
    tied, process, ratio = fit.tied, fit.law.process, fit.law.process.alpha / fit.law.process.beta
    spread = common_rate(fit.each, tied) * tied.share_error / max(tied.share, 1e-12)
    own, lost = np.hypot(error(found, "jump.intensity"), spread * (1 - ratio[:-1])), np.nan if tied.at_bound else 1.0
    return [
        *(e for e in found if not e.name.startswith("jump.intensity")),
        *by_name("jump.intensity", markets, process.base[:-1], own, "per year"),
        single("jump.common_intensity", process.base[-1], spread * (1 - ratio[-1]) * lost, "per year"),
        single("jump.common_correlation", tied.size_correlation, tied.size_error * lost, ""),
        single("intensity.common_alpha", process.alpha[-1], np.nan, "per year"),
        single("intensity.common_beta", process.beta[-1], np.nan, "per year")]


def _section(fit: HawkesFit, sample: Sample, options: Options) -> dict:
    law, markets, process = fit.law, sample.markets, fit.law.process
    jump: dict = {"kind": "merton", "intensity": by_market(markets, process.base[:-1]),
                  "mean": by_market(markets, law.mean), "std": by_market(markets, law.std)}
    intensity: dict = {"kind": "hawkes", "alpha": by_market(markets, process.alpha[:-1]),
                       "beta": by_market(markets, process.beta[:-1])}
    if len(markets) > 1:
        jump |= {"common_intensity": rounded(float(process.base[-1])), "common_mean": by_market(markets, law.mean),
                 "common_std": by_market(markets, law.std), "common_correlation": rounded(law.common_correlation)}
        intensity |= {"common_alpha": rounded(float(process.alpha[-1])),
                      "common_beta": rounded(float(process.beta[-1]))}
    intensity |= {"initial": "stationary", "liquidation_gain": None}
    return {"drift": 0, "volatility": by_market(markets, law.volatility),
            "correlation": by_pair(markets, law.correlation), "jump": jump, "intensity": intensity, "regimes": None,
            "transition_rates": None, "initial_regime": "stationary",
            "jump_duration_seconds": plain(options.assumed.jump_duration_seconds)}


def _identified(market: str, fit: MarketFit, found: list[Estimate]) -> list[str]:
    """What the sample does not say about one market."""
    excitation, d = fit.problem.model(fit.top.vector)
    dt, notes = fit.problem.bar_years, []
    number = float(np.exp(fit.top.vector[0])) * fit.problem.years
    if number < FEW_JUMPS:
        notes.append(f"{market}: about {number:.0f} jumps in the sample identify their law and how they excite.")
    branching, spread = (float(of(found, "intensity.branching")[0]) for of in (value, error))
    if not branching > 1.96 * spread:
        notes.append(f"{market}: the branching ratio alpha / beta ({branching:.2f} ± {1.96 * spread:.2f}) may be zero; "
                     "then beta means nothing.")
    if branching > CRITICAL:
        notes.append(f"{market}: the branching ratio alpha / beta is {branching:.3f}, near one: single years of the "
                     "fit differ much in volatility.")
    last = 1 / (float(excitation.beta - excitation.alpha) * dt)
    if last > BLOCK:
        notes.append(f"{market}: excitement lasts for {last:.0f} bars, longer than the {BLOCK} whose scores are taken "
                     "together: standard errors are somewhat too small.")
    if float(excitation.beta) * dt > 1 / SHORT_LIFE:
        notes.append(f"{market}: what a jump excites lasts {1 / (float(excitation.beta) * dt):.1f} bars; shorter bars "
                     "would tell more.")
    if float(d.std) < SMALL * float(d.volatility) * np.sqrt(dt):
        notes.append(f"{market}: jumps are no larger than what the diffusion does in a bar or two: they stand for "
                     "changing volatility rather than for gaps. A lower calibrate.max_hawkes_jumps_per_year keeps "
                     "jumps rare and large.")
    return notes


def _too_many(market: str, fit: MarketFit, seen: float) -> list[str]:
    """Where the sample is not what the fit is like on average."""
    ratio = seen / float(np.exp(fit.top.vector[0]))
    if ratio < MANY:
        return []
    note = (f"{market}: in the sample the filter sees {ratio:.1f} times as many jumps as the fit has on average: "
            "it takes spells of ordinary volatility for excitement. Simulations have the sample's variance, forecasts "
            "from the filter are too wild.")
    return [note]
