"""The sections ``protocol.insurance`` and ``protocol.socialised_loss``."""

from __future__ import annotations

from dataclasses import dataclass

from stress.config.fields import PerMarket, field


@dataclass(kw_only=True)
class DepositorsConfig:
    """Depositors who own a part of the insurance fund and leave once it has lost enough."""

    deposited_share: float = field("share of the fund at time zero that belongs to depositors", above=0, high=1)
    starts_below: float = field(
        "depositors ask for their money once the fund is below this share of its peak, and go on asking", above=0,
        below=1)
    leaves_per_day: float = field("share of the deposits not yet asked for that is asked for in a day", above=0,
                                  below=1)
    delay_hours: float = field("time between asking and leaving", unit="h", low=0)


@dataclass(kw_only=True)
class InsuranceConfig:
    """One fund or one for each market, what flows into it, and what bounds what it pays."""

    scope: str = field("one fund for all markets, or one for each", choices=("shared", "market"))
    shares: PerMarket | None = field(
        "scope=market: how protocol.insurance_fund is split, in any unit; null: by open interest", above=0,
        optional=True)
    income_usd_per_day: float | None = field(
        "what flows in whatever happens; null for nothing", unit="USD/day", low=0, optional=True)
    turnover_per_day: PerMarket | None = field(
        "traded notional a day over open interest (one side) at time zero; null for no trading fees", low=0,
        optional=True)
    trading_fee: float | None = field("trading fees of both sides, of traded notional", low=0, below=1, optional=True)
    fee_share: float | None = field("share of the trading fees that flows into the fund", low=0, high=1, optional=True)
    paid_at_most_usd: PerMarket | None = field(
        "most that is paid within paid_within_seconds, by market only of funds for each market; null for no limit",
        unit="USD", low=0, optional=True)
    paid_within_seconds: float | None = field(
        "length of the blocks of time that paid_at_most_usd is for; null: all of the run", unit="s", above=0,
        optional=True)
    paid_at_most_per: str | None = field(
        "whose limit it is: the fund's, or that of each account", choices=("fund", "account"), optional=True)
    depositors: DepositorsConfig | None = field("who may withdraw from the fund; null for nobody", optional=True)


@dataclass(kw_only=True)
class SocialisedLossConfig:
    """Who gives up how much for what the layers before leave."""

    by: str = field(
        "in proportion to profits, or to equity, of accounts with a position, as far as they reach; or the same for "
        "every contract of the market, long or short", choices=("profit", "equity", "contracts"))
