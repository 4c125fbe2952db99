"""Checks of the order in which a cross account's positions are closed."""

from __future__ import annotations

from collections.abc import Iterator

from stress.config.schema import ProtocolConfig
from stress.errors import bad_value

KEY = "protocol.liquidation.order"
IN_ORDER = ("full", "close_factor", "half", "restore_target")
"""Rules that go with every order; ``portion`` goes with a random one."""


def check_order(protocol: ProtocolConfig) -> Iterator[str]:
    """Messages on ``protocol.liquidation.order`` and what it does not go with."""
    rules = protocol.liquidation
    if rules.order in (None, "together"):
        return
    if rules.order == "random" and rules.order_seed is None:
        yield str(bad_value(f"{KEY}_seed", None, "a whole number when order=random"))
    if rules.rule not in IN_ORDER and not (rules.rule == "portion" and rules.order == "random"):
        yield str(bad_value(KEY, rules.order, _allowed(rules.rule),
                            f"One after another works for the rules {', '.join(IN_ORDER)}, and random for portion."))
    beside = {
        "protocol.liquidation.execution=auction": ("liquidators choose what they take", rules.execution == "auction"),
        "protocol.liquidation.window": ("a full window would hold up those behind", rules.window is not None),
        "protocol.contract=inverse": ("margin accounts hold one coin there", protocol.contract == "inverse"),
    }
    for what, (why, applies) in beside.items():
        if applies:
            yield str(bad_value(KEY, rules.order, f"together with {what}", f"Use order=together: {why}."))


def _allowed(rule: str) -> str:
    return "together or random when rule=portion" if rule == "portion" else f"together when rule={rule}"
