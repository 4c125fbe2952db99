"""Cross-field checks of coins as collateral."""

from __future__ import annotations

from collections.abc import Iterator

from stress.config.collateral import OWN
from stress.config.markets import per_market
from stress.config.schema import Config
from stress.errors import bad_value

KEY = "protocol.collateral"
BOOK = "book.synthetic.coin_collateral"


def check_collateral(config: Config) -> Iterator[str]:
    """Messages on coins that count as margin, and on who holds them."""
    yield from _venue(config)
    yield from _book(config)


def _venue(config: Config) -> Iterator[str]:
    """What does not go with coins."""
    protocol = config.protocol
    if protocol.collateral is None:
        return
    if protocol.liquidation.execution == "auction":
        yield str(bad_value("protocol.liquidation.execution", "auction", f"book with {KEY}",
                            f"Liquidators take positions over, not coins. Set {KEY}=null, or sell in the book."))
    if protocol.collateral.sale == "debt" and protocol.liquidation.remaining_equity == "fund":
        yield str(bad_value(f"{KEY}.sale", "debt", "all with protocol.liquidation.remaining_equity=fund",
                            "The fund takes what is left in USD. Use sale=all, or remaining_equity=trader."))
    if protocol.liquidation.settlement == "fill":
        yield str(bad_value("protocol.liquidation.settlement", "fill", f"account with {KEY}",
                            f"No venue that settles fills takes coins: dYdX has USDC alone. Set {KEY}=null, or settle "
                            "accounts."))


def _book(config: Config) -> Iterator[str]:
    coins, collateral, markets = config.book.synthetic.coin_collateral, config.protocol.collateral, config.price.markets
    if coins is None or config.book.kind != "synthetic":
        return
    if coins.asset != OWN and coins.asset not in markets:
        yield str(bad_value(f"{BOOK}.asset", coins.asset, f"{OWN}, or one of price.markets: {', '.join(markets)}"))
        return
    if coins.share == 0:
        return
    if collateral is None:
        yield str(bad_value(f"{BOOK}.share", coins.share, f"0 while {KEY}=null",
                            f"Say what coins count for: '{KEY}={{weights: {{{markets[0]}: 0.95, default: 0}}}}'."))
    elif coins.asset != OWN and not per_market(collateral.weights, markets, f"{KEY}.weights")[
            markets.index(coins.asset)] > 0:
        yield str(bad_value(f"{KEY}.weights.{coins.asset}", 0, f"above 0 with {BOOK}.asset={coins.asset}",
                            "A coin that counts for nothing is no collateral."))
