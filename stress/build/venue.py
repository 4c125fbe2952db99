"""From the protocol and liquidity sections to the venue's rules."""

from __future__ import annotations

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np

from stress.build.adaptive import build_adaptive, scalable
from stress.build.funding import build_funding
from stress.build.leaves import in_ticks
from stress.build.leaves import real as _f
from stress.build.leaves import whole as _i
from stress.build.liquidation import (
    build_auction,
    build_backstop,
    build_keepers,
    build_limit,
    build_order,
    build_rule,
    build_window,
)
from stress.build.margin import build_gain_weight, build_margin
from stress.build.oracle import build_oracle
from stress.config.adl import AdlConfig
from stress.config.liquidity import BY_BOOK
from stress.config.markets import per_market
from stress.config.schema import LiquidityConfig, ProtocolConfig
from stress.contract import Inverse
from stress.liquidity.book import Liquidity
from stress.liquidity.curve import SkewCurve
from stress.liquidity.imbalance import Imbalance
from stress.liquidity.impact import Impact
from stress.liquidity.skew import Skew
from stress.protocol.adl.base import AdlPolicy
from stress.protocol.adl.binance import Binance
from stress.protocol.adl.bitmex import BitMex
from stress.protocol.adl.hyperliquid import Hyperliquid
from stress.protocol.adl.pool import PoolTrigger
from stress.protocol.adl.position_size import PositionSize
from stress.protocol.adl.pro_rata import ProRata
from stress.protocol.adl.pro_rata_profit import ProRataProfit
from stress.protocol.adl.profit_leverage import ProfitLeverage
from stress.protocol.adl.random import Random
from stress.protocol.adl.water_filling import WaterFilling
from stress.protocol.breaker import Breaker
from stress.protocol.venue import Fees, Venue

EXPONENTS = {"none": 1.0, "linear": 1.0, "square_root": 0.5}
ADL_POLICIES: dict[str, type] = {
    "pro_rata": ProRata,
    "pro_rata_profit": ProRataProfit,
    "water_filling": WaterFilling,
    "profit_leverage": ProfitLeverage,
    "bitmex": BitMex,
    "binance": Binance,
    "hyperliquid": Hyperliquid,
    "position_size": PositionSize,
}
"""Policies without numbers of their own."""


def build_venue(protocol: ProtocolConfig, liquidity: LiquidityConfig, markets: list[str], step_seconds: float) -> Venue:
    """The main variant."""
    breaker, fees = protocol.breaker, protocol.liquidation
    gain_weight = build_gain_weight(protocol, markets)
    with_adl = "adl" in protocol.waterfall and protocol.adl.policy != "none"
    venue = Venue(
        maintenance=build_margin(protocol, markets, "maintenance_margin"),
        rule=build_rule(protocol.liquidation, step_seconds),
        keepers=build_keepers(protocol, step_seconds),
        fees=Fees(
            rate=_f(fees.fee), keeper_share=_f(fees.keeper_share), remainder_to_fund=_f(fees.remaining_equity == "fund")
        ),
        fund=_f(protocol.insurance_fund),
        adl=_adl(protocol.adl) if with_adl else None,
        funding=build_funding(protocol.funding, markets, step_seconds),
        oracle=build_oracle(protocol.oracle, step_seconds),
        breaker=Breaker(
            move=_f(math.inf if breaker.move is None else breaker.move),
            window=in_ticks(breaker.window_minutes, 60.0 / step_seconds),
            halt=in_ticks(breaker.halt_minutes, 60.0 / step_seconds, up=True),
        ),
        liquidity=_liquidity(liquidity, markets, step_seconds),
        max_rounds=_i(fees.max_rounds),
        insured="insurance_fund" in protocol.waterfall,
        socialised="socialised_loss" in protocol.waterfall,
        limit=build_limit(protocol.liquidation),
        order=build_order(protocol.liquidation),
        sells_debt=protocol.collateral is not None and protocol.collateral.sale == "debt",
        backstop=None if protocol.backstop is None else build_backstop(protocol.backstop, step_seconds),
        adaptive=None if protocol.adaptive is None else build_adaptive(protocol.adaptive, markets, step_seconds),
        auction=build_auction(protocol.liquidation, step_seconds),
        window=build_window(protocol.liquidation.window, markets, step_seconds),
        by_fill=protocol.liquidation.settlement == "fill",
        adl_price=protocol.adl.price,
        levied_by="profit" if protocol.socialised_loss is None else protocol.socialised_loss.by,
        drawdown=_f(protocol.adl.drawdown or 1.0) if with_adl and protocol.adl.trigger == "fund_drawdown" else None,
        pool=_pool(protocol.adl, markets),
        gain_weight=None if gain_weight is None else jnp.asarray(gain_weight),
    )
    if protocol.adaptive is not None:
        venue = dataclasses.replace(venue, maintenance=scalable(venue.maintenance, len(markets)))
    parts = (venue.maintenance, venue.rule, venue.adl, venue.funding.rule, venue.limit, venue.oracle.mark, venue.order)
    return dataclasses.replace(venue, parts=tuple(type(part).__name__ for part in parts))


def twin(venue: Venue) -> Venue:
    """The same venue without impact."""
    impact = dataclasses.replace(venue.liquidity.impact, active=_f(0.0))
    return dataclasses.replace(venue, liquidity=dataclasses.replace(venue.liquidity, impact=impact))


def unlimited(venue: Venue) -> Venue:
    """The same venue with a fund that never runs out."""
    return dataclasses.replace(venue, fund=_f(math.inf))


def inverse(venue: Venue, prices: np.ndarray) -> Venue:
    """The same venue with inverse contracts; ``prices`` [A] are of time zero."""
    contract = Inverse(jnp.asarray(prices, jnp.float64))
    return dataclasses.replace(venue, liquidity=dataclasses.replace(venue.liquidity, contract=contract))


def stack(venues: list[Venue]) -> Venue:
    """Variants as one venue whose leaves carry a leading axis [V]."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *venues)


def _adl(adl: AdlConfig) -> AdlPolicy:
    return Random(seed=_i(adl.seed)) if adl.policy == "random" else ADL_POLICIES[adl.policy]()


def _pool(adl: AdlConfig, markets: list[str]) -> PoolTrigger | None:
    """The pool whose profits ADL looks at; None where it looks at the fund."""
    pool = adl.pool
    if adl.trigger != "pnl_to_pool" or pool is None or adl.policy == "none":
        return None
    sides = (("long_usd", pool.long_usd), ("short_usd", pool.short_usd))
    backing = [per_market(value, markets, f"protocol.adl.pool.{name}") for name, value in sides]
    return PoolTrigger(
        backing=jnp.asarray(np.stack(backing, axis=1)),
        largest=_f(pool.max_factor),
        target=_f(pool.target_factor),
        paid=_f(math.inf if pool.max_paid_factor is None else pool.max_paid_factor),
        policy=_adl(adl),
    )


def _liquidity(liquidity: LiquidityConfig, markets: list[str], step_seconds: float) -> Liquidity:
    exponent = EXPONENTS.get(liquidity.law, liquidity.exponent)
    half_life = liquidity.recovery_half_life_minutes
    decay = 1.0 if liquidity.law in BY_BOOK or half_life is None else 2.0 ** (-step_seconds / (60.0 * half_life))
    impact = Impact(
        active=_f(liquidity.law != "none"),
        exponent=_f(exponent),
        cap=_f(liquidity.max_displacement),
        law="linear" if liquidity.law in ("none", *BY_BOOK) else liquidity.law,
    )
    return Liquidity(
        impact=impact,
        depth=jnp.asarray(per_market(liquidity.depth_usd, markets, "liquidity.depth_usd")),
        half_spread=_f(liquidity.half_spread_bps * 1e-4),
        decay=_f(decay),
        withdrawal=_f(liquidity.withdrawal),
        curve=_curve(liquidity, markets),
    )


def _curve(liquidity: LiquidityConfig, markets: list[str]) -> SkewCurve | None:
    """How trades are priced by the skew of the book; None where they go through an order book."""
    terms = liquidity.imbalance
    if liquidity.law == "skew" and liquidity.skew_scale is not None:
        return Skew(scale=jnp.asarray(per_market(liquidity.skew_scale, markets, "liquidity.skew_scale")))
    if liquidity.law != "imbalance" or terms is None:
        return None

    def each(name: str) -> jax.Array:
        return jnp.asarray(per_market(getattr(terms, name), markets, f"liquidity.imbalance.{name}"))

    return Imbalance(
        improves=each("positive_factor"),
        worsens=each("negative_factor"),
        exponent=each("positive_exponent"),
        worse_exponent=each("negative_exponent"),
        best=_f(terms.max_positive),
        worst=_f(terms.max_negative),
    )
