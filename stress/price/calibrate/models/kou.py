"""Kou's double-exponential jumps, own and common, over one diffusion."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from stress.price.calibrate.base import Fitted, Options, Sample
from stress.price.calibrate.delta import Named, named_estimates, weak
from stress.price.calibrate.kou.dynamics import KouDynamics
from stress.price.calibrate.kou.fit import KouMaximum, fit_kou
from stress.price.calibrate.kou.law import KouLaw, growth
from stress.price.calibrate.notes import DRIFT, DURATION, DURATION_WARNING, JUMPS, ONE_MARKET, plain
from stress.price.calibrate.rounding import by_market, by_pair, rounded

OWN = ("intensity", "up_probability", "eta_up", "eta_down")
COMMON = ("common_intensity", "common_up_probability", "common_eta_up", "common_eta_down")


@dataclass(frozen=True)
class KouFitter:
    """Double-exponential jumps."""

    name = "kou"
    about = "Kou's jump diffusion: double-exponential jumps, own to every market, and of all markets at once."
    method = ("maximum composite likelihood, the sum over pairs of markets of the pair's log-likelihood divided by the "
              "number of partners; densities by Fourier inversion of the transform of a bar's returns; bars that some "
              "markets lack count for the others; standard errors by the sandwich of a composite likelihood")
    fewest = 500

    def fit(self, sample: Sample, options: Options) -> Fitted:
        """Fit the sample."""
        top = fit_kou(sample, options.max_kou_jumps_per_year)
        labels = _Labels(sample.markets)
        found, slopes = named_estimates(lambda v: per_year(top.layout.law(v), sample.bar_years), top.vector, top.around,
                                        labels)
        size = len(sample.markets)
        return Fitted(
            parameters=found, log_likelihood=top.log_likelihood, free=int((~top.at_bound).sum()),
            between=size * (size - 1) // 2,
            warnings=[*_held(top, sample), *weak(found, slopes, top.around, top.slope), DURATION_WARNING,
                      *([ONE_MARKET] if size == 1 else [])],
            section=_section(top.law, sample, options), dynamics=KouDynamics(top.law),
            notes={"drift": f"per year; {DRIFT}", "volatility": "per sqrt(year)", "jump_duration_seconds": DURATION,
                   **{f"jump.{key}": note for key, note in JUMPS.items()}},
            settings={"max_kou_jumps_per_year": options.max_kou_jumps_per_year},
            assumed=["drift", "jump_duration_seconds"])


def per_year(law: KouLaw, bar_years: float) -> Named:
    """Parameters per year with their units."""
    low = np.tril_indices(len(law.volatility), -1)
    drift = law.location + 0.5 * law.volatility**2 + growth(law)
    return {
        "volatility": (law.volatility / np.sqrt(bar_years), "per sqrt(year)"),
        "correlation": (law.correlation[low], ""), "jump.intensity": (law.intensity / bar_years, "per year"),
        "jump.up_probability": (law.up, ""), "jump.eta_up": (law.eta_up, ""), "jump.eta_down": (law.eta_down, ""),
        "jump.common_intensity": (jnp.asarray(law.common_intensity) / bar_years, "per year"),
        "jump.common_up_probability": (law.common_up, ""), "jump.common_eta_up": (law.common_eta_up, ""),
        "jump.common_eta_down": (law.common_eta_down, ""), "drift": (drift / bar_years, "per year"),
    }


@dataclass(frozen=True)
class _Labels:
    markets: list[str]

    def __call__(self, name: str, shape: tuple[int, ...]) -> list[tuple[tuple[int, ...], str]]:
        """One for all, by pair, or by market; nothing common for one market."""
        if name.startswith("jump.common") and len(self.markets) == 1:
            return []
        if not shape:
            return [((), name)]
        pairs = [f"{first}.{second}" for i, second in enumerate(self.markets) for first in self.markets[:i]]
        return [((i,), f"{name}.{each}") for i, each in enumerate(pairs if name == "correlation" else self.markets)]


def _section(law: KouLaw, sample: Sample, options: Options) -> dict:
    markets, value = sample.markets, {name: np.asarray(v[0]) for name, v in per_year(law, sample.bar_years).items()}
    jump: dict = {"kind": "kou"}
    for key in OWN if len(markets) == 1 else (*OWN, *COMMON):
        number = value[f"jump.{key}"]
        jump[key] = by_market(markets, number) if number.ndim else rounded(float(number))
    return {
        "drift": 0, "volatility": by_market(markets, value["volatility"]),
        "correlation": by_pair(markets, np.asarray(law.correlation)), "jump": jump, "regimes": None,
        "transition_rates": None, "initial_regime": "stationary",
        "jump_duration_seconds": plain(options.assumed.jump_duration_seconds)}


def _held(top: KouMaximum, sample: Sample) -> list[str]:
    """Warnings on parameters at their bounds, in the words of the configuration."""
    words = {"intensity": "jump.intensity", "common_intensity": "jump.common_intensity", "up": "jump.up_probability",
             "common_up": "jump.common_up_probability", "rise": "jump.eta_up", "fall": "jump.eta_down",
             "common_rise": "jump.common_eta_up", "common_fall": "jump.common_eta_down", "volatility": "volatility"}
    held, at = [], 0
    for name, (shape, _, _) in top.layout.blocks().items():
        for i in range(int(np.prod(shape))):
            if top.at_bound[at]:
                held.append(words[name] + (f".{sample.markets[i]}" if shape[0] > 1 or len(sample.markets) == 1 else ""))
            at += 1
    if not held:
        return []
    note = (f"{len(held)} of {len(top.vector)} parameters lie on a bound that keeps jumps apart from the diffusion "
            f"({', '.join(held)}); they carry no standard error. Jumps as frequent as calibrate.max_kou_jumps_per_year "
            "trade against volatility: the data want more and smaller ones, down to none that could be told from a "
            "diffusion.")
    return [note]
