"""The section ``protocol.margin``: margin rates that depend on more than a position's notional."""

from __future__ import annotations

from dataclasses import dataclass

from stress.config.fields import PerMarket, field

VENUES = "book.synthetic.venues"
"""Key of the venues that a synthetic book is made for, beside the run's own."""
KINDS = ("tiers", "leverage", "root_size", "linear_size", "skew")


@dataclass(kw_only=True)
class TierConfig:
    """One margin tier: rates for the slab of notional up to its bound, marginal as in a tax table."""

    up_to_usd: float | None = field("upper bound of the tier's notional; null for no bound", unit="USD", above=0)
    initial_margin: float = field("initial margin rate in the tier", above=0, high=1)
    maintenance_margin: float = field("maintenance margin rate in the tier", above=0, below=1)


@dataclass(kw_only=True)
class LeverageTierConfig:
    """One margin tier by its leverage: the initial rate of the slab of notional up to its bound is 1 / max_leverage."""

    up_to_usd: float | None = field("upper bound of the tier's notional; null for no bound", unit="USD", above=0)
    max_leverage: float = field("most leverage in the tier", low=1)


@dataclass(kw_only=True)
class OpenInterestConfig:
    """Initial margin that grows with open interest; the synthetic book is made with it."""

    lower_usd: PerMarket = field("up to this open interest (one side) initial rates are their own", unit="USD", low=0)
    upper_usd: PerMarket = field("from this one on they are one; between the two they grow linearly", unit="USD",
                                 above=0)


@dataclass(kw_only=True)
class InitialGainConfig:
    """What unrealised gains count for where initial margin is asked for: when traders withdraw."""

    weight: PerMarket = field("share of a small gain that counts, losses whole", low=0, high=1)
    size_factor: PerMarket | None = field(
        "the share is at most 1.1 / (1 + this times the root of the position's gain); null: whatever the gain", low=0,
        unit="per root of a USD", optional=True)
    at_most_usd: float | None = field(
        "most that counts of a position's gain; null: no bound", unit="USD", above=0, optional=True)


@dataclass(kw_only=True)
class MarginConfig:
    """Where margin rates come from. Fields of other kinds are left out."""

    kind: str = field(
        "tiers: protocol.margin_tiers or the flat rates; leverage: tiers by leverage; root_size, linear_size: rates "
        "that grow with the square root of a position's units, or linearly; skew: with its share of the skew scale",
        choices=KINDS)
    leverage_tiers: dict[str, list[LeverageTierConfig]] | None = field(
        "leverage: tiers by market; 'default' serves the rest", optional=True)
    initial_margin: PerMarket | None = field(
        "root_size, linear_size, skew: initial rate of a small position", above=0, high=1, optional=True)
    maintenance_margin: PerMarket | None = field(
        "root_size, linear_size: maintenance rate of a small position", above=0, below=1, optional=True)
    size_factor: PerMarket | None = field(
        "root_size: a rate is at least 0.8 of a small position's plus this times the root of the units", low=0,
        unit="per root of a unit", optional=True)
    size_slope: PerMarket | None = field(
        "linear_size: what each unit adds to both rates", unit="per unit", low=0, optional=True)
    skew_scale: PerMarket | None = field("skew: the market's skew scale", unit="units", above=0, optional=True)
    skew_fraction: PerMarket | None = field(
        "skew: what a position as large as the skew scale adds to the initial rate", low=0, optional=True)
    maintenance_share: PerMarket | None = field(
        "leverage, skew: maintenance rate as a share of the initial rate", above=0, high=1, optional=True)
    unrealised_gain_weight: PerMarket | None = field(
        "share of a position's unrealised gain, at the price of the risk check, that counts as margin, losses whole; "
        "null: all of it", low=0, high=1, optional=True)
    unrealised_gain_initial: InitialGainConfig | None = field(
        "what such a gain counts for towards initial margin, so for what traders may withdraw; null: the same",
        optional=True)
    open_interest: OpenInterestConfig | None = field(
        "initial margin grows with open interest; null: it does not", optional=True)


@dataclass(kw_only=True)
class MarginRulesConfig:
    """What a venue asks of whoever opens and holds a position."""

    contract: str = field(
        "what is traded: a unit of the asset, with margin and profit in USD (linear), or contracts of 1 USD, with both "
        "in the coin (inverse); coins are then given and shown in USD at the prices of time zero",
        choices=("linear", "inverse"))
    initial_margin: float | None = field("flat initial margin; replaces the tiers", above=0, high=1)
    maintenance_margin: float | None = field("flat maintenance margin; replaces the tiers", above=0, below=1)
    margin_tiers: dict[str, list[TierConfig]] = field("margin tiers by market; 'default' serves the rest")
    margin: MarginConfig | None = field(
        "margin rates that depend on a position's size or on open interest; null: tiers or flat rates", optional=True)
    open_interest_cap_usd: PerMarket | None = field(
        "most open interest, one side, that the venue takes: a synthetic book has no more; a book from files may, and "
        "nobody is closed for it; null for no cap", unit="USD", above=0, optional=True)
