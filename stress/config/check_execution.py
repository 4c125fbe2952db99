"""Checks of who takes liquidated positions over, and how fast."""

from __future__ import annotations

from collections.abc import Iterator

from stress.config.schema import ProtocolConfig
from stress.errors import bad_value


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
