"""Checks of the hypothetical shocks: what each kind needs, and what cannot go together."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from stress.config.schema import Config
from stress.config.shock import ShockConfig
from stress.errors import bad_value

NEEDED = {
    "gap": ("move",), "volatility_step": ("multiplier",), "correlation_one": ("leader", "beta"),
    "depth_withdrawal": ("multiplier",), "oracle_freeze": (), "collateral_depeg": ("loss",),
    "index_manipulation": ("move",), "outage": (),
}
"""Fields of a kind that must be given."""

ALLOWED = {"oracle_freeze": ("markets",), "index_manipulation": ("markets",), "collateral_depeg": ("recovery",)}
"""Further fields of a kind."""

OF_A_KIND = ("move", "multiplier", "leader", "beta", "markets", "loss", "recovery")


def check_shocks(config: Config) -> Iterator[str]:
    """Messages on the shocks."""
    for name, shock in config.shocks.items():
        yield from _fields(shock, f"shocks.{name}")
        yield from _time(config, shock, f"shocks.{name}")
        yield from _names(config, shock, f"shocks.{name}")
        yield from _expressible(config, shock, f"shocks.{name}")
    yield from _leaders(config)


def _fields(shock: ShockConfig, key: str) -> Iterator[str]:
    needed, allowed = NEEDED[shock.kind], ALLOWED.get(shock.kind, ())
    for name in OF_A_KIND:
        value = getattr(shock, name)
        if name in needed and value is None:
            yield str(bad_value(f"{key}.{name}", None, f"a value when kind={shock.kind}"))
        if value is not None and name not in (*needed, *allowed):
            yield str(bad_value(f"{key}.{name}", value, f"null when kind={shock.kind}", "Leave it out."))
    if shock.kind == "depth_withdrawal" and isinstance(shock.multiplier, (list, dict)):
        yield str(bad_value(f"{key}.multiplier", shock.multiplier, "one number for all markets when "
                            "kind=depth_withdrawal"))
    if shock.recovery is not None and shock.duration_hours is None:
        yield str(bad_value(f"{key}.duration_hours", None, "a number when recovery is given",
                            "Say after how many hours the loss comes back."))


def _time(config: Config, shock: ShockConfig, key: str) -> Iterator[str]:
    horizon = config.run.horizon_hours
    if horizon is not None and shock.at_hours > horizon * (1 + 1e-12):
        yield str(bad_value(f"{key}.at_hours", shock.at_hours, f"at most run.horizon_hours={horizon:g}",
                            "It would come after the run."))


def _names(config: Config, shock: ShockConfig, key: str) -> Iterator[str]:
    markets = config.price.markets
    allowed = "of price.markets: " + ", ".join(markets)
    if shock.leader is not None and shock.leader not in markets:
        yield str(bad_value(f"{key}.leader", shock.leader, f"one {allowed}"))
    unknown = [name for name in shock.markets or () if name not in markets]
    if unknown or shock.markets == []:
        yield str(bad_value(f"{key}.markets", shock.markets, f"null, or some {allowed}"))


def _expressible(config: Config, shock: ShockConfig, key: str) -> Iterator[str]:
    if shock.kind == "volatility_step" and config.price.model != "composition":
        yield str(bad_value(f"{key}.kind", shock.kind, f"another kind when price.model={config.price.model}: returns "
                            "that were recorded have no volatility to multiply", "Use a gap, or another price= model."))


def _leaders(config: Config) -> Iterator[str]:
    """At any time all markets follow one leader."""
    shocks = [(name, shock) for name, shock in config.shocks.items() if shock.kind == "correlation_one"]
    for (first, one), (second, other) in combinations(shocks, 2):
        if _overlap(one, other):
            yield str(bad_value(f"shocks.{second}.at_hours", other.at_hours,
                                f"a time at which shocks.{first} is over: only one leader can be followed"))


def _overlap(one: ShockConfig, other: ShockConfig) -> bool:
    early, late = sorted((one, other), key=lambda shock: shock.at_hours)
    return early.duration_hours is None or late.at_hours < early.at_hours + early.duration_hours
