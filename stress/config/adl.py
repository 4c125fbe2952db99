"""The section ``protocol.adl``: auto-deleveraging."""

from __future__ import annotations

from dataclasses import dataclass

from stress.config.fields import PerMarket, field

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

POOL_POLICIES = ("pro_rata", "profit_leverage", "bitmex", "binance", "hyperliquid", "position_size")
"""Those that trigger=pnl_to_pool goes with: queues by a score, and one fraction of all."""


@dataclass(kw_only=True)
class AdlPoolConfig:
    """trigger=pnl_to_pool: the pool behind each side of a market, and when that side's profits are too much for it."""

    long_usd: PerMarket = field(
        "what backs the profits of longs, at time zero; held in the market's coin", unit="USD", above=0)
    short_usd: PerMarket = field("what backs the profits of shorts; held in USD", unit="USD", above=0)
    max_factor: float = field("profit over pool above which a side is deleveraged", above=0)
    target_factor: float = field("profit over pool that it is brought down to", low=0, below=1)
    max_paid_factor: float | None = field(
        "profit over pool that is paid at most: beyond, all of a side get the same part of theirs; null: all is paid",
        above=0, high=1, optional=True)


@dataclass(kw_only=True)
class AdlConfig:
    """Auto-deleveraging."""

    policy: str = field("who is deleveraged, and how much of each", choices=ADL_POLICIES)
    trigger: str = field(
        "when ADL begins: where the fund is empty, where it has fallen from its peak by a share, or where traders' "
        "profit is too much for the pool", choices=("fund_empty", "fund_drawdown", "pnl_to_pool"))
    drawdown: float | None = field(
        "trigger=fund_drawdown: share of its peak by which the fund has to fall", above=0, high=1, optional=True)
    pool: AdlPoolConfig | None = field("trigger=pnl_to_pool: the pool, and how much profit it bears", optional=True)
    price: str = field("price at which ADL closes positions", choices=("bankruptcy", "mark", "oracle"))
    seed: int = field("policy=random: seed of the order, apart from run.seed", low=0, high=2**31 - 1)
