"""Cross-field checks of ``liquidity``: what laws by the venue's own book need, and what they do not go with."""

from __future__ import annotations

from collections.abc import Iterator

from stress.config.liquidity import BY_BOOK
from stress.config.schema import Config
from stress.errors import bad_value

NEEDS = {"skew": "skew_scale", "imbalance": "imbalance"}


def check_liquidity(config: Config) -> Iterator[str]:
    """Messages on the law and its numbers."""
    liquidity, protocol, law = config.liquidity, config.protocol, config.liquidity.law
    if law not in BY_BOOK:
        return
    when, backstop = f"when liquidity.law={law}", protocol.backstop
    if getattr(liquidity, NEEDS[law]) is None:
        yield str(bad_value(f"liquidity.{NEEDS[law]}", None, f"a value {when}", f"liquidity={law} has some."))
    for key, value, allowed, why in (
        ("liquidity.recovery_half_life_minutes", liquidity.recovery_half_life_minutes, None,
         "The skew is that of the book, which does not recover by itself."),
        ("liquidity.withdrawal", liquidity.withdrawal, 0.0, "There are no makers who could leave."),
        ("protocol.contract", protocol.contract, "linear", ""),
        ("protocol.liquidation.limit_price", protocol.liquidation.limit_price, None, "A pool fills all."),
        ("protocol.liquidation.execution", protocol.liquidation.execution or "book", "book", ""),
        ("protocol.collateral", protocol.collateral and "a section", None, "Coins are not sold to the pool."),
        ("protocol.backstop.sale_half_life_minutes", backstop and backstop.sale_half_life_minutes, None,
         "The backstop is the pool, and keeps what it takes."),
    ):
        if value != allowed:
            yield str(bad_value(key, value, f"{'null' if allowed is None else allowed} {when}", why))
