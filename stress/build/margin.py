"""From the protocol section to margin curves, initial and maintenance."""

from __future__ import annotations

import math

import numpy as np

from stress.book.rules import MarginRules
from stress.book.schema import Book
from stress.config.margin import LeverageTierConfig, MarginConfig, MarginRulesConfig, TierConfig
from stress.config.markets import per_market
from stress.config.schema import BookConfig, ProtocolConfig
from stress.errors import UserError
from stress.protocol.coins import Haircuts
from stress.protocol.margin.base import MarginCurve
from stress.protocol.margin.linear_size import LinearSize, skew_scaled
from stress.protocol.margin.open_interest import OpenInterestScaled, scaling
from stress.protocol.margin.root_size import RootSize
from stress.protocol.margin.tiers import MarginTable, leverage_table, margin_table

KEY = "protocol.margin"
COINS = 4.0
"""Times as many as now that an inverse contract may come to be."""


def build_margin(
    protocol: MarginRulesConfig, markets: list[str], rate: str, interest: np.ndarray | None = None
) -> MarginCurve:
    """Margin of all markets; ``rate`` is maintenance_margin or initial_margin.

    The latter may grow with ``interest`` [A], open interest in USD.
    """
    curve, margin = _curve(protocol, markets, rate), protocol.margin
    if rate != "initial_margin" or margin is None or margin.open_interest is None or interest is None:
        return curve
    caps = (
        per_market(getattr(margin.open_interest, name), markets, f"{KEY}.open_interest.{name}")
        for name in ("lower_usd", "upper_usd")
    )
    return OpenInterestScaled(curve, scaling(interest, *caps))


def build_haircuts(protocol: ProtocolConfig, markets: list[str]) -> Haircuts | None:
    """What coins count for; None where only USD does."""
    collateral = protocol.collateral
    if collateral is None:
        return None
    key = "protocol.collateral"
    factor = 0.0 if collateral.size_factor is None else collateral.size_factor
    return Haircuts(
        weight=per_market(collateral.weights, markets, f"{key}.weights"),
        factor=per_market(factor, markets, f"{key}.size_factor"),
    )


def build_gain_weight(protocol: MarginRulesConfig, markets: list[str]) -> np.ndarray | None:
    """Share [A] of unrealised gains that counts as margin; None where all of them do."""
    margin = protocol.margin
    if margin is None or margin.unrealised_gain_weight is None:
        return None
    return per_market(margin.unrealised_gain_weight, markets, f"{KEY}.unrealised_gain_weight")


def build_rules(venue: MarginRulesConfig, book: BookConfig, markets: list[str]) -> MarginRules:
    """What a venue asks of whoever is in the ``book``, whose open interest its initial margin may grow with."""
    return MarginRules(
        initial=build_margin(venue, markets, "initial_margin", planned_interest(book, markets)),
        maintenance=build_margin(venue, markets, "maintenance_margin"),
        inverse=venue.contract == "inverse", gain_weight=build_gain_weight(venue, markets))


def planned_interest(book: BookConfig, markets: list[str]) -> np.ndarray | None:
    """Open interest [A] in USD that a book is made with; a book from files needs no initial margin."""
    if book.kind != "synthetic":
        return None
    return per_market(book.synthetic.open_interest_usd, markets, "book.synthetic.open_interest_usd")


def refuse_whole_rates(book: Book, maintenance: MarginCurve, inverse: bool = False) -> None:
    """Raises UserError where a position is so large that its maintenance rate is one or more: it cannot be held.

    An ``inverse`` contract is so many coins as the price falls, so there it must be a quarter of that at most.
    """
    units = np.abs(np.where(book.residual[:, None], 0.0, book.size)).T
    steepest = np.broadcast_to(np.asarray(maintenance.steepest(COINS * units if inverse else units)), units.shape)
    for market, held, rates in zip(book.markets, units, steepest, strict=True):
        n = int(rates.argmax())
        if held[n] > 0 and rates[n] >= 1.0:
            raise UserError(
                f"{KEY}: a position of {held[n]:,.6g} {market} in the book has a maintenance rate of {rates[n]:.3g}, "
                "allowed is below 1. Lower the rates, or what the size adds to them, or the largest positions "
                "(book.synthetic.size_max_share)."
            )


def _curve(protocol: MarginRulesConfig, markets: list[str], rate: str) -> MarginCurve:
    margin = protocol.margin
    if margin is None or margin.kind == "tiers":
        return _table(protocol, markets, rate)

    def by_market(name: str) -> np.ndarray:
        return per_market(getattr(margin, name), markets, f"{KEY}.{name}")

    initial = rate == "initial_margin"
    match margin.kind:
        case "root_size":
            return RootSize(base=by_market(rate), factor=by_market("size_factor"))
        case "linear_size":
            return LinearSize(base=by_market(rate), slope=by_market("size_slope"))
    share = np.ones(len(markets)) if initial else by_market("maintenance_share")
    if margin.kind == "skew":
        return skew_scaled(by_market("initial_margin"), by_market("skew_fraction"), by_market("skew_scale"), share)
    tiers = [_leverage_tiers(margin, market) for market in markets]
    return leverage_table(
        [_bounds(rows) for rows in tiers], [np.array([tier.max_leverage for tier in rows]) for rows in tiers], share
    )


def _table(protocol: MarginRulesConfig, markets: list[str], rate: str) -> MarginTable:
    flat = getattr(protocol, rate)
    tiers = [_tiers(protocol, market) for market in markets]
    if flat is not None:
        return margin_table([np.array([np.inf])] * len(markets), [np.array([flat])] * len(markets))
    rates = [np.array([getattr(t, rate) for t in rows]) for rows in tiers]
    if rate == "initial_margin" and protocol.maintenance_margin is not None:
        rates = [np.maximum(r, protocol.maintenance_margin) for r in rates]
    return margin_table([_bounds(rows) for rows in tiers], rates)


def _bounds(tiers: list[TierConfig] | list[LeverageTierConfig]) -> np.ndarray:
    return np.array([math.inf if tier.up_to_usd is None else tier.up_to_usd for tier in tiers])


def _tiers(protocol: MarginRulesConfig, market: str) -> list[TierConfig]:
    tiers = protocol.margin_tiers.get(market, protocol.margin_tiers.get("default"))
    if not tiers:
        raise UserError(
            f"protocol.margin_tiers: no tiers for {market}. Add {market} or 'default', or set a flat "
            "protocol.maintenance_margin and protocol.initial_margin."
        )
    return tiers


def _leverage_tiers(margin: MarginConfig, market: str) -> list[LeverageTierConfig]:
    tiers = margin.leverage_tiers or {}
    return tiers.get(market, tiers.get("default", []))
