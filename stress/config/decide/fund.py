"""Settings of the command ``fund``."""

from __future__ import annotations

from dataclasses import dataclass

from stress.config.fields import field


@dataclass(kw_only=True)
class CoverConfig:
    """What the fund must hold if the accounts that would owe most default together."""

    accounts: list[int] = field("how many of the largest accounts default together; several numbers for several rows",
                                low=1)
    hours: float = field(
        "time in which prices move and nothing is closed (the margin period of risk of clearing houses)", unit="h",
        above=0)
    depth_share: float = field("depth of the order book they are closed into, as a share of liquidity.depth_usd",
                               above=0)
    moves: list[float] = field("moves of all markets at once to show what the default would take", above=-1)
    paths: int = field("most simulated moves; no more than run.paths", low=1)


@dataclass(kw_only=True)
class FundConfig:
    """How large the insurance fund must be."""

    targets: list[float] = field("probabilities of depletion within the horizon to size the fund for", above=0, below=1)
    horizons_hours: list[float] = field("further horizons to size it for; run.horizon_hours is always one", unit="h",
                                        above=0)
    long_step_seconds: float | None = field(
        "length of a tick for horizons beyond run.horizon_hours; null for run.step_seconds", unit="s", above=0)
    capital_cost: float = field("cost of the capital that the fund ties up", unit="per year", low=0)
    adl_cost: float = field("USD lost for each USD that the fund is short of, whoever bears it", above=0)
    cover: CoverConfig = field("default of the largest accounts")
