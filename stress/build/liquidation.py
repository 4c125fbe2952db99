"""From the sections on liquidation to the rule, the orders, the keepers and the backstop."""

from __future__ import annotations

import math

import jax.numpy as jnp

from stress.build.leaves import real as _f
from stress.build.leaves import whole as _i
from stress.config.liquidation import BackstopConfig, LiquidationConfig, WindowConfig
from stress.config.markets import per_market
from stress.config.schema import ProtocolConfig
from stress.protocol.backstop import Backstop
from stress.protocol.keepers import Keepers
from stress.protocol.liquidation.auction import Auction
from stress.protocol.liquidation.base import LiquidationRule
from stress.protocol.liquidation.close_factor import CloseFactor
from stress.protocol.liquidation.cover_shortage import CoverShortage
from stress.protocol.liquidation.first_fraction import FirstFraction
from stress.protocol.liquidation.full import Full
from stress.protocol.liquidation.half import Half
from stress.protocol.liquidation.limits import Bankruptcy, Discount, Fillable, LimitPrice
from stress.protocol.liquidation.order.base import ClosingOrder
from stress.protocol.liquidation.order.largest import LargestLoss, LargestMaintenance, LargestNotional
from stress.protocol.liquidation.order.random import RandomOrder
from stress.protocol.liquidation.portion import Portion
from stress.protocol.liquidation.restore_target import RestoreTarget
from stress.protocol.liquidation.step_down import StepDown
from stress.protocol.liquidation.window import LiquidationWindow


def build_rule(rules: LiquidationConfig, step_seconds: float) -> LiquidationRule:
    """How much is closed."""
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
        case "cover_shortage":
            return CoverShortage(
                buffer=_f(rules.cover_buffer or 0.0),
                initial=_f(rules.cover_at_once or 0.0),
                duration=_f((rules.cover_seconds or 0.0) / step_seconds),
                small=_f(rules.close_whole_below_usd),
                fee=_f(rules.fee),
            )
        case "close_factor":
            return CloseFactor(factor=factor, whole_below=_f(rules.close_whole_below_usd))
        case "restore_target":
            return RestoreTarget(
                multiple=_f(rules.target_multiple), whole_below=_f(rules.close_whole_below_usd), fee=_f(rules.fee)
            )
        case _:
            return Full()


def build_order(rules: LiquidationConfig) -> ClosingOrder | None:
    """In which order positions are closed; None where they are closed together."""
    match rules.order:
        case "random":
            return RandomOrder(seed=_i(rules.order_seed or 0))
        case "largest_notional":
            return LargestNotional()
        case "largest_maintenance":
            return LargestMaintenance()
        case "largest_loss":
            return LargestLoss()
        case _:
            return None


def build_limit(rules: LiquidationConfig) -> LimitPrice | None:
    """The worst price of orders; None for market orders."""
    match rules.limit_price:
        case "bankruptcy":
            return Bankruptcy()
        case "fillable":
            return Fillable(adjustment=_f(rules.limit_adjustment or 1.0), spread=_f(rules.limit_spread or 0.0))
        case "discount":
            return Discount(rate=_f(rules.limit_discount or 0.0))
        case _:
            return None


def build_auction(rules: LiquidationConfig, step_seconds: float) -> Auction | None:
    """What liquidators pay; None where liquidations go through the book for the account."""
    numbers = rules.auction
    if rules.execution != "auction" or numbers is None:
        return None
    a_minute = step_seconds / 60.0
    return Auction(
        start=_f(numbers.start_discount),
        end=_f(numbers.end_discount),
        grace=_f(numbers.grace_minutes / a_minute),
        growth=_f((numbers.end_discount - numbers.start_discount) / numbers.minutes * a_minute),
    )


def build_window(window: WindowConfig | None, markets: list[str], step_seconds: float) -> LiquidationWindow | None:
    """What may be liquidated of a market in a while; None where there is no limit."""
    if window is None:
        return None
    ticks = max(1, round(window.seconds / step_seconds))
    names = ("usd",) if window.usd is not None else ("skew_scale", "skew_scale_share")
    values = [per_market(getattr(window, name), markets, f"protocol.liquidation.window.{name}") for name in names]
    limit = jnp.asarray(math.prod(values), jnp.float64) * ticks * step_seconds / window.seconds
    return LiquidationWindow(limit=limit, ticks=ticks, in_usd=window.usd is not None)


def build_backstop(backstop: BackstopConfig, step_seconds: float) -> Backstop:
    """The vault or pool."""
    half_life = backstop.sale_half_life_minutes
    return Backstop(
        capital=_f(math.inf if backstop.capital_usd is None else backstop.capital_usd),
        below=_f(backstop.below_requirement),
        bankrupt=jnp.asarray(backstop.takes_bankrupt),
        charge=_f(math.inf if backstop.charge is None else backstop.charge),
        kept=_f(1.0 if half_life is None else 2.0 ** (-step_seconds / (60.0 * half_life))),
    )


def build_keepers(protocol: ProtocolConfig, step_seconds: float) -> Keepers:
    """Who executes."""
    rules = protocol.liquidation
    rate = rules.keeper_capacity_usd_per_minute
    capacity = math.inf if rate is None else rate * step_seconds / 60.0
    delayed = rules.keeper_delay_seconds > 0 or rules.execution == "auction" or rules.rule == "cover_shortage"
    delay = math.ceil(rules.keeper_delay_seconds / step_seconds - 1e-9)
    return Keepers(
        delay=_i(delay),
        capacity=_f(capacity),
        delayed=delayed,
        limited=rate is not None,
        memory=max(16, 1 << delay.bit_length()),  # rounded up: sweeps of the delay compile once, or seldom
        cost=None if rules.keeper_cost_usd is None else _f(rules.keeper_cost_usd),
        congestion=None if rules.keeper_cost_usd is None else _f(rules.keeper_congestion or 0.0),
        profit=None if rules.keeper_cost_usd is None else _f(rules.keeper_profit_usd or 0.0),
    )
