"""Which regime of a price model ruled when: probabilities by bar, from the prices of that time.

The forward-backward recursion of Baum et al. (1970) over the model's own laws of a bar's returns.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import expm

from stress.config.markets import correlation_matrix, per_market
from stress.config.price import JumpConfig, PriceConfig
from stress.price.calibrate.mixture.dynamics import growth_free, stationary_law
from stress.price.calibrate.mixture.law import BarLaw, blocks, jump_counts, log_density

LEFT_OUT = 1e-8
"""Probability of the numbers of jumps in a bar that are not summed over."""


def obstacle(price: PriceConfig) -> str | None:
    """Why the regimes of a price model cannot be told from prices here; None where they can."""
    if price.model != "composition" or not price.regimes or len(price.regimes) < 2:
        return "price has no regimes (use price=regime)"
    kinds = {jump.kind for jump in _jumps(price)}
    if not kinds <= {"none", "merton"}:
        return f"price.jump.kind={', '.join(sorted(kinds - {'none', 'merton'}))} has no law of a bar here"
    for name, part in (("variance", price.variance), ("intensity", price.intensity)):
        if part is not None and part.kind != "constant":
            return f"price.{name}.kind={part.kind}: bars do not depend on the regime alone"
    return None


def _jumps(price: PriceConfig) -> list[JumpConfig]:
    found = [regime.jump or price.jump for regime in (price.regimes or {}).values()]
    return [jump for jump in found if jump is not None]


def bar_law(price: PriceConfig, markets: list[str], bar_years: float) -> BarLaw:
    """The law of a bar of a model without :func:`obstacle`, for ``markets``."""
    regimes = price.regimes or {}
    parts: dict[str, list] = {name: [] for name in BarLaw._fields if name != "rates"}
    for regime in regimes.values():
        jump = regime.jump or price.jump

        def of_jump(name: str, jump: JumpConfig | None = jump) -> np.ndarray:
            value = None if jump is None or jump.kind == "none" else getattr(jump, name)
            return per_market(0.0 if value is None else value, markets, f"price.jump.{name}")

        volatility = regime.volatility if regime.volatility is not None else price.volatility
        factor = 1.0 if regime.volatility_multiplier is None else regime.volatility_multiplier
        correlation = regime.correlation if regime.correlation is not None else price.correlation
        own = {name: of_jump(name) for name in ("mean", "std", "common_mean", "common_std")}
        own |= {
            "intensity": of_jump("intensity") * bar_years,
            "common_intensity": of_jump("common_intensity")[0] * bar_years,
            "common_correlation": of_jump("common_correlation")[0],
            "volatility": per_market(volatility or 0.0, markets, "price.volatility")
            * np.sqrt(bar_years)
            * per_market(factor, markets, "price.regimes.volatility_multiplier"),
            "correlation": correlation_matrix(
                0.0 if correlation is None else correlation, markets, "price.correlation"
            ),
            "location": np.zeros(len(markets)),
        }
        for name, value in own.items():
            parts[name].append(value)
    names, rates = list(regimes), price.transition_rates or {}
    generator = np.array([[rates.get(a, {}).get(b, 0.0) if a != b else 0.0 for b in names] for a in names]) * bar_years
    generator -= np.diag(generator.sum(1))
    return growth_free(BarLaw(rates=generator, **{name: np.array(value) for name, value in parts.items()}))


def probabilities(law: BarLaw, returns: np.ndarray) -> np.ndarray:
    """Probability [T, R] of each regime in each bar given all returns [T, A] (NaN: not seen)."""
    sample, size = blocks(returns), len(law.rates)
    density = np.empty((len(returns), size))
    for r in range(size):
        counts = jump_counts(np.append(law.intensity[r], law.common_intensity[r]), LEFT_OUT)
        density[:, r] = np.asarray(log_density(law, r, counts, sample, len(returns)))
    onward = expm(np.asarray(law.rates))
    return smoothed(np.exp(density - density.max(1, keepdims=True)), onward, stationary_law(law))


def smoothed(density: np.ndarray, onward: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Probabilities [T, R] from densities [T, R] (any scale by row), transitions [R, R] of a bar, the first law [R]."""
    ahead, back = np.empty_like(density), np.ones_like(density)
    prior = start
    for t, here in enumerate(density):
        ahead[t] = prior * here / (prior @ here)
        prior = ahead[t] @ onward
    for t in range(len(density) - 1, 0, -1):
        earlier = onward @ (density[t] * back[t])
        back[t - 1] = earlier / earlier.sum()
    joint = ahead * back
    return joint / joint.sum(1, keepdims=True)
