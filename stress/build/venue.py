"""From the protocol and liquidity sections to the venue's rules."""

from __future__ import annotations

import dataclasses
import math

import jax
import jax.numpy as jnp

from stress.build.funding import build_funding
from stress.build.leaves import in_ticks
from stress.build.leaves import real as _f
from stress.build.leaves import whole as _i
from stress.build.margin import build_margin
from stress.config.adl import AdlConfig
from stress.config.markets import per_market
from stress.config.schema import BackstopConfig, LiquidationConfig, LiquidityConfig, ProtocolConfig
from stress.liquidity.book import Liquidity
from stress.liquidity.impact import Impact
from stress.protocol.adl.base import AdlPolicy
from stress.protocol.adl.binance import Binance
from stress.protocol.adl.bitmex import BitMex
from stress.protocol.adl.hyperliquid import Hyperliquid
from stress.protocol.adl.position_size import PositionSize
from stress.protocol.adl.pro_rata import ProRata
from stress.protocol.adl.pro_rata_profit import ProRataProfit
from stress.protocol.adl.profit_leverage import ProfitLeverage
from stress.protocol.adl.random import Random
from stress.protocol.adl.water_filling import WaterFilling
from stress.protocol.backstop import Backstop
from stress.protocol.breaker import Breaker
from stress.protocol.keepers import Keepers
from stress.protocol.liquidation.base import LiquidationRule
from stress.protocol.liquidation.close_factor import CloseFactor
from stress.protocol.liquidation.first_fraction import FirstFraction
from stress.protocol.liquidation.full import Full
from stress.protocol.liquidation.half import Half
from stress.protocol.liquidation.limits import Bankruptcy, Discount, Fillable, LimitPrice
from stress.protocol.liquidation.portion import Portion
from stress.protocol.liquidation.restore_target import RestoreTarget
from stress.protocol.liquidation.step_down import StepDown
from stress.protocol.oracle import Oracle
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
    with_adl = "adl" in protocol.waterfall and protocol.adl.policy != "none"
    venue = Venue(
        maintenance=build_margin(protocol, markets, "maintenance_margin"),
        rule=_rule(protocol.liquidation, step_seconds),
        keepers=_keepers(protocol, step_seconds),
        fees=Fees(
            rate=_f(fees.fee), keeper_share=_f(fees.keeper_share), remainder_to_fund=_f(fees.remaining_equity == "fund")
        ),
        fund=_f(protocol.insurance_fund),
        adl=_adl(protocol.adl) if with_adl else None,
        funding=build_funding(protocol.funding, markets, step_seconds),
        oracle=_oracle(protocol, step_seconds),
        breaker=Breaker(
            move=_f(math.inf if breaker.move is None else breaker.move),
            window=in_ticks(breaker.window_minutes, 60.0 / step_seconds),
            halt=in_ticks(breaker.halt_minutes, 60.0 / step_seconds, up=True),
        ),
        liquidity=_liquidity(liquidity, markets, step_seconds),
        max_rounds=_i(fees.max_rounds),
        insured="insurance_fund" in protocol.waterfall,
        socialised="socialised_loss" in protocol.waterfall,
        limit=_limit(protocol.liquidation),
        backstop=None if protocol.backstop is None else _backstop(protocol.backstop, step_seconds),
        by_fill=protocol.liquidation.settlement == "fill",
        adl_price=protocol.adl.price,
    )
    parts = (venue.maintenance, venue.rule, venue.adl, venue.funding.rule, venue.limit)
    return dataclasses.replace(venue, parts=tuple(type(part).__name__ for part in parts))


def twin(venue: Venue) -> Venue:
    """The same venue without impact."""
    impact = dataclasses.replace(venue.liquidity.impact, active=_f(0.0))
    return dataclasses.replace(venue, liquidity=dataclasses.replace(venue.liquidity, impact=impact))


def unlimited(venue: Venue) -> Venue:
    """The same venue with a fund that never runs out."""
    return dataclasses.replace(venue, fund=_f(math.inf))


def stack(venues: list[Venue]) -> Venue:
    """Variants as one venue whose leaves carry a leading axis [V]."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *venues)


def _rule(rules: LiquidationConfig, step_seconds: float) -> LiquidationRule:
    factor = _f(rules.close_factor)
    match rules.rule:
        case "portion":
            return Portion(
                portion=factor,
                smallest=_f(rules.close_at_least_usd or 0.0),
                most=_f(rules.close_at_most_usd or math.inf),
                blocks=_f(max(1.0, step_seconds / (rules.block_seconds or step_seconds))),
            )
        case "first_fraction":
            return FirstFraction(
                fraction=factor,
                above=_f(rules.first_above_usd or 0.0),
                cooldown=_f((rules.cooldown_seconds or 0.0) / step_seconds),
                patient=bool(rules.waits_for_cooldown),
            )
        case "step_down":
            return StepDown()
        case "half":
            return Half(
                part=factor, from_margin=_f(rules.half_from_margin or 0.0), whole_up_to=_f(rules.close_whole_below_usd)
            )
        case "close_factor":
            return CloseFactor(factor=factor, whole_below=_f(rules.close_whole_below_usd))
        case "restore_target":
            return RestoreTarget(
                multiple=_f(rules.target_multiple), whole_below=_f(rules.close_whole_below_usd), fee=_f(rules.fee)
            )
        case _:
            return Full()


def _limit(rules: LiquidationConfig) -> LimitPrice | None:
    match rules.limit_price:
        case "bankruptcy":
            return Bankruptcy()
        case "fillable":
            return Fillable(adjustment=_f(rules.limit_adjustment or 1.0), spread=_f(rules.limit_spread or 0.0))
        case "discount":
            return Discount(rate=_f(rules.limit_discount or 0.0))
        case _:
            return None


def _backstop(backstop: BackstopConfig, step_seconds: float) -> Backstop:
    half_life = backstop.sale_half_life_minutes
    return Backstop(
        capital=_f(math.inf if backstop.capital_usd is None else backstop.capital_usd),
        below=_f(backstop.below_requirement),
        bankrupt=jnp.asarray(backstop.takes_bankrupt),
        charge=_f(math.inf if backstop.charge is None else backstop.charge),
        kept=_f(1.0 if half_life is None else 2.0 ** (-step_seconds / (60.0 * half_life))),
    )


def _keepers(protocol: ProtocolConfig, step_seconds: float) -> Keepers:
    rules = protocol.liquidation
    rate = rules.keeper_capacity_usd_per_minute
    capacity = math.inf if rate is None else rate * step_seconds / 60.0
    delayed = rules.keeper_delay_seconds > 0
    delay = math.ceil(rules.keeper_delay_seconds / step_seconds - 1e-9)
    return Keepers(
        delay=_i(delay),
        capacity=_f(capacity),
        delayed=delayed,
        limited=rate is not None,
        memory=max(16, 1 << delay.bit_length()),  # rounded up: sweeps of the delay compile once, or seldom
    )


def _adl(adl: AdlConfig) -> AdlPolicy:
    return Random(seed=_i(adl.seed)) if adl.policy == "random" else ADL_POLICIES[adl.policy]()


def _oracle(protocol: ProtocolConfig, step_seconds: float) -> Oracle:
    oracle = protocol.oracle
    lag = round(oracle.lag_seconds / step_seconds)
    heartbeat = max(1, round(oracle.update_interval_seconds / step_seconds))
    threshold = oracle.deviation_threshold or math.inf
    return Oracle(
        impact_share=_f(oracle.impact_share),
        heartbeat=_i(heartbeat),
        threshold=_f(threshold),
        lag=lag,
        instant=oracle.lag_seconds == 0 and oracle.update_interval_seconds == 0,
    )


def _liquidity(liquidity: LiquidityConfig, markets: list[str], step_seconds: float) -> Liquidity:
    exponent = EXPONENTS.get(liquidity.law, liquidity.exponent)
    half_life = liquidity.recovery_half_life_minutes
    decay = 1.0 if half_life is None else 2.0 ** (-step_seconds / (60.0 * half_life))
    impact = Impact(
        active=_f(liquidity.law != "none"),
        exponent=_f(exponent),
        cap=_f(liquidity.max_displacement),
        law={"none": "linear"}.get(liquidity.law, liquidity.law),
    )
    return Liquidity(
        impact=impact,
        depth=jnp.asarray(per_market(liquidity.depth_usd, markets, "liquidity.depth_usd")),
        half_spread=_f(liquidity.half_spread_bps * 1e-4),
        decay=_f(decay),
        withdrawal=_f(liquidity.withdrawal),
    )
