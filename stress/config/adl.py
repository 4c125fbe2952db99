"""The section ``protocol.adl``: auto-deleveraging."""

from __future__ import annotations

from dataclasses import dataclass

from stress.config.fields import field

ADL_POLICIES = (
    "none",
    "pro_rata",
    "pro_rata_profit",
    "water_filling",
    "profit_leverage",
    "bitmex",
    "binance",
    "hyperliquid",
    "position_size",
    "random",
)


@dataclass(kw_only=True)
class AdlConfig:
    """Auto-deleveraging."""

    policy: str = field("who is deleveraged, and how much of each", choices=ADL_POLICIES)
    trigger: str = field(
        "when ADL begins: where the fund is empty, or where it has fallen from its peak by a share",
        choices=("fund_empty", "fund_drawdown"))
    drawdown: float | None = field(
        "trigger=fund_drawdown: share of its peak by which the fund has to fall", above=0, high=1, optional=True)
    price: str = field("price at which ADL closes positions", choices=("bankruptcy", "mark", "oracle"))
    seed: int = field("policy=random: seed of the order, apart from run.seed", low=0, high=2**31 - 1)
