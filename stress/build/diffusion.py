"""From the variance section to a diffusion part."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from stress.build.regime import Regime
from stress.config.markets import per_market
from stress.config.price import PriceConfig, VarianceConfig
from stress.errors import bad_value
from stress.price.diffusion.base import DiffusionPart
from stress.price.diffusion.constant import ConstantVolatility
from stress.price.diffusion.garch import GarchVariance
from stress.price.diffusion.heston import HestonVariance
from stress.types import Array
from stress.units import years

TOLERANCE = 1e-9
"""A step that is this close to a part of a bar is one."""


def build_diffusion(price: PriceConfig, regimes: Sequence[Regime], step_seconds: float) -> DiffusionPart:
    """The diffusion part of all regimes."""
    drift, factor, multiplier = (_stack(regimes, name) for name in ("drift", "factor", "multiplier"))
    section = price.variance
    match section.kind if section else "constant":
        case "heston":
            assert section is not None
            return _heston(price, section, step_seconds, drift=drift, factor=factor, multiplier=multiplier)
        case "garch":
            assert section is not None
            return _garch(price, section, step_seconds, drift=drift, factor=factor, multiplier=multiplier)
        case _:
            return ConstantVolatility(drift=drift, volatility=_stack(regimes, "volatility") * multiplier, factor=factor)


def _stack(regimes: Sequence[Regime], name: str) -> Array:
    return jnp.asarray(np.stack([getattr(regime, name) for regime in regimes]))


def _numbers(price: PriceConfig, section: VarianceConfig, name: str) -> np.ndarray:
    return per_market(getattr(section, name), price.markets, f"price.variance.{name}")


def _heston(price: PriceConfig, section: VarianceConfig, step_seconds: float, **shared: Array) -> HestonVariance:
    numbers = {name: _numbers(price, section, name) for name in ("kappa", "theta", "xi", "rho")}
    numbers["v0"] = numbers["theta"] if section.v0 is None else _numbers(price, section, "v0")
    leaves = {name: jnp.asarray(value) for name, value in numbers.items()}
    return HestonVariance(**shared, **leaves, step_years=jnp.asarray(years(step_seconds)))


def _garch(price: PriceConfig, section: VarianceConfig, step_seconds: float, **shared: Array) -> GarchVariance:
    assert section.period_seconds is not None and price.volatility is not None  # checked with the config
    ticks, bars = _clock(section.period_seconds, step_seconds)
    bar_years = years(section.period_seconds)
    alpha, gamma, beta = (_numbers(price, section, name) for name in ("alpha", "gamma", "beta"))
    level = per_market(price.volatility, price.markets, "price.volatility")
    first = level if section.initial_volatility is None else _numbers(price, section, "initial_volatility")
    return GarchVariance(
        **shared,
        omega=jnp.asarray(level**2 * bar_years * (1.0 - alpha - beta - 0.5 * gamma)),
        alpha=jnp.asarray(alpha),
        gamma=jnp.asarray(gamma),
        beta=jnp.asarray(beta),
        nu=None if section.nu is None else jnp.asarray(_numbers(price, section, "nu")),
        first=jnp.asarray(first**2 * bar_years),
        step_years=jnp.asarray(years(step_seconds)),
        ticks=ticks,
        bars=bars,
    )


def _clock(period: float, step: float) -> tuple[int, int]:
    """Steps in a bar and bars in a step, one of them 1."""
    ticks, bars = max(1, round(period / step)), max(1, round(step / period))
    if abs(ticks * step - bars * period) > TOLERANCE * max(period, step):
        allowed = f"a multiple of run.step_seconds ({step:g} s) or a part of it"
        raise bad_value("price.variance.period_seconds", period, allowed, "Change either.")
    return ticks, bars
