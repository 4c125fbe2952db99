"""From the fitted law to the numbers people read: per year, named, with standard errors by the delta method."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from stress.price.calibrate.base import Estimate
from stress.price.calibrate.delta import named_estimates, spread, weak
from stress.price.calibrate.mixture.law import BarLaw, Values
from stress.price.calibrate.mixture.maximise import Maximum


def regime_names(size: int) -> list[str]:
    """Names from the quietest regime to the wildest."""
    between = ["active"] if size == 3 else [f"active_{i}" for i in range(1, size - 1)]
    return ["calm", *between, "stressed"] if size > 1 else [""]


def annual(law: BarLaw, bar_years: float) -> dict[str, tuple[Values, str]]:
    """Parameters per year with their units; axes as in BarLaw, correlations and rates as their free entries."""
    root = jnp.sqrt(bar_years)
    size, markets = law.volatility.shape
    low = np.tril_indices(markets, -1)
    growth = law.intensity * jnp.expm1(law.mean + 0.5 * law.std**2)
    growth = growth + law.common_intensity[:, None] * jnp.expm1(law.common_mean + 0.5 * law.common_std**2)
    rates = law.rates[~np.eye(size, dtype=bool)].reshape(size, size - 1)
    return {
        "volatility": (law.volatility / root, "per sqrt(year)"),
        "correlation": (law.correlation[:, low[0], low[1]], ""),
        "jump.intensity": (law.intensity / bar_years, "per year"),
        "jump.mean": (law.mean, "log"), "jump.std": (law.std, "log"),
        "jump.common_intensity": (law.common_intensity / bar_years, "per year"),
        "jump.common_mean": (law.common_mean, "log"), "jump.common_std": (law.common_std, "log"),
        "jump.common_correlation": (law.common_correlation, ""),
        "drift": ((law.location + 0.5 * law.volatility**2 + growth) / bar_years, "per year"),
        "transition_rate": (rates / bar_years, "per year"),
    }


def estimates(top: Maximum, markets: list[str], bar_years: float) -> tuple[list[Estimate], list[str]]:
    """The parameters of a fit, and warnings about what the data do not identify."""
    def labels(name: str, shape: tuple[int, ...]) -> list[tuple[tuple[int, ...], str]]:
        return [] if name.startswith("jump.common") and len(markets) == 1 else _labels(name, shape, markets)

    around = spread(top.information, ~top.at_bound)
    found, slopes = named_estimates(lambda v: annual(top.layout.law(v), bar_years), top.vector, around, labels)
    notes, held = weak(found, slopes, around, top.slope), int(top.at_bound.sum())
    if held:
        notes.insert(0, f"{held} of {len(top.vector)} parameters of the fit lie on a bound that keeps jumps and "
                        f"regimes apart ({', '.join(_held(top, markets))}); they carry no standard error of their own.")
    return found, notes


def _held(top: Maximum, markets: list[str]) -> list[str]:
    """Which entries of the vector lie on a bound, in words."""
    names = regime_names(top.layout.regimes)
    shapes = {name: shape for name, (shape, _, _) in top.layout.blocks().items()}
    words = []
    for name, at in zip(top.layout.names(), top.at_bound, strict=True):
        block, index = name[:-1].split("[")
        place = [int(i) for i in index.split(",")] if index else []
        if at and block != "rates":
            regime, rest = names[place[0]], [markets[i] for i in place[1:] if len(shapes[block]) > 1]
            words.append(" ".join([*([regime] if regime else []), block.replace("_", " "), *rest]))
        elif at:
            words.append("a switching rate")
    return words


def _labels(name: str, shape: tuple[int, ...], markets: list[str]) -> list[tuple[tuple[int, ...], str]]:
    """Index and full name of every entry of an annual parameter."""
    names = regime_names(shape[0])
    pairs = [f"{first}.{second}" for i, second in enumerate(markets) for first in markets[:i]]
    labels = []
    for index in np.ndindex(shape):
        prefix = f"{names[index[0]]}." if names[0] else ""
        if name == "transition_rate":
            target = [n for n in names if n != names[index[0]]][index[1]]
            labels.append((index, f"transition_rate.{names[index[0]]}.{target}"))
        elif name == "correlation":
            labels.append((index, f"{prefix}{name}.{pairs[index[1]]}"))
        else:
            labels.append((index, f"{prefix}{name}" + (f".{markets[index[1]]}" if len(index) > 1 else "")))
    return labels
