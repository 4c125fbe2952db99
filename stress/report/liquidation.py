"""How accounts are closed, and by whom, in words."""

from __future__ import annotations

from typing import Any

from stress.report.format import percent_tick, plain_tick, seconds, usd_tick
from stress.report.load import Run


def liquidation(run: Run) -> str:
    """How much is closed, at what price, at what fee, by whom."""
    rules = run.setting("protocol.liquidation") or {}
    words = (_how_much(rules), _order(rules), _window(rules.get("window")), _orders(rules), _fee(rules),
             _keepers(rules))
    return "; ".join(word for word in words if word)


def _how_much(rules: dict[str, Any]) -> str:
    part, whole = percent_tick(rules.get("close_factor") or 0), usd_tick(rules.get("close_whole_below_usd") or 0)
    match rules.get("rule"):
        case "full":
            return "the whole account"
        case "close_factor":
            return f"{part} of every position a tick, accounts below {whole} whole"
        case "restore_target":
            times = plain_tick(rules.get("target_multiple"))
            return f"as much as restores {times} times the requirement, accounts below {whole} whole"
        case "portion":
            least, most = rules.get("close_at_least_usd"), rules.get("close_at_most_usd")
            bounds = f"at least {usd_tick(least or 0)}{f', of an account at most {usd_tick(most)}' if most else ''}"
            return f"{part} of a position every {seconds(rules.get('block_seconds'))}, {bounds}"
        case "first_fraction":
            above, time = usd_tick(rules.get("first_above_usd") or 0), seconds(rules.get("cooldown_seconds"))
            then = f"nothing for {time}" if rules.get("waits_for_cooldown") else f"for {time} all"
            return f"{part} of positions above {above} at first, then {then}"
        case "step_down":
            return "down to the highest lower margin tier in which the account is healthy, from the lowest whole"
        case "cover_shortage":
            at_once, time = percent_tick(rules.get("cover_at_once") or 0), rules.get("cover_seconds")
            pace = f"{at_once} of it at once and the whole once more in {seconds(time)}" if time else "at once"
            buffer = percent_tick(rules.get("cover_buffer") or 0)
            return f"what covers the shortage and {buffer} of notional, {pace}, accounts below {whole} whole"
        case "half":
            enough = plain_tick(rules.get("half_from_margin"))
            return f"{part} while equity is at least {enough} times the requirement, else all"
        case other:
            return str(other or "")


ORDERS = {
    "random": "a random one",
    "largest_notional": "the largest",
    "largest_maintenance": "the one with the largest requirement",
    "largest_loss": "the one with the largest loss",
}
"""Which position of a cross account is closed first."""


def _order(rules: dict[str, Any]) -> str:
    first = ORDERS.get(rules.get("order") or "")
    if first is None:
        return ""
    own_target = rules.get("rule") in ("portion", "restore_target", "cover_shortage")
    then = "" if own_target else " until the account is healthy"
    return f"positions of an account one after another{then}, {first} first"


def _window(window: dict[str, Any] | None) -> str:
    if window is None:
        return ""
    share, usd = window.get("skew_scale_share"), window.get("usd")
    in_usd = usd_tick(usd) if isinstance(usd, float) else "its limit in USD"
    limit = f"{_shares(share)} of the skew scale" if share else in_usd
    return f"of a market at most {limit} in {seconds(window.get('seconds'))}"


def _shares(share: float | list[float] | dict[str, float]) -> str:
    """A share by market as it was given."""
    if isinstance(share, dict):
        return ", ".join(f"{market} {percent_tick(value)}" for market, value in share.items())
    return ", ".join(map(percent_tick, share)) if isinstance(share, list) else percent_tick(share)


def _orders(rules: dict[str, Any]) -> str:
    """Limits of orders and how fills are settled, where they are not market orders of accounts."""
    match rules.get("limit_price"):
        case "bankruptcy":
            limit = "orders down to the bankruptcy price"
        case "fillable":
            spread = plain_tick(rules.get("limit_spread"))
            limit = f"orders down to the fillable price, at worst {spread} maintenance margins beyond the oracle price"
        case "discount":
            limit = f"orders down to {percent_tick(rules.get('limit_discount') or 0)} from the oracle price"
        case _:
            limit = ""
    if rules.get("execution") == "auction":
        limit = _auction(rules.get("auction") or {})
    by_fill = "each fill settled against the bankruptcy price" if rules.get("settlement") == "fill" else ""
    return "; ".join(word for word in (limit, by_fill) if word)


def _auction(numbers: dict[str, Any]) -> str:
    start, end = (numbers.get(f"{name}_discount") or 0 for name in ("start", "end"))
    time, grace = plain_tick(numbers.get("minutes")), numbers.get("grace_minutes")
    after = f", not at all in the first {plain_tick(grace)} min" if grace else ""
    grows = f", growing to {percent_tick(end)} in {time} min{after}" if end > start else ""
    return f"liquidators take over at {percent_tick(start)} from the oracle price{grows}, if the book gives them more"


def _fee(rules: dict[str, Any]) -> str:
    if not rules:
        return ""
    left = "; what is left of closed accounts goes to the fund" if rules.get("remaining_equity") == "fund" else ""
    share = percent_tick(rules.get("keeper_share") or 0)
    return f"fee {percent_tick(rules.get('fee') or 0)} of notional, {share} of it to keepers{left}"


def _keepers(rules: dict[str, Any]) -> str:
    if not rules:
        return ""
    capacity = rules.get("keeper_capacity_usd_per_minute")
    limit = "unlimited" if capacity is None else f"{usd_tick(capacity)} a minute"
    cost, profit = rules.get("keeper_cost_usd"), usd_tick(rules.get("keeper_profit_usd") or 0)
    growth = percent_tick(rules.get("keeper_congestion") or 0)
    only = "" if cost is None else (f", who come for at least {profit} after a cost of {usd_tick(cost)}, which grows "
                                    f"by {growth} for each percent of a tick's move")
    return f"keeper delay {seconds(rules.get('keeper_delay_seconds'))}, capacity {limit}{only}"


def backstop(run: Run) -> str:
    """Whom the backstop takes, for what, and what it does with it; empty without one."""
    rules = run.setting("protocol.backstop")
    if not rules:
        return ""
    below, charge, half = (rules.get(name) for name in ("below_requirement", "charge", "sale_half_life_minutes"))
    who = "all that are liquidatable" if below == 1 else f"accounts below {plain_tick(below)} of the requirement"
    also = "those below zero too" if rules.get("takes_bankrupt") else "none below zero"
    price = "all that is left" if charge is None else f"{percent_tick(charge)} of notional, as far as equity goes"
    capital = rules.get("capital_usd")
    until = "without limit" if capital is None else f"until {usd_tick(capital)} are lost"
    keeps = "keeps the positions" if half is None else f"sells half of its positions in {plain_tick(half)} min"
    return f"takes {who}, {also}, for {price}, {until}; {keeps}"


def by_drawdown(run: Run) -> bool:
    """Whether ADL begins before the fund is empty."""
    adl, layers = run.setting("protocol.adl") or {}, run.setting("protocol.waterfall") or ()
    return "adl" in layers and adl.get("policy") != "none" and adl.get("trigger") == "fund_drawdown"


def adl_trigger(run: Run) -> str:
    """When ADL begins, where it does not wait for an empty fund."""
    adl = run.setting("protocol.adl") or {}
    if adl.get("trigger") == "pnl_to_pool" and adl.get("policy") != "none":
        return _adl_of_pool(adl.get("pool") or {})
    if not by_drawdown(run):
        return ""
    share = percent_tick(run.setting("protocol.adl.drawdown") or 1)
    if (run.setting("protocol.insurance") or {}).get("scope") == "market":
        return f", of a market's deficits while its fund is more than {share} below its peak"
    return f", of all deficits while the fund is more than {share} below its peak"


def _adl_of_pool(pool: dict[str, Any]) -> str:
    largest, target = (percent_tick(pool.get(f"{name}_factor") or 0) for name in ("max", "target"))
    return (f", against the pool, of a side whose traders' open profit is above {largest} of what backs it, until it "
            f"is {target}; it pays for no deficits")


def modelled_on(run: Run) -> str:
    """The venue that the preset follows, and which of its numbers are assumed."""
    known = run.setting("protocol.provenance") or {}
    assumed = ", ".join(known.get("assumed") or ())
    parts = (known.get("venue"), known.get("source"), f"assumed: {assumed}" if assumed else "")
    return "; ".join(str(part) for part in parts if part)
