"""The sections ``protocol.liquidation`` and ``protocol.backstop``, in words."""

from __future__ import annotations

from typing import Any

from stress.report.format import percent_tick, plain_tick, seconds, usd_tick
from stress.report.load import Run

LIMITS = {
    "bankruptcy": "orders at the bankruptcy price",
    "fillable": "orders at the fillable price",
    "discount": "orders at a discount to the oracle price",
}


def liquidation(run: Run) -> str:
    """Who closes how much, at what price and fee."""
    rule = run.setting("protocol.liquidation") or {}
    if not rule:
        return ""
    capacity = rule.get("keeper_capacity_usd_per_minute")
    keepers = (f"keeper delay {seconds(rule.get('keeper_delay_seconds'))}, capacity "
               f"{'unlimited' if capacity is None else usd_tick(capacity) + ' a minute'}")
    fee = f"fee {percent_tick(rule.get('fee') or 0)} of notional, {percent_tick(rule.get('keeper_share') or 0)} of it"
    fills = "every fill settled against the bankruptcy price" if rule.get("settlement") == "fill" else ""
    limit = LIMITS.get(str(rule.get("limit_price")), "")
    return "; ".join(filter(None, [_share(rule), limit, fills, f"{fee} to keepers", keepers]))


def _share(rule: dict[str, Any]) -> str:
    part = percent_tick(rule.get("close_factor") or 0)
    match rule.get("rule"):
        case "full":
            return "the whole account"
        case "close_factor":
            return f"{part} of every position a tick"
        case "restore_target":
            return f"as much as restores {plain_tick(rule.get('target_multiple'))} times the requirement"
        case "portion":
            most = rule.get("close_at_most_usd")
            bound = "" if most is None else f", at most {usd_tick(most)} of an account"
            return (f"{part} of a position every {seconds(rule.get('block_seconds'))}, at least "
                    f"{usd_tick(rule.get('close_at_least_usd') or 0)}{bound}")
        case "first_fraction":
            then = "nothing" if rule.get("waits_for_cooldown") else "all"
            return (f"{part} of positions above {usd_tick(rule.get('first_above_usd') or 0)} first, then {then} for "
                    f"{seconds(rule.get('cooldown_seconds'))}")
        case "step_down":
            return "down to the highest margin tier in which the account is healthy"
        case "half":
            return (f"{part} of accounts with equity of at least {plain_tick(rule.get('half_from_margin'))} times the "
                    "requirement, all of others")
        case other:
            return str(other)


def backstop(run: Run) -> str:
    """What the backstop takes over, on what terms; empty without one."""
    terms = run.setting("protocol.backstop")
    if not terms:
        return ""
    capital, charge, half_life = (terms.get(name) for name in ("capital_usd", "charge", "sale_half_life_minutes"))
    bankrupt = "" if terms.get("takes_bankrupt") else ", but none without equity"
    paid = "all that is left" if charge is None else f"{percent_tick(charge)} of notional"
    sale = "keeps its inventory" if half_life is None else f"sells half of its inventory in {plain_tick(half_life)} min"
    return (f"capital {'unlimited' if capital is None else usd_tick(capital)}; takes accounts with less equity than "
            f"{percent_tick(terms.get('below_requirement'))} of the requirement{bankrupt}, for {paid}; {sale}")
