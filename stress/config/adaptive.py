"""The section ``protocol.adaptive``: margin requirements that follow the market."""

from __future__ import annotations

from dataclasses import dataclass

from stress.config.fields import PerMarket, field


@dataclass(kw_only=True)
class StageConfig:
    """One stage of stress."""

    move: float = field("relative move of an index within the window beyond which the stage is on", above=0)
    multiplier: float = field("factor on all margin requirements in the stage", low=1)


@dataclass(kw_only=True)
class AdaptiveMarginConfig:
    """A factor on margin requirements, of one and more."""

    kind: str = field(
        "volatility: a market's realised volatility over a reference; staged: by the largest move of any index",
        choices=("volatility", "staged"))
    update_minutes: float | None = field(
        "time between changes of the factor; null: every tick", unit="min", above=0, optional=True)
    half_life_minutes: float | None = field(
        "volatility: time in which half of a squared return is out of the mean", unit="min", above=0, optional=True)
    reference_volatility: PerMarket | None = field(
        "volatility: of the index, at and below which the factor is one", unit="per sqrt(year)", above=0,
        optional=True)
    max_multiplier: float | None = field("volatility: largest factor", low=1, optional=True)
    window_minutes: float | None = field(
        "staged: the index is compared with all that it was in this time", unit="min", above=0, optional=True)
    stages: list[StageConfig] | None = field("staged: moves and their factors, both rising", optional=True)
