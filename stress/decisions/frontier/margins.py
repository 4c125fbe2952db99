"""Other margin rates than the present ones, as changes of the configuration, for every kind of rates there is.

A factor f makes of an initial rate i and a maintenance rate m

* ratio: f i and f m;
* spread: i + (f - 1) m and f m, so that i - m stays;
* maintenance: i and f m.

Rates stop at what a venue can ask for: an initial rate at one, a maintenance rate at the initial one and below one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stress.config.fields import PerMarket
from stress.config.margin import MarginConfig, TierConfig
from stress.config.markets import per_market
from stress.config.schema import ProtocolConfig
from stress.errors import UserError

HIGHEST_MAINTENANCE = 0.99
"""A maintenance rate of one cannot be kept: any loss is a breach."""
MARGIN = "protocol.margin"


@dataclass(frozen=True)
class Scaled:
    """Changes by dotted key, and how many rates stopped at what can be asked for."""

    changes: Mapping[str, Any]
    capped: int


def scaled(protocol: ProtocolConfig, markets: Sequence[str], factor: float, scaling: str) -> Scaled:
    """The present rates of ``markets`` under a factor.

    Raises UserError for maintenance rates that cannot be scaled alone.
    """
    margin = protocol.margin
    if margin is None or margin.kind == "tiers":
        return _tiers(protocol, markets, factor, scaling)
    match margin.kind:
        case "leverage":
            return _leverage(margin, markets, factor, scaling)
        case "skew":
            return _skew(margin, markets, factor, scaling)
    return _by_size(margin, markets, factor, scaling)


def flat(protocol: ProtocolConfig, initial: float | None, maintenance: float | None) -> Scaled:
    """Flat rates in place of whatever there is; with None the tiers hold."""
    changes: dict[str, Any] = {"protocol.initial_margin": initial, "protocol.maintenance_margin": maintenance}
    margin = protocol.margin
    if margin is not None and margin.kind != "tiers":
        gains = {name: value for name, value in dataclasses.asdict(margin).items()
                 if name.startswith("unrealised_gain") and value is not None}
        changes[MARGIN] = {"kind": "tiers", **gains} if gains else None
    return Scaled(changes, 0)


def table(protocol: ProtocolConfig, tiers: Mapping[str, Sequence[TierConfig]]) -> Scaled:
    """A table of tiers by market in place of whatever there is."""
    rows = {market: [dataclasses.asdict(tier) for tier in some] for market, some in tiers.items()}
    return Scaled({"protocol.margin_tiers": rows, **flat(protocol, None, None).changes}, 0)


def rates(initial: float, maintenance: float, factor: float, scaling: str) -> tuple[float, float, bool]:
    """Both rates under a factor, and whether one of them stopped at what can be asked for."""
    most = {"ratio": 1.0 / initial, "spread": 1.0 + (1.0 - initial) / maintenance,
            "maintenance": initial / maintenance}[scaling]
    f = min(factor, most)
    wanted = {"ratio": f * initial, "spread": initial + (f - 1.0) * maintenance, "maintenance": initial}[scaling]
    higher = min(wanted, 1.0)
    lower = min(f * maintenance, higher, HIGHEST_MAINTENANCE)
    return higher, lower, f < factor or f * maintenance > HIGHEST_MAINTENANCE


def _tiers(protocol: ProtocolConfig, markets: Sequence[str], factor: float, scaling: str) -> Scaled:
    tables, capped = {}, 0
    for market in markets:
        rows = []
        for bound, initial, maintenance in _in_force(protocol, market):
            higher, lower, stopped = rates(initial, maintenance, factor, scaling)
            rows.append({"up_to_usd": bound, "initial_margin": higher, "maintenance_margin": lower})
            capped += stopped
        tables[market] = rows
    return Scaled({"protocol.margin_tiers": tables, "protocol.initial_margin": None,
                   "protocol.maintenance_margin": None}, capped)


def _in_force(protocol: ProtocolConfig, market: str) -> list[tuple[float | None, float, float]]:
    """Bound in USD, initial and maintenance rate of every tier, after the flat rates."""
    initial, maintenance = protocol.initial_margin, protocol.maintenance_margin
    if initial is not None and maintenance is not None:
        return [(None, initial, maintenance)]
    tiers: list[TierConfig] = protocol.margin_tiers.get(market, protocol.margin_tiers.get("default", []))
    found = []
    for tier in tiers:
        lower = tier.maintenance_margin if maintenance is None else maintenance
        found.append((tier.up_to_usd, max(tier.initial_margin, lower) if initial is None else initial, lower))
    return found


def _growth(share: float, factor: float, scaling: str) -> tuple[float, float]:
    """Factor on the initial rate, and the new ``share`` of it that is the maintenance rate."""
    match scaling:
        case "ratio":
            return factor, share
        case "spread":
            grown = factor * share + 1.0 - share
            return grown, factor * share / grown
    return 1.0, min(1.0, factor * share)


def _leverage(margin: MarginConfig, markets: Sequence[str], factor: float, scaling: str) -> Scaled:
    tiers, shares, capped, tables = margin.leverage_tiers or {}, {}, 0, {}
    for market, share in _values(margin.maintenance_share, markets, "maintenance_share").items():
        grown, shares[market] = _growth(share, factor, scaling)
        capped += scaling == "maintenance" and factor * share > 1.0
        rows = tiers.get(market, tiers.get("default", []))
        capped += sum(row.max_leverage / grown < 1.0 for row in rows)
        tables[market] = [{"up_to_usd": row.up_to_usd, "max_leverage": max(row.max_leverage / grown, 1.0)}
                          for row in rows]
    return Scaled({f"{MARGIN}.leverage_tiers": tables, f"{MARGIN}.maintenance_share": shares}, capped)


def _skew(margin: MarginConfig, markets: Sequence[str], factor: float, scaling: str) -> Scaled:
    found: dict[str, dict[str, float]] = {"initial_margin": {}, "skew_fraction": {}, "maintenance_share": {}}
    base, slope, share = (_values(getattr(margin, name), markets, name) for name in found)
    capped = 0
    for market in markets:
        grown, kept = _growth(share[market], factor, scaling)
        capped += grown * base[market] > 1.0 or (scaling == "maintenance" and factor * share[market] > 1.0)
        grown = min(grown, 1.0 / base[market])
        found["initial_margin"][market] = min(grown * base[market], 1.0)
        found["skew_fraction"][market] = grown * slope[market]
        found["maintenance_share"][market] = kept
    return Scaled({f"{MARGIN}.{name}": values for name, values in found.items()}, capped)


def _by_size(margin: MarginConfig, markets: Sequence[str], factor: float, scaling: str) -> Scaled:
    """Rates of which both have the same slope in the size; it is scaled with the maintenance rate."""
    slope = "size_factor" if margin.kind == "root_size" else "size_slope"
    slopes = _values(getattr(margin, slope), markets, slope)
    if scaling == "maintenance" and any(slopes.values()):
        raise UserError(f"decide.frontier.scalings: maintenance does not go with {MARGIN}.kind={margin.kind}, whose "
                        f"{slope} is that of both rates. Use ratio or spread.")
    found: dict[str, dict[str, float]] = {"initial_margin": {}, "maintenance_margin": {}, slope: {}}
    base, lowest = (_values(getattr(margin, name), markets, name) for name in ("initial_margin", "maintenance_margin"))
    capped = 0
    for market in markets:
        higher, lower, stopped = rates(base[market], lowest[market], factor, scaling)
        found["initial_margin"][market], found["maintenance_margin"][market] = higher, lower
        found[slope][market] = slopes[market] * lower / lowest[market]
        capped += stopped
    return Scaled({f"{MARGIN}.{name}": values for name, values in found.items()}, capped)


def _values(value: PerMarket | None, markets: Sequence[str], name: str) -> dict[str, float]:
    """Numbers by market, of a key that the kind has."""
    assert value is not None  # the parser has seen to it
    return dict(zip(markets, per_market(value, list(markets), f"{MARGIN}.{name}").tolist(), strict=True))
