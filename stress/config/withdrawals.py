"""The section ``protocol.withdrawals``: traders who take free collateral out, and the gate that stops them."""

from __future__ import annotations

from dataclasses import dataclass

from stress.config.fields import field


@dataclass(kw_only=True)
class WithdrawalRunConfig:
    """Behaviour: a run of traders, which the fund or a price begins, and which goes on."""

    fund_below: float | None = field(
        "it begins once the insurance fund is below this share of its peak; null: the fund begins none", above=0,
        below=1, optional=True)
    move_above: float | None = field(
        "it begins once an index has moved by more than this within protocol.withdrawals.window_minutes; null: prices "
        "begin none", above=0, optional=True)
    leaves_per_hour: float = field(
        "share of the free collateral not yet asked for that is asked for in an hour", above=0, below=1)
    delay_hours: float = field("time between asking and leaving", unit="h", low=0)
    every_minutes: float = field("what is due leaves this often, at least a tick apart", unit="min", above=0)
    unrealised_profit: bool = field(
        "what leaves is at most an account's cash and open profit (true), or its cash alone (false); never so much "
        "that equity is below initial margin, and no coins")


@dataclass(kw_only=True)
class WithdrawalGateConfig:
    """Rule of the venue: when nothing leaves. What is asked for meanwhile waits until it opens."""

    fund_below: float | None = field(
        "shut while the insurance fund is below this share of its peak; null: it is not looked at", above=0, high=1,
        optional=True)
    move_above: float | None = field(
        "stress index: shut while an index has moved by more than this within protocol.withdrawals.window_minutes; "
        "null: it is not looked at", above=0, optional=True)
    outage_minutes: float | None = field(
        "shut after an outage of the venue (a shock) that took at least so long; null: it is not looked at", unit="min",
        above=0, optional=True)
    under_water: bool = field("shut after an account with a position had less than nothing at a risk check")
    lasts_seconds: float = field("it stays shut for so long after its reason was last seen", unit="s", low=0)


@dataclass(kw_only=True)
class WithdrawalsConfig:
    """Free collateral that leaves accounts during the run."""

    window_minutes: float | None = field(
        "an index is compared with all that it was in this time; null where no move is looked at", unit="min", above=0,
        optional=True)
    run: WithdrawalRunConfig | None = field("how traders behave; null: nobody withdraws", optional=True)
    gate: WithdrawalGateConfig | None = field("when the venue stops them; null: never", optional=True)
