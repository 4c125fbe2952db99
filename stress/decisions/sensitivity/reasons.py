"""Why a parameter may have no effect: what its field's documentation says it belongs to, and what the venue is like."""

from __future__ import annotations

import dataclasses
import re

from stress.config.liquidity import BY_BOOK
from stress.config.schema import Config
from stress.decisions.sensitivity.parameters import Parameter

CONDITION = re.compile(r"(\w+)=([\w, ]+?)(?::|;|$)")
INITIAL = ("initial_margin", "max_leverage", "skew_fraction", "open_interest", "open_interest_cap_usd")
"""Names of what bounds new positions only: parts of the initial requirement, and caps."""
OF_ORDER_BOOKS = ("liquidity.depth_usd", "liquidity.withdrawal", "liquidity.exponent")
KEEPERS = ("keeper_congestion", "keeper_profit_usd")


def why_none(parameter: Parameter, config: Config, *, identical: bool) -> str:
    """What may be the reason that moving it changed nothing, in words."""
    for candidate in (_other_kind(parameter), _owner(parameter, config), _of_initial_margin(parameter)):
        if candidate:
            return candidate
    if identical:
        return "no number of the venue that is simulated depends on it, as configured"
    if parameter.zero:
        return "it is zero, and the step is too small to matter"
    return "it binds on no path: a bound that is not reached, or too small a step"


def _other_kind(parameter: Parameter) -> str | None:
    """Fields say whose they are: 'rule=close_factor, half: share ...'."""
    clauses = CONDITION.findall(parameter.doc) if CONDITION.match(parameter.doc) else []
    for name, _ in clauses:
        if not any(field.name == name for field in dataclasses.fields(parameter.section)):
            continue
        allowed = {value.strip() for other, given in clauses if other == name for value in given.split(",")}
        current = getattr(parameter.section, name)
        if str(current) not in allowed:
            return f"only read with {name}={', '.join(sorted(allowed))}; {name} is {_shown(current)}"
    return None


def _owner(parameter: Parameter, config: Config) -> str | None:
    if parameter.key.startswith("protocol.breaker.") and config.protocol.breaker.move is None:
        return "there is no circuit breaker: protocol.breaker.move is not set"
    if parameter.key.endswith(KEEPERS) and config.protocol.liquidation.keeper_cost_usd is None:
        return "keepers come for nothing: protocol.liquidation.keeper_cost_usd is not set"
    if parameter.key.startswith("protocol.margin_tiers.") and config.protocol.maintenance_margin is not None:
        return "a flat protocol.maintenance_margin replaces the tiers"
    if parameter.key.startswith("protocol.funding."):
        hours, horizon = config.protocol.funding.interval_hours, config.run.horizon_hours
        if hours is None or (horizon is not None and hours > horizon):
            return "no funding is paid within the horizon (protocol.funding.interval_hours)"
    if parameter.key.startswith("liquidity.") and config.liquidity.law == "none":
        return "liquidity.law=none: liquidations move no price"
    if parameter.key.startswith(OF_ORDER_BOOKS) and config.liquidity.law in BY_BOOK:
        return f"liquidity.law={config.liquidity.law}: there is no order book"
    return None


def _of_initial_margin(parameter: Parameter) -> str | None:
    if any(part in INITIAL for part in parameter.key.split(".")):
        return ("it bounds new positions only; accounts are those of the base and open none. It makes the "
                "synthetic book: change it in a run of its own to see that")
    return None


def _shown(value: object) -> str:
    return "null" if value is None else str(value)
