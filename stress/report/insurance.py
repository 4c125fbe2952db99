"""How the insurance fund is run, and who is levied, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stress.report.format import percent_tick, plain_tick, seconds, usd_tick
from stress.report.load import Run

Each = Callable[[Run, Any, Callable[[Any], str]], str]
"""Words for a value by market."""
LEVIED = {
    "profit": "socialised by profit",
    "equity": "socialised by equity of all with a position",
    "contracts": "socialised alike on every contract, long or short",
}


def insurance(run: Run, each: Each) -> str:
    """Whose fund it is, what flows in, what bounds it and who may leave; empty without rules of its own."""
    rules = run.setting("protocol.insurance")
    if not rules:
        return ""
    return "; ".join(word for word in (_scope(run, rules, each), _income(run, rules, each), _limit(run, rules, each),
                                       _depositors(rules.get("depositors"))) if word)


def levied(run: Run) -> str:
    """By what losses are socialised, where that is not by profit."""
    by = (run.setting("protocol.socialised_loss") or {}).get("by", "profit")
    return "" if by == "profit" else f"; {LEVIED[by]}"


def _scope(run: Run, rules: dict[str, Any], each: Each) -> str:
    if rules.get("scope") != "market":
        return "one fund for all markets"
    shares = rules.get("shares")
    how = "open interest" if shares is None else f"shares of {each(run, shares, plain_tick)}"
    return f"a fund for each market, split by {how}; the fund counts as depleted when any of them is"


def _income(run: Run, rules: dict[str, Any], each: Each) -> str:
    drip, turnover = rules.get("income_usd_per_day"), rules.get("turnover_per_day")
    words = [f"{usd_tick(drip)} a day flow in"] if drip else []
    if turnover is not None:
        fee, share = percent_tick(rules.get("trading_fee") or 0), percent_tick(rules.get("fee_share") or 0)
        times = each(run, turnover, plain_tick)
        words.append(f"{share} of trading fees of {fee}, on {times} times open interest a day")
    return ", and ".join(words)


def _limit(run: Run, rules: dict[str, Any], each: Each) -> str:
    most, within = rules.get("paid_at_most_usd"), rules.get("paid_within_seconds")
    if most is None:
        return ""
    to = " to an account" if rules.get("paid_at_most_per") == "account" else ""
    when = "in all" if within is None else f"within {seconds(within)}"
    return f"pays at most {each(run, most, usd_tick)}{to} {when}"


def _depositors(terms: dict[str, Any] | None) -> str:
    if not terms:
        return ""
    share, below, leaves = (percent_tick(terms.get(name) or 0)
                            for name in ("deposited_share", "starts_below", "leaves_per_day"))
    return (f"{share} belongs to depositors: below {below} of the fund's peak they begin to ask for it, {leaves} of "
            f"the rest a day, and leave {plain_tick(terms.get('delay_hours'))} h later")
