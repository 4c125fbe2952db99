"""Checks of the order in which a cross account's positions are closed."""

from __future__ import annotations

from collections.abc import Iterator

from stress.config.schema import ProtocolConfig
from stress.errors import bad_value

KEY = "protocol.liquidation.order"


def check_order(protocol: ProtocolConfig) -> Iterator[str]:
    """Messages on ``protocol.liquidation.order`` and what it does not go with."""
    rules = protocol.liquidation
    if rules.order in (None, "together"):
        return
    if rules.order == "random" and rules.order_seed is None:
        yield str(bad_value(f"{KEY}_seed", None, "a whole number when order=random"))
    if protocol.contract == "inverse":
        yield str(bad_value(KEY, rules.order, "together with protocol.contract=inverse",
                            "Use order=together: an account holds one coin there and one contract on it, so no venue "
                            "has an order to choose."))
