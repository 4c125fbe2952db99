"""From the section of hypothetical shocks to the parts of market and venue that carry them out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

import jax.numpy as jnp
import numpy as np

from stress.build.price import Market
from stress.config.markets import per_market
from stress.config.shock import ShockConfig
from stress.errors import bad_value
from stress.price.shocks.base import MarketShock, ShockedModel
from stress.price.shocks.correlation_one import CorrelationOne
from stress.price.shocks.depth_withdrawal import DepthWithdrawal
from stress.price.shocks.gap import Gap
from stress.price.shocks.volatility_step import VolatilityStep
from stress.protocol.collateral import Depeg
from stress.protocol.oracle import Freeze, Manipulation
from stress.protocol.venue import Venue
from stress.window import Window, tick_at, window

Shocks = Mapping[str, ShockConfig]
NO_SHOCKS: Shocks = MappingProxyType({})

ORDER = ("volatility_step", "correlation_one", "gap", "depth_withdrawal")
"""Shocks of the market, in the order in which they act: a gap is not scaled, and comes on top of what others follow."""


def shocked_market(market: Market, shocks: Shocks, markets: list[str]) -> Market:
    """The market with its shocks; itself where there are none. UserError for a shock that comes after the run."""
    for name, shock in shocks.items():
        if tick_at(shock.at_hours, market.step_seconds) > market.steps:
            horizon = market.steps * market.step_seconds / 3600.0
            raise bad_value(f"shocks.{name}.at_hours", shock.at_hours, f"at most {horizon:g}, the end of the run")
    found = [
        _market_shock(shock, f"shocks.{name}", markets, market.step_seconds)
        for kind in ORDER
        for name, shock in shocks.items()
        if shock.kind == kind
    ]
    return dataclasses.replace(market, model=ShockedModel(market.model, tuple(found))) if found else market


def _market_shock(shock: ShockConfig, key: str, markets: list[str], step_seconds: float) -> MarketShock:
    when = window(shock.at_hours, shock.duration_hours, step_seconds)

    def numbers(name: str) -> np.ndarray:
        return per_market(getattr(shock, name), markets, f"{key}.{name}")

    match shock.kind:
        case "gap":
            when = window(shock.at_hours, shock.duration_hours or 0.0, step_seconds)
            return Gap(when, jnp.asarray(np.log1p(numbers("move")) / (int(when.end) - int(when.first))))
        case "volatility_step":
            return VolatilityStep(when, jnp.asarray(numbers("multiplier")))
        case "correlation_one":
            assert shock.leader is not None  # checked with the config
            leader, beta = markets.index(shock.leader), numbers("beta")
            beta[leader] = 1.0
            return CorrelationOne(when, jnp.asarray(beta), leader)
        case _:
            return DepthWithdrawal(when, jnp.asarray(shock.multiplier, jnp.float64))


def shocked_venue(venue: Venue, shocks: Shocks, markets: list[str], step_seconds: float) -> Venue:
    """The venue with its outages and the shocks of its oracle and its collateral."""
    freezes, depegs, manipulations, outages = [], [], [], []
    for name, shock in shocks.items():
        when = window(shock.at_hours, shock.duration_hours, step_seconds)
        named = np.array([shock.markets is None or market in shock.markets for market in markets])
        if shock.kind == "oracle_freeze":
            freezes.append(Freeze(when, jnp.asarray(named)))
        if shock.kind == "index_manipulation":
            assert shock.move is not None  # checked with the config
            move = per_market(shock.move, markets, f"shocks.{name}.move")
            manipulations.append(Manipulation(when, jnp.asarray(np.where(named, move, 0.0))))
        if shock.kind == "outage":
            outages.append(when)
        if shock.kind == "collateral_depeg":
            depegs.append(_depeg(shock, when))
    oracle = dataclasses.replace(venue.oracle, freezes=tuple(freezes), manipulations=tuple(manipulations))
    return dataclasses.replace(venue, oracle=oracle, depegs=tuple(depegs), outages=tuple(outages))


def _depeg(shock: ShockConfig, when: Window) -> Depeg:
    assert shock.loss is not None  # checked with the config
    regained = shock.loss * (shock.recovery or 0.0)
    return Depeg(when, jnp.asarray(shock.loss, jnp.float64), jnp.asarray(regained, jnp.float64))


def freezes_oracle(shocks: Shocks) -> bool:
    """Whether the risk check may see an old price."""
    return any(shock.kind == "oracle_freeze" for shock in shocks.values())


def manipulates_index(shocks: Shocks) -> bool:
    """Whether the risk check may see a price that is not."""
    return any(shock.kind == "index_manipulation" for shock in shocks.values())


def stops_venue(shocks: Shocks) -> bool:
    """Whether the venue may do nothing for a while."""
    return any(shock.kind == "outage" for shock in shocks.values())


def depegs_collateral(shocks: Shocks) -> bool:
    """Whether wallets may lose value."""
    return any(shock.kind == "collateral_depeg" for shock in shocks.values())
