"""The section ``protocol.oracle``: the index, and the price of the risk check that is made from it."""

from __future__ import annotations

from dataclasses import dataclass

from stress.config.fields import field

MARKS = ("band", "ema", "median", "stable")


@dataclass(kw_only=True)
class StableConfig:
    """Limits of the growth of a stable price."""

    growth_per_second: float = field(
        "largest relative change a second, times the square of how near it is to the delayed price", low=0)
    delayed_growth: float = field("largest relative change of the delayed price from interval to interval", low=0)
    interval_seconds: float = field(
        "the delayed price is the mean index of such an interval; at least a tick", unit="s", above=0)
    intervals: int = field("how many intervals ago that was", low=1, high=1000)


@dataclass(kw_only=True)
class MarkConfig:
    """The mark price of the risk check: the index and the venue's own last price together."""

    kind: str = field(
        "band: the last price, held near the index; ema: the index and the mean basis, last less index; median: of "
        "index, index and mean basis, and last; stable: a price that follows the index at a limited rate",
        choices=MARKS)
    band: float | None = field(
        "largest relative distance from the index; ema, median: null for none", above=0, below=1, optional=True)
    half_life_seconds: float | None = field(
        "ema, median: time in which half of what the basis was is out of its exponential mean", unit="s", above=0,
        optional=True)
    stable: StableConfig | None = field("stable: its limits", optional=True)


@dataclass(kw_only=True)
class ConfidenceConfig:
    """The confidence interval of the index, price times one plus or minus its width, and what it stops.

    The width is the floor plus the multiple of the index's realised volatility.
    """

    limit: float = field("relative width beyond which accounts in the market are not liquidated", above=0)
    multiple: float = field(
        "width over realised volatility, the standard deviation of the index's move within half_life_seconds", low=0)
    half_life_seconds: float = field(
        "time in which half of a squared move is out of the exponential mean of realised volatility", unit="s", above=0)
    floor: float = field("relative width while the index stands still", low=0, below=1)


@dataclass(kw_only=True)
class OracleConfig:
    """How the risk check sees the price."""

    lag_seconds: float = field("age of the price that the oracle publishes", unit="s", low=0)
    update_interval_seconds: float = field("heartbeat; 0 publishes every tick", unit="s", low=0)
    deviation_threshold: float = field("publish early when the price moved by more than this; 0 for never", low=0)
    impact_share: float = field("share of the venue's own price displacement that the oracle sees", low=0, high=1)
    stale_after_seconds: float | None = field(
        "accounts in a market for which nothing was published for longer are not liquidated; null for never", unit="s",
        low=0, optional=True)
    divergence_limit: float | None = field(
        "nor are accounts in a market whose index is further from its mean, relative; null for none", above=0,
        optional=True)
    divergence_half_life_seconds: float | None = field(
        "divergence_limit: time in which half of a price is out of that mean", unit="s", above=0, optional=True)
    confidence: ConfidenceConfig | None = field(
        "nor are accounts in a market whose index has too wide a confidence interval; null: whatever it is",
        optional=True)
    mark: MarkConfig | None = field(
        "mark price of the risk check, made from what the oracle publishes and the last price; null: what the oracle "
        "publishes", optional=True)
