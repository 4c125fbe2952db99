"""Merton's jumps, own and common, over one diffusion."""

from __future__ import annotations

from dataclasses import dataclass

from stress.price.calibrate.base import Fitted, Options, Sample
from stress.price.calibrate.mixture.fit import fit_mixture, joint
from stress.price.calibrate.mixture.section import one_regime


@dataclass(frozen=True)
class MertonFitter:
    """One regime of the mixture."""

    name = "merton"
    about = "Merton's jump diffusion: own jumps of every market, and jumps of all markets at once."
    method = ("maximum likelihood of the joint law of a bar: a Poisson mixture of normals over own and common jumps; "
              "bars that some markets lack count for the others; standard errors from the observed information")
    fewest = 500

    def fit(self, sample: Sample, options: Options) -> Fitted:
        """Fit the sample."""
        top = fit_mixture(sample, options, 1)
        section, notes = one_regime(top.law, sample, options.assumed)
        return Fitted(
            parameters=top.parameters, log_likelihood=top.log_likelihood, free=top.free,
            between=top.between, warnings=top.warnings, section=section, dynamics=top.dynamics,
            notes=notes, assumed=["drift", "jump_duration_seconds"],
            settings={**joint(sample, options), "max_jumps_per_year": options.max_jumps_per_year,
                      "starts": options.starts, "seed": options.seed})
