"""Cross-field checks of the venue: margins, liquidation, waterfall."""

from __future__ import annotations

from collections.abc import Iterator

from stress.config.check_adaptive import check_adaptive
from stress.config.check_adl import check_adl
from stress.config.check_contract import check_contract
from stress.config.check_execution import check_execution, check_window
from stress.config.check_funding import check_funding
from stress.config.check_insurance import check_insurance
from stress.config.check_liquidity import check_liquidity
from stress.config.check_margin import check_margin, lowest_maintenance, replaces_tiers
from stress.config.check_oracle import check_oracle
from stress.config.check_order import check_order
from stress.config.check_withdrawals import check_withdrawals
from stress.config.margin import TierConfig
from stress.config.schema import Config, ProtocolConfig
from stress.errors import UserError, bad_value

WATERFALL = ("insurance_fund", "adl", "socialised_loss")
"""Layers of the waterfall, in the one order in which each can act on what the one before left."""


def check_protocol(config: Config) -> Iterator[str]:
    """Messages on the protocol section, for the markets that are simulated."""
    margins = [*_margins(config), *check_margin(config)]
    yield from margins
    yield from _waterfall(config)
    if not margins:
        yield from _fee(config)
    yield from check_funding(config.protocol.funding)
    yield from check_insurance(config)
    yield from check_oracle(config.protocol.oracle, config.run.step_seconds)
    yield from check_adaptive(config.protocol.adaptive, config.run.step_seconds)
    yield from _rule(config.protocol)
    yield from check_adl(config.protocol)
    yield from check_contract(config)
    yield from check_execution(config.protocol)
    yield from check_order(config.protocol)
    yield from check_liquidity(config)
    yield from check_window(config.protocol.liquidation.window, config.run.step_seconds)
    yield from check_withdrawals(config)


NEEDED = {
    "portion": ("block_seconds", "close_at_least_usd"),
    "first_fraction": ("first_above_usd", "cooldown_seconds", "waits_for_cooldown"),
    "cover_shortage": ("cover_buffer", "cover_at_once", "cover_seconds"),
    "half": ("half_from_margin",),
}
"""Keys that a liquidation rule does not do without."""
LIMITS = {"fillable": ("limit_adjustment", "limit_spread"), "discount": ("limit_discount",)}
"""The same of limit prices."""


def _rule(protocol: ProtocolConfig) -> Iterator[str]:
    rules = protocol.liquidation
    for key, word, needed in (("rule", rules.rule, NEEDED), ("limit_price", rules.limit_price, LIMITS)):
        for name in needed.get(word or "", ()):
            if getattr(rules, name) is None:
                yield str(bad_value(f"protocol.liquidation.{name}", None, f"a value when {key}={word}"))
    if rules.limit_price is not None and protocol.adl.price != "bankruptcy":
        yield str(bad_value("protocol.adl.price", protocol.adl.price,
                            f"bankruptcy when protocol.liquidation.limit_price={rules.limit_price}",
                            "What such orders leave to ADL is closed where nothing is owed."))
    if rules.rule == "step_down" and protocol.margin is not None and protocol.margin.kind != "tiers":
        yield str(bad_value("protocol.liquidation.rule", "step_down", "another rule when rates grow with the size",
                            "There are no tiers to step down to."))


def _margins(config: Config) -> Iterator[str]:
    protocol = config.protocol
    initial, maintenance = protocol.initial_margin, protocol.maintenance_margin
    for market, tiers in protocol.margin_tiers.items():
        yield from tier_problems(f"protocol.margin_tiers.{market}", tiers)
    if replaces_tiers(protocol):
        return
    if initial is not None and maintenance is not None and maintenance > initial:
        yield str(bad_value("protocol.maintenance_margin", maintenance, f"<= protocol.initial_margin={initial:g}"))
    highest = max(_maintenance_rates(config), default=0.0)
    if initial is not None and maintenance is None and highest > initial:
        yield str(bad_value("protocol.initial_margin", initial, f">= the tiers' highest maintenance margin {highest:g}",
                            "Raise it, or give protocol.maintenance_margin too."))
    if initial is None or maintenance is None:
        served = protocol.margin_tiers
        missing = [m for m in config.price.markets if m not in served and "default" not in served]
        if missing:
            yield str(UserError(f"protocol.margin_tiers: no tiers for {', '.join(missing)}. Add the market or "
                                "'default' to the tiers."))


def tier_problems(key: str, tiers: list[TierConfig]) -> Iterator[str]:
    """What is wrong with the tiers of a market that stand at ``key``."""
    bounds = [tier.up_to_usd for tier in tiers]
    closed = [b for b in bounds if b is not None]
    if not tiers or bounds[-1] is not None or len(closed) < len(bounds) - 1 or closed != sorted(set(closed)):
        yield str(bad_value(f"{key}.up_to_usd", bounds, "rising bounds, the last one null (no bound)"))
    for name in ("initial_margin", "maintenance_margin"):
        rates = [getattr(tier, name) for tier in tiers]
        if rates != sorted(rates):
            yield str(bad_value(f"{key}.{name}", rates, "rates that do not fall from tier to tier"))
    for i, tier in enumerate(tiers):
        if tier.maintenance_margin > tier.initial_margin:
            yield str(bad_value(f"{key}[{i}].maintenance_margin", tier.maintenance_margin,
                                f"<= the tier's initial_margin={tier.initial_margin:g}"))


def _waterfall(config: Config) -> Iterator[str]:
    layers = config.protocol.waterfall
    if layers != [layer for layer in WATERFALL if layer in layers]:
        yield str(bad_value("protocol.waterfall", layers,
                            f"a choice of {', '.join(WATERFALL)}, each at most once and in this order"))


def _fee(config: Config) -> Iterator[str]:
    liquidation = config.protocol.liquidation
    freed = liquidation.target_multiple * min(_maintenance_rates(config), default=float("inf"))
    auction = liquidation.auction if liquidation.execution == "auction" else None
    cost = liquidation.fee + (0.0 if auction is None else auction.end_discount)
    if liquidation.rule == "restore_target" and cost >= freed:
        with_discount = "" if auction is None else " and the auction's end_discount"
        yield str(bad_value(f"protocol.liquidation.fee{with_discount}", cost,
                            f"< target_multiple x lowest maintenance margin = {freed:g} when rule=restore_target",
                            "Closing would cost more than the requirement it frees: lower the fee or use rule=full."))


def _maintenance_rates(config: Config) -> list[float]:
    """Every maintenance rate in force: the flat one, or those of the markets' tiers, or of small positions."""
    protocol = config.protocol
    if protocol.margin is not None and replaces_tiers(protocol):
        return lowest_maintenance(protocol.margin, config.price.markets)
    if protocol.maintenance_margin is not None:
        return [protocol.maintenance_margin]
    tables = [protocol.margin_tiers.get(m, protocol.margin_tiers.get("default", [])) for m in config.price.markets]
    return [tier.maintenance_margin for tiers in tables for tier in tiers]
