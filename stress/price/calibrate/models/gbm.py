"""GBM: volatilities and correlations by closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stress.price.calibrate.base import Estimate, Fitted, Options, Sample
from stress.price.calibrate.mixture.dynamics import MixtureDynamics
from stress.price.calibrate.mixture.law import BarLaw
from stress.price.calibrate.models.moments import Gaussian, gaussian
from stress.price.calibrate.notes import DRIFT, JUMPS
from stress.price.calibrate.rounding import by_market, by_pair

NO_JUMP = {"kind": "none", "intensity": 0, "mean": 0, "std": 0, "common_intensity": 0, "common_mean": 0,
           "common_std": 0, "common_correlation": 0}


@dataclass(frozen=True)
class GbmFitter:
    """The baseline."""

    name = "gbm"
    about = ("Geometric Brownian motion: no jumps, no regimes. The baseline that every closed form knows; it "
             "understates tails.")
    method = ("closed-form maximum likelihood; a market's volatility from all its own bars, correlations from bars "
              "that all markets have; standard errors allow for heavy tails")
    fewest = 30

    def fit(self, sample: Sample, options: Options) -> Fitted:
        """Moments of the sample."""
        del options
        overall, size = gaussian(sample.returns), len(sample.markets)
        dynamics = MixtureDynamics(gaussian_law(overall), size)
        pairs = size * (size - 1) // 2
        joint = dynamics.likelihood(sample.returns).joint
        assert joint is not None
        return Fitted(
            parameters=gaussian_estimates(overall, sample.markets, sample.bar_years), log_likelihood=joint,
            free=2 * size + pairs, between=pairs, warnings=[], section=_section(overall, sample), dynamics=dynamics,
            notes={"drift": f"per year; {DRIFT}", "volatility": "per sqrt(year)",
                   "jump_duration_seconds": "s; nothing jumps",
                   **{f"jump.{key}": note for key, note in JUMPS.items()}},
            assumed=["drift"])


def _section(overall: Gaussian, sample: Sample) -> dict:
    return {
        "drift": 0, "volatility": by_market(sample.markets, overall.volatility / np.sqrt(sample.bar_years)),
        "correlation": by_pair(sample.markets, overall.correlation), "jump": NO_JUMP, "regimes": None,
        "transition_rates": None, "initial_regime": "stationary", "jump_duration_seconds": 0,
    }


def gaussian_law(overall: Gaussian) -> BarLaw:
    """GBM as a law without jumps."""
    zero, none = np.zeros((1, len(overall.mean))), np.zeros(1)
    return BarLaw(overall.mean[None], overall.volatility[None], overall.correlation[None], zero, zero, zero, none, zero,
                  zero, none, np.zeros((1, 1)))  # type: ignore[arg-type]


def gaussian_estimates(fit: Gaussian, markets: list[str], bar_years: float) -> list[Estimate]:
    """The parameters of a GBM fit."""
    root, unit = np.sqrt(bar_years), "per sqrt(year)"
    found = [Estimate(f"volatility.{m}", float(fit.volatility[a] / root), float(fit.volatility_error[a] / root), unit)
             for a, m in enumerate(markets)]
    found += [Estimate(f"correlation.{other}.{m}", float(fit.correlation[i, j]), float(fit.correlation_error[i, j]), "")
              for i, m in enumerate(markets) for j, other in enumerate(markets[:i])]
    drift = (fit.mean + 0.5 * fit.volatility**2) / bar_years
    return found + [Estimate(f"drift.{m}", float(drift[a]), float(fit.mean_error[a] / bar_years), "per year")
                    for a, m in enumerate(markets)]
