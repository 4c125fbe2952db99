"""Cross-field checks of the venue: margins, liquidation, waterfall."""

from __future__ import annotations

from collections.abc import Iterator

from stress.config.check_funding import check_funding
from stress.config.schema import Config, TierConfig
from stress.errors import UserError, bad_value

WATERFALL = ("insurance_fund", "adl", "socialised_loss")
"""Layers of the waterfall, in the one order in which each can act on what the one before left."""


def check_protocol(config: Config) -> Iterator[str]:
    """Messages on the protocol section, for the markets that are simulated."""
    yield from _margins(config)
    yield from _waterfall(config)
    yield from _fee(config)
    yield from check_funding(config.protocol.funding)


def _margins(config: Config) -> Iterator[str]:
    protocol = config.protocol
    initial, maintenance = protocol.initial_margin, protocol.maintenance_margin
    if initial is not None and maintenance is not None and maintenance > initial:
        yield str(bad_value("protocol.maintenance_margin", maintenance, f"<= protocol.initial_margin={initial:g}"))
    highest = max(_maintenance_rates(config), default=0.0)
    if initial is not None and maintenance is None and highest > initial:
        yield str(bad_value("protocol.initial_margin", initial, f">= the tiers' highest maintenance margin {highest:g}",
                            "Raise it, or give protocol.maintenance_margin too."))
    for market, tiers in protocol.margin_tiers.items():
        yield from _tiers(f"protocol.margin_tiers.{market}", tiers)
    if initial is None or maintenance is None:
        served = protocol.margin_tiers
        missing = [m for m in config.price.markets if m not in served and "default" not in served]
        if missing:
            yield str(UserError(f"protocol.margin_tiers: no tiers for {', '.join(missing)}. Add the market or "
                                "'default' to the tiers."))


def _tiers(key: str, tiers: list[TierConfig]) -> Iterator[str]:
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
    if liquidation.rule == "restore_target" and liquidation.fee >= freed:
        yield str(bad_value("protocol.liquidation.fee", liquidation.fee,
                            f"< target_multiple x lowest maintenance margin = {freed:g} when rule=restore_target",
                            "Closing would cost more than the requirement it frees: lower the fee or use rule=full."))


def _maintenance_rates(config: Config) -> list[float]:
    """Every maintenance rate in force: the flat one, or those of the markets' tiers."""
    protocol = config.protocol
    if protocol.maintenance_margin is not None:
        return [protocol.maintenance_margin]
    tables = [protocol.margin_tiers.get(m, protocol.margin_tiers.get("default", [])) for m in config.price.markets]
    return [tier.maintenance_margin for tiers in tables for tier in tiers]
