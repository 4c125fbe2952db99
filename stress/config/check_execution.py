"""Checks of who takes liquidated positions over, and how fast."""

from __future__ import annotations

from collections.abc import Iterator

from stress.config.liquidation import WindowConfig
from stress.config.schema import ProtocolConfig
from stress.errors import bad_value

LONGEST_WINDOW = 1440
"""Steps that a window may take: each is remembered for every path."""


def check_execution(protocol: ProtocolConfig) -> Iterator[str]:
    """Messages on ``protocol.liquidation.execution`` and its auction."""
    rules = protocol.liquidation
    if rules.execution != "auction":
        return
    if rules.auction is None:
        yield str(bad_value("protocol.liquidation.auction", None, "a section when execution=auction"))
        return
    start, end = rules.auction.start_discount, rules.auction.end_discount
    if end < start:
        yield str(bad_value("protocol.liquidation.auction.end_discount", end, f">= start_discount={start:g}",
                            "Liquidators would come at once, or never."))
    beside = {
        "protocol.liquidation.limit_price": rules.limit_price,
        "protocol.liquidation.settlement": None if rules.settlement == "account" else rules.settlement,
        "protocol.backstop": protocol.backstop and "a section",
    }
    for key, value in beside.items():
        if value is not None:
            allowed = "account" if key.endswith("settlement") else "null"
            yield str(bad_value(key, value, f"{allowed} when protocol.liquidation.execution=auction",
                                "Liquidators take positions over at the auction's price, whatever the account owes."))


def check_window(window: WindowConfig | None, step_seconds: float | None) -> Iterator[str]:
    """Messages on ``protocol.liquidation.window``."""
    if window is None:
        return
    by_scale = window.skew_scale is not None and window.skew_scale_share is not None
    some = window.skew_scale is not None or window.skew_scale_share is not None
    if (window.usd is not None) == by_scale or (some and not by_scale):
        yield str(bad_value("protocol.liquidation.window", "its limit",
                            "either usd, or skew_scale and skew_scale_share", "Give one of them."))
    if step_seconds is not None and window.seconds > LONGEST_WINDOW * step_seconds:
        yield str(bad_value("protocol.liquidation.window.seconds", window.seconds,
                            f"at most {LONGEST_WINDOW} steps = {LONGEST_WINDOW * step_seconds:g} s"))
