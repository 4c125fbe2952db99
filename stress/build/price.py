"""From the price section to a market model."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from stress.build.diffusion import build_diffusion
from stress.build.history import build_from_history
from stress.build.jumps import build_jumps
from stress.build.path import read_path
from stress.build.regime import effective
from stress.config.check_history import from_history
from stress.config.markets import per_market
from stress.config.price import PriceConfig
from stress.config.schema import DataConfig, RunConfig
from stress.errors import UserError, bad_value
from stress.price.base import MarketModel
from stress.price.composition import Composition
from stress.price.given import GivenPath
from stress.price.regimes import RegimeChain, regime_chain, stationary_law
from stress.units import years


@dataclasses.dataclass(frozen=True)
class Market:
    """A market model with its clock: what depends on the price section alone."""

    model: MarketModel
    prices: np.ndarray  # [A] USD per unit at time zero
    steps: int
    step_seconds: float
    files: tuple[str, ...]  # files the model was read from
    history: dict[str, Any] | None = None  # what was read from a history, for the manifest and the report


def build_market(price: PriceConfig, run: RunConfig, data: DataConfig | None = None) -> Market:
    """The market model and its ticks; ``data`` names the history that it may be made of."""
    if from_history(price):
        assert data is not None  # checked with the config
        return Market(**build_from_history(price, run, data))
    if price.model == "replay":
        return _given(price, run)
    assert run.step_seconds is not None and run.horizon_hours is not None  # checked with the config
    steps = round(run.horizon_hours * 3600.0 / run.step_seconds)
    prices = per_market(price.initial_prices, price.markets, "price.initial_prices")
    return Market(build_composition(price, run.step_seconds), prices, steps, run.step_seconds, ())


def build_composition(price: PriceConfig, step_seconds: float) -> Composition:
    """The composed model; without regimes it has one."""
    regimes = price.regimes or {"": None}
    parts = [
        effective(price, regime, f"price.regimes.{name}" if name else "price") for name, regime in regimes.items()
    ]
    return Composition(
        diffusion=build_diffusion(price, parts, step_seconds),
        jumps=build_jumps(price, parts, step_seconds),
        chain=_chain(price, list(regimes)),
        depth_multiplier=jnp.asarray(np.stack([part.depth for part in parts])),
        step_years=jnp.asarray(years(step_seconds)),
        markets=len(price.markets),
    )


def _chain(price: PriceConfig, names: list[str]) -> RegimeChain:
    size = len(names)
    rates = np.zeros((size, size))
    for start, row in (price.transition_rates or {}).items():
        for end, rate in row.items():
            if start != end:
                rates[names.index(start), names.index(end)] = rate
    np.fill_diagonal(rates, -rates.sum(1))
    if price.initial_regime == "stationary" or size == 1:
        initial = stationary_law(rates) if size > 1 else np.ones(1)
    elif price.initial_regime in names:
        initial = np.eye(size)[names.index(price.initial_regime)]
    else:
        raise bad_value("price.initial_regime", price.initial_regime, f"stationary or one of {', '.join(names)}")
    return regime_chain(rates, initial)


def _given(price: PriceConfig, run: RunConfig) -> Market:
    if price.path is None:
        raise UserError("price.path: price=replay needs a file with the path. Give price.path=FILE.")
    path = read_path(price.path, price.markets)
    step = path.step_seconds if run.step_seconds is None else run.step_seconds
    if abs(step - path.step_seconds) > 1e-6 * path.step_seconds:
        raise bad_value(
            "run.step_seconds",
            step,
            f"the spacing of {price.path}, {path.step_seconds:g} s",
            "Leave it out to use the file's own.",
        )
    rows = len(path.prices) - 1
    steps = rows if run.horizon_hours is None else round(run.horizon_hours * 3600.0 / step)
    if not 1 <= steps <= rows:
        raise bad_value(
            "run.horizon_hours",
            run.horizon_hours,
            f"at most what {price.path} covers, {rows * step / 3600.0:g} h",
            "Leave it out to use the whole file.",
        )
    prices = path.prices[: steps + 1]
    return Market(GivenPath(jnp.asarray(prices)), prices[0], steps, step, (price.path,))
