"""Settings of the command ``frontier``."""

from __future__ import annotations

from dataclasses import dataclass

from stress.config.fields import field
from stress.config.margin import TierConfig

SCALINGS = ("ratio", "spread", "maintenance")
BOOKS = ("held", "offered")


@dataclass(kw_only=True)
class FlatMarginConfig:
    """One pair of flat rates to try in place of the present ones."""

    initial_margin: float = field("initial margin rate", above=0, high=1)
    maintenance_margin: float = field("maintenance margin rate", above=0, below=1)


@dataclass(kw_only=True)
class FrontierConfig:
    """How much leverage to offer."""

    scales: list[float] = field("factors on the present margin rates; 1 is always tried", above=0)
    scalings: list[str] = field(
        "what a factor scales. ratio: both rates; spread: the maintenance rate, and the initial rate keeps its "
        "distance; maintenance: the maintenance rate alone. The first one is that of the map", choices=SCALINGS)
    flat: list[FlatMarginConfig] = field("flat rates to try, too")
    tables: dict[str, dict[str, list[TierConfig]]] | None = field(
        "tier tables to try, too: by name, and as protocol.margin_tiers by market; 'default' serves the rest")
    book: str | None = field(
        "held: today's accounts under every setting; offered: the synthetic population that each setting lets in; "
        "null: offered where the book is synthetic, held where it is from files", choices=BOOKS)
    target: float = field("probability of depletion within the horizon that a required fund is for", above=0, below=1)
    depths: list[float] = field(
        "factors on liquidity.depth_usd of the map of required funds; empty: no map", above=0)
