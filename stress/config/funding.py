"""The section ``protocol.funding``: periodic payments between longs and shorts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stress.config.fields import Matrix, PerMarket, field

BY_SKEW = ("velocity", "adaptive")
"""Kinds whose rate follows the book."""


@dataclass(kw_only=True)
class PremiumProcessConfig:
    """The exogenous premium as a mean-reverting process (Ornstein-Uhlenbeck) about ``protocol.funding.premium``."""

    half_life_hours: PerMarket = field("time in which half of a deviation from the mean is gone", unit="h", above=0)
    std: PerMarket = field("standard deviation that the premium settles at", low=0)
    correlation: Matrix = field("correlation of the markets' shocks", low=-1, high=1)
    initial: PerMarket | None = field(
        "premium at time zero; null for a draw from what it settles at", optional=True)


@dataclass(kw_only=True)
class VelocityConfig:
    """kind=velocity: the rate gains speed with the skew, longs less shorts of all accounts but the residual one."""

    skew_scale: PerMarket = field("skew at which the rate moves fastest", unit="base units", above=0)
    max_velocity: PerMarket = field("rate a day that it then gains a day", unit="per day^2", low=0)
    initial_rate: PerMarket = field("rate at time zero", unit="per day")


@dataclass(kw_only=True)
class AdaptiveConfig:
    """kind=adaptive: the rate grows with the imbalance |longs - shorts| / (longs + shorts), holds, and fades."""

    increase: float = field("rate a second that an imbalance of one adds a second", unit="per s^2", low=0)
    decrease: float = field("rate a second that fades a second", unit="per s^2", low=0)
    stable_above: float = field("imbalance above which the rate grows", low=0, high=1)
    fading_below: float = field("imbalance below which the rate fades", low=0, high=1)
    smallest: float = field("smallest |rate|", unit="per s", low=0)
    largest: float = field("largest |rate|", unit="per s", low=0)
    initial_rate: PerMarket = field("rate at time zero", unit="per s")


@dataclass(kw_only=True)
class FundingConfig:
    """Periodic funding between longs and shorts."""

    interval_hours: float | None = field("time between payments; null for no funding", unit="h", above=0)
    kind: str = field("where the rate comes from: the premium, through a clamp or past a deadband, or the book's skew",
                      choices=("clamped", "deadband", "velocity", "adaptive"))
    interest_rate: PerMarket = field("kind=clamped: interest component, for premium_hours")
    clamp: float = field("kind=clamped: largest |interest - premium| that is added to the premium", low=0)
    premium_hours: float | None = field(
        "kind=clamped: time that premium and interest are for, of which a payment is its interval's part; null for the "
        "interval", unit="h", above=0, optional=True)
    deadband: float | None = field(
        "kind=deadband: premium on either side that costs nothing", low=0, optional=True)
    velocity: VelocityConfig | None = field("kind=velocity: its numbers", optional=True)
    adaptive: AdaptiveConfig | None = field("kind=adaptive: its numbers", optional=True)
    cap: float = field("kinds clamped and deadband: largest |rate| of a payment", low=0)
    premium: PerMarket = field("exogenous premium added to mark/fundamental - 1; of a process its long-run mean")
    premium_process: PremiumProcessConfig | None = field(
        "the exogenous premium as a process; null for a constant", optional=True)
    provenance: dict[str, Any] | None = field(
        "where fitted numbers come from; carried into the report", optional=True)
