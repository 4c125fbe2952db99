"""Maintenance rates as plain numbers: tiers on the notional, or rates that grow with the size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from stress.config.margin import MarginConfig
from stress.config.schema import ProtocolConfig

Tiers = list[tuple[float, float]]
"""Maintenance tiers of a market: (upper bound of notional in USD, inf for the last; rate of the slab below it)."""


@dataclass(frozen=True)
class SizeRate:
    """A maintenance rate that grows with the units held, in place of tiers."""

    base: float  # of a small position
    growth: float  # a unit, or a square root of a unit
    root: bool  # max(base, 0.8 base + growth sqrt(units)) instead of base + growth units


def initial_margin(protocol: ProtocolConfig, market: str) -> Tiers | SizeRate:
    """Initial margin of a market, as a config asks for it, of any open interest."""
    margin = protocol.margin
    if margin is not None and margin.kind == "leverage":
        return [(_bound(row), 1 / row.max_leverage) for row in _served(margin.leverage_tiers, market)]
    if margin is not None and margin.kind != "tiers":
        rate = _served(margin.initial_margin, market)
        if margin.kind == "root_size":
            return SizeRate(rate, _served(margin.size_factor, market), root=True)
        if margin.kind == "linear_size":
            return SizeRate(rate, _served(margin.size_slope, market), root=False)
        return SizeRate(rate, _served(margin.skew_fraction, market) / _served(margin.skew_scale, market), root=False)
    if protocol.initial_margin is not None:
        return [(math.inf, protocol.initial_margin)]
    lowest = protocol.maintenance_margin or 0.0  # a flat one may be above what the tiers ask for at first
    return [(_bound(row), max(row.initial_margin, lowest)) for row in _served(protocol.margin_tiers, market)]


def market_margin(protocol: ProtocolConfig, market: str) -> Tiers | SizeRate:
    """Maintenance margin of a market, as a config asks for it."""
    margin = protocol.margin
    if margin is not None and margin.kind == "leverage":
        rows = _served(margin.leverage_tiers, market)
        share = _served(margin.maintenance_share, market)
        return [(_bound(row), share / row.max_leverage) for row in rows]
    if margin is not None and margin.kind != "tiers":
        return _size_rate(margin, market)
    if protocol.maintenance_margin is not None:
        return [(math.inf, protocol.maintenance_margin)]
    rows = _served(protocol.margin_tiers, market)
    return [(_bound(row), row.maintenance_margin) for row in rows]


def _size_rate(margin: MarginConfig, market: str) -> SizeRate:
    if margin.kind == "root_size":
        return SizeRate(_served(margin.maintenance_margin, market), _served(margin.size_factor, market), root=True)
    if margin.kind == "linear_size":
        return SizeRate(_served(margin.maintenance_margin, market), _served(margin.size_slope, market), root=False)
    assert margin.kind == "skew", margin.kind
    share = _served(margin.maintenance_share, market)
    growth = _served(margin.skew_fraction, market) / _served(margin.skew_scale, market)
    return SizeRate(share * _served(margin.initial_margin, market), share * growth, root=False)


def _served(values: Any, market: str) -> Any:
    """One value for all markets, or that of the market, or the default."""
    if not isinstance(values, dict):
        return values
    return values[market] if market in values else values["default"]


def _bound(row: Any) -> float:
    return math.inf if row.up_to_usd is None else row.up_to_usd
