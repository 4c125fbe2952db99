"""The sections ``protocol.liquidation`` and ``protocol.backstop``."""

from __future__ import annotations

from dataclasses import dataclass

from stress.config.fields import PerMarket, field


@dataclass(kw_only=True)
class AuctionConfig:
    """The discount to the oracle price at which liquidators take positions over."""

    start_discount: float = field("discount at the first breach", low=0, below=1)
    end_discount: float = field("largest discount; that of the start for a fixed one", low=0, below=1)
    minutes: float = field("time after the first breach in which it grows from the start's to the largest", unit="min",
                           above=0)
    grace_minutes: float = field("time for which it is that of the start; what it grew in the meantime comes at once",
                                 unit="min", low=0)


@dataclass(kw_only=True)
class WindowConfig:
    """What may be liquidated of a market in a trailing window, in USD or as a share of the market's skew scale."""

    seconds: float = field("length of the window; a shorter one than a step: so many of them as a step has", unit="s",
                           above=0)
    usd: PerMarket | None = field("notional at the oracle price", unit="USD", above=0, optional=True)
    skew_scale: PerMarket | None = field("skew scale of the market", unit="base units", above=0, optional=True)
    skew_scale_share: PerMarket | None = field("share of the skew scale", above=0, optional=True)


@dataclass(kw_only=True)
class LiquidationConfig:
    """What is closed, by whom, how fast, and at what fee."""

    rule: str = field("how much of an account is closed", choices=(
        "full", "close_factor", "restore_target", "portion", "first_fraction", "step_down", "half",
        "cover_shortage"))
    order: str | None = field(
        "which position of a cross account is closed first; together: all at once, else one after another until the "
        "rule's target is reached",
        choices=("together", "random", "largest_notional", "largest_maintenance", "largest_loss"), optional=True)
    order_seed: int | None = field("order=random: seed of the order, apart from run.seed", low=0, high=2**31 - 1,
                                   optional=True)
    close_factor: float = field(
        "rule=close_factor, half: share of every position closed a tick; rule=portion: a block; rule=first_fraction: "
        "at first", above=0, high=1)
    close_whole_below_usd: float = field(
        "accounts with less notional are closed whole; rule=cover_shortage: a shortage below it is covered at once",
        unit="USD", low=0)
    target_multiple: float = field(
        "rule=restore_target: equity is restored to this multiple of the maintenance requirement", low=1)
    block_seconds: float | None = field("rule=portion: time between blocks", unit="s", above=0, optional=True)
    close_at_least_usd: float | None = field(
        "rule=portion: smallest notional closed of a position, in a block", unit="USD", low=0, optional=True)
    close_at_most_usd: float | None = field(
        "rule=portion: largest notional closed of an account, in a block; null for no limit", unit="USD", above=0,
        optional=True)
    first_above_usd: float | None = field(
        "rule=first_fraction: positions of more notional are closed in part at first", unit="USD", low=0,
        optional=True)
    cooldown_seconds: float | None = field(
        "rule=first_fraction: time after the first part in which all that is liquidated is closed whole; "
        "waits_for_cooldown: not at all", unit="s", low=0, optional=True)
    waits_for_cooldown: bool | None = field(
        "rule=first_fraction: accounts wait until the cooldown is over", optional=True)
    half_from_margin: float | None = field(
        "rule=half: equity from which a part will do, as a multiple of the maintenance requirement", low=0,
        optional=True)
    cover_buffer: float | None = field(
        "rule=cover_shortage: share of notional beyond the requirement that is restored", low=0, below=1, optional=True)
    cover_at_once: float | None = field(
        "rule=cover_shortage: share of the shortage that is covered at the first breach", low=0, high=1, optional=True)
    cover_seconds: float | None = field(
        "rule=cover_shortage: time after the first breach in which as much again as the whole shortage falls due; 0: "
        "all at once", unit="s", low=0, optional=True)
    limit_price: str | None = field(
        "worst price of liquidation orders; null for market orders", choices=("bankruptcy", "fillable", "discount"),
        optional=True)
    limit_adjustment: float | None = field(
        "limit_price=fillable: how fast the limit moves as equity falls (dYdX's bankruptcy adjustment)", above=0,
        optional=True)
    limit_spread: float | None = field(
        "limit_price=fillable: maintenance margins beyond the oracle price at which the limit ends", low=0,
        optional=True)
    limit_discount: float | None = field("limit_price=discount: below (a short: above) the oracle price", low=0,
                                         below=1, optional=True)
    settlement: str | None = field(
        "account: a deficit is what a flat account owes; fill: each fill is settled against the bankruptcy price, by "
        "the fund or as fee", choices=("account", "fill"), optional=True)
    execution: str | None = field(
        "book: liquidations go through the book for the account; auction: liquidators take positions over and work "
        "them off through the book for themselves", choices=("book", "auction"), optional=True)
    auction: AuctionConfig | None = field("execution=auction: what liquidators pay", optional=True)
    window: WindowConfig | None = field(
        "what may be liquidated of a market in a trailing window, the riskiest first; null for no limit",
        optional=True)
    fee: float = field("liquidation fee on executed notional", low=0, below=1)
    keeper_share: float = field("share of the fee that goes to the keeper; the rest enters the fund", low=0, high=1)
    remaining_equity: str = field("who gets what is left of a closed account", choices=("trader", "fund"))
    keeper_delay_seconds: float = field("time from the first breach to the earliest execution", unit="s", low=0)
    keeper_capacity_usd_per_minute: float | None = field(
        "notional that keepers can execute; null for no limit", unit="USD/min", above=0)
    keeper_cost_usd: float | None = field(
        "what a liquidation costs its keeper, of an account, on a calm chain; null: keepers come for nothing",
        unit="USD", low=0, optional=True)
    keeper_congestion: float | None = field(
        "share by which the cost grows with each percent that a mark moves from tick to tick", low=0, optional=True)
    keeper_profit_usd: float | None = field(
        "keepers come if their share of the fee, less the cost, is at least this", unit="USD", low=0, optional=True)
    max_rounds: int = field("rounds of liquidation within one tick before a status is set", low=1)


@dataclass(kw_only=True)
class BackstopConfig:
    """A vault or pool that takes liquidated accounts over, at its own profit and loss."""

    capital_usd: float | None = field("what it may lose before it stops; null for no limit", unit="USD", above=0)
    below_requirement: float = field(
        "it takes accounts with less equity than this share of the maintenance requirement; 1: all that are "
        "liquidatable", above=0, high=1)
    takes_bankrupt: bool = field("it takes accounts without equity, too, at its loss")
    charge: float | None = field("what accounts pay for it, of notional, as far as equity goes; null: all that is left",
                                 low=0, below=1)
    sale_half_life_minutes: float | None = field(
        "time in which half of its inventory goes through the book; null: it keeps it", unit="min", above=0)
