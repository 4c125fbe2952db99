"""Regimes, each with its own diffusion and Merton's jumps."""

from __future__ import annotations

from dataclasses import dataclass

from stress.price.calibrate.base import Fitted, Options, Sample
from stress.price.calibrate.mixture.fit import fit_mixture, joint
from stress.price.calibrate.mixture.section import several_regimes, shares

OWN = "Every regime has its own of these four. On the command line price.volatility=0.8 replaces them all."


@dataclass(frozen=True)
class RegimeFitter:
    """The mixture with a hidden chain."""

    name = "regime"
    about = "Regimes from quiet to wild, each with its own diffusion, jumps and book depth."
    method = ("maximum likelihood of a hidden continuous-time Markov chain (Hamilton filter, generator fitted "
              "directly) over joint laws with own and common jumps; one regime a bar, switching inside a bar ignored; "
              "bars that some markets lack count for the others; standard errors from the observed information")
    fewest = 1000

    def fit(self, sample: Sample, options: Options) -> Fitted:
        """Fit the sample."""
        top = fit_mixture(sample, options, options.regimes)
        section, notes = several_regimes(top.law, sample, options.assumed)
        return Fitted(
            parameters=top.parameters, log_likelihood=top.log_likelihood, free=top.free,
            between=top.between, warnings=top.warnings, section=section, dynamics=top.dynamics,
            notes={**notes, "#drift": OWN}, assumed=["drift", "jump_duration_seconds",
                                  *(f"regimes.{name}.depth_multiplier" for name in shares(top.law))],
            settings={**joint(sample, options), "stationary": shares(top.law), "separation": options.separation,
                      "max_jumps_per_year": options.max_jumps_per_year, "starts": options.starts,
                      "seed": options.seed})
