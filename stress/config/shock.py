"""The section of one hypothetical shock; ``shocks`` of the root holds them by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stress.config.fields import PerMarket, field

KINDS = (
    "gap", "volatility_step", "correlation_one", "depth_withdrawal", "oracle_freeze", "collateral_depeg",
    "index_manipulation", "outage",
)
TAGS = ("neutral", "adverse", "severe")


@dataclass(kw_only=True)
class ShockConfig:
    """One hypothetical shock, which comes on every path at the same time. Fields of other kinds are left out."""

    kind: str = field("what happens", choices=KINDS)
    tag: str | None = field("how bad it is meant to be", choices=TAGS, optional=True)
    percentile: float | None = field(
        "percentile of what was observed that the shock stands for; null: assumed", unit="%", low=0, high=100,
        optional=True)
    at_hours: float = field("time at which it comes: from the first tick not before it", unit="h", low=0)
    duration_hours: float | None = field(
        "how long it lasts, at least a tick; null: to the horizon (gap: one tick; collateral_depeg: for good)",
        unit="h", low=0, optional=True)
    move: PerMarket | None = field(
        "gap: relative move of the fundamental price, spread evenly in log price over the duration; not compensated; "
        "index_manipulation: relative error of what the oracle sees",
        above=-1, optional=True)
    multiplier: PerMarket | None = field(
        "volatility_step: factor on the volatility of the diffusion; depth_withdrawal: one factor on the depth of all "
        "markets", above=0, optional=True)
    leader: str | None = field("correlation_one: the market that all others follow", optional=True)
    beta: PerMarket | None = field(
        "correlation_one: relative return in a tick over that of the leader, which has its own", above=0, optional=True)
    markets: list[str] | None = field(
        "oracle_freeze, index_manipulation: the markets whose oracle is concerned; null for all", optional=True)
    loss: float | None = field(
        "collateral_depeg: share of every cross wallet of time zero that is lost", above=0, high=1, optional=True)
    recovery: float | None = field(
        "collateral_depeg: share of the loss that comes back after the duration; null for none", low=0, high=1,
        optional=True)
    provenance: dict[str, Any] | None = field("where the numbers come from; carried into the report", optional=True)
