"""Settings of the command ``attribution``."""

from __future__ import annotations

from dataclasses import dataclass

from stress.config.fields import field

KINDS = ("market", "side", "tier", "leverage", "account_type", "size")
"""By which positions are grouped."""


@dataclass(kw_only=True)
class AttributionConfig:
    """Who carries the expected shortfall."""

    measure: str = field(
        "loss of which the expected shortfall is allocated: the fund's drawdown, with a fund for each market that of "
        "the one that needs most, over its share of all funds; the sum of the drawdowns of each market's fund; or bad "
        "debt", choices=("fund_drawdown", "total_drawdown", "bad_debt"))
    level: float = field("level of the expected shortfall", above=0, below=1)
    leverage_bands: list[float] = field("bounds between bands of leverage, rising", above=0)
    changed: list[str] = field("kinds of groups of which the largest is removed and capped", choices=KINDS)
    accounts: int = field("accounts that are removed and capped, the largest first", low=0)
    leverage_caps: list[float] = field("caps on leverage to try: every account above one closes as much of its "
                                       "positions as brings it there, its collateral unchanged", above=0)
    cap: float = field("share of its positions that what is capped keeps, its collateral unchanged", low=0, below=1)
