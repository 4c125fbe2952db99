"""The preset sections of a mixture: jumps and regimes per year, as the configuration has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from stress.config.price import PriceConfig
from stress.price.calibrate.base import Sample
from stress.price.calibrate.mixture.dynamics import stationary_law
from stress.price.calibrate.mixture.estimates import annual, regime_names
from stress.price.calibrate.mixture.law import BarLaw
from stress.price.calibrate.notes import DRIFT, DURATION, JUMPS, plain
from stress.price.calibrate.rounding import by_market, by_pair, rounded

JUMP_KEYS = ("intensity", "mean", "std", "common_intensity", "common_mean", "common_std", "common_correlation")

Section = dict[str, Any]


def one_regime(law: BarLaw, sample: Sample, assumed: PriceConfig) -> tuple[Section, dict[str, str]]:
    """Section and comments of a law with one regime."""
    parts = per_year(law, sample)
    section = {
        "drift": 0, "volatility": by_market(sample.markets, parts["volatility"][0]),
        "correlation": by_pair(sample.markets, np.asarray(law.correlation[0])),
        "jump": _jump(parts, sample, 0), "regimes": None, "transition_rates": None, "initial_regime": "stationary",
        "jump_duration_seconds": plain(assumed.jump_duration_seconds),
    }
    notes = {"drift": f"per year; {DRIFT}", "volatility": "per sqrt(year)", "jump_duration_seconds": DURATION}
    return section, notes | {f"jump.{key}": JUMPS[key] for key in JUMP_KEYS}


def several_regimes(law: BarLaw, sample: Sample, assumed: PriceConfig) -> tuple[Section, dict[str, str]]:
    """Section and comments of a law with regimes."""
    names, parts, depths = regime_names(len(law.rates)), per_year(law, sample), depth(assumed, len(law.rates))
    regimes = {
        name: {
            "volatility": by_market(sample.markets, parts["volatility"][r]), "drift": 0,
            "correlation": by_pair(sample.markets, np.asarray(law.correlation[r])), "jump": _jump(parts, sample, r),
            "depth_multiplier": depths[r],
        } for r, name in enumerate(names)}
    rates = np.asarray(law.rates) / sample.bar_years
    section = {
        "drift": None, "volatility": None, "correlation": None, "jump": None, "regimes": regimes,
        "transition_rates": {name: {other: rounded(rates[r, s]) for s, other in enumerate(names) if s != r}
                             for r, name in enumerate(names)},
        "initial_regime": assumed.initial_regime if assumed.initial_regime in names else "stationary",
        "jump_duration_seconds": plain(assumed.jump_duration_seconds),
    }
    return section, _notes(law, rates, names)


def _notes(law: BarLaw, rates: np.ndarray, names: list[str]) -> dict[str, str]:
    notes = {"drift": "per year", "volatility": "per sqrt(year), of the diffusion", "correlation": "of the diffusions",
             "transition_rates": "per year", "jump_duration_seconds": DURATION}
    for r, (name, share) in enumerate(zip(names, shares(law).values(), strict=True)):
        stay = -1 / rates[r, r] * 365 * 24
        notes |= {f"regimes.{name}": f"{100 * share:.3g} % of the time, {stay:.3g} h at a time",
                  f"regimes.{name}.drift": DRIFT,
                  f"regimes.{name}.depth_multiplier": "assumed: prices do not say how deep the book is"}
    return notes


def shares(law: BarLaw) -> dict[str, float]:
    """Share of the time in each regime."""
    pairs = zip(regime_names(len(law.rates)), stationary_law(law), strict=True)
    return {name: round(float(share), 4) for name, share in pairs}


def depth(assumed: PriceConfig, size: int) -> list[float]:
    """Depth multipliers from the quietest regime to the wildest, after those of the preset asked for.

    With another number of regimes they are interpolated by rank, in logarithms.
    """
    given = [regime.depth_multiplier for regime in (assumed.regimes or {}).values()] or [1.0]
    at = np.linspace(0, 1, size), np.linspace(0, 1, len(given))
    return [rounded(float(x), 3) for x in np.exp(np.interp(*at, np.log(given)))]


def per_year(law: BarLaw, sample: Sample) -> dict[str, np.ndarray]:
    """Parameters per year, as arrays."""
    return {name: np.asarray(value) for name, (value, _) in annual(law, sample.bar_years).items()}


def _jump(parts: dict[str, np.ndarray], sample: Sample, r: int) -> Section:
    def written(value: np.ndarray) -> object:
        return by_market(sample.markets, value) if np.ndim(value) else rounded(float(value))

    return {"kind": "merton", **{name: written(parts[f"jump.{name}"][r]) for name in JUMP_KEYS}}
