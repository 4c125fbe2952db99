"""The hypothetical shocks of a run in words: how bad each is meant to be, and what it stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stress.report import format as fmt
from stress.report.format import percent_tick, plain_tick
from stress.report.load import Run

Each = Callable[[Run, Any, Callable[[Any], str]], str]
"""Puts a value by market into words."""

CONDITIONAL = ("The shocks come on every path, at the stated time: every probability is that of what follows from "
               "them, not of the shocks.")


def shocks_in_force(run: Run, each: Each) -> str:
    """All shocks in words, a line each; empty without any."""
    return ";\n".join(f"{name} ({_meant(shock)}): {_what(run, shock, each)}" for name, shock in _shocks(run).items())


def has_kind(run: Run, kind: str) -> bool:
    """Whether a shock of a kind is in force."""
    return any(shock.get("kind") == kind for shock in _shocks(run).values())


def _shocks(run: Run) -> dict[str, dict[str, Any]]:
    return {name: shock for name, shock in (run.setting("shocks") or {}).items() if isinstance(shock, dict)}


def _meant(shock: dict[str, Any]) -> str:
    percentile, provenance = shock.get("percentile"), shock.get("provenance") or {}
    of = provenance.get("of")
    stands_for = "assumed" if percentile is None else f"percentile {plain_tick(percentile)}{f' of {of}' if of else ''}"
    source = provenance.get("source")
    return ", ".join(word for word in (shock.get("tag"), stands_for, source) if word)


def _what(run: Run, shock: dict[str, Any], each: Each) -> str:
    start, hours = shock.get("at_hours"), shock.get("duration_hours")
    when = f"from {fmt.hours(start)} on, {'to the end' if hours is None else f'for {fmt.hours(hours)}'}"
    match shock.get("kind"):
        case "gap":
            within = f"spread over {fmt.hours(hours)} from {fmt.hours(start)} on" if hours else f"at {fmt.hours(start)}"
            return f"fundamental prices move by {each(run, shock.get('move'), percent_tick)} {within}, not compensated"
        case "volatility_step":
            return f"volatility of the diffusion × {each(run, shock.get('multiplier'), plain_tick)} {when}"
        case "correlation_one":
            beta = each(run, shock.get("beta"), plain_tick)
            return f"all markets follow {shock.get('leader')}, return for return × {beta}, {when}"
        case "depth_withdrawal":
            return f"depth × {plain_tick(shock.get('multiplier'))} in all markets {when}"
        case "oracle_freeze":
            markets = fmt.joined(shock.get("markets") or ["all markets"])
            return f"the oracle of {markets} stands still {when}"
        case "index_manipulation":
            markets = fmt.joined(shock.get("markets") or ["all markets"])
            error = each(run, shock.get("move"), percent_tick)
            return f"the oracle of {markets} sees prices that are {error} off {when}"
        case "outage":
            return f"the venue stands still, without liquidations and funding, {when}"
        case _:
            return _depeg(shock)


def _depeg(shock: dict[str, Any]) -> str:
    lost = f"cross wallets lose {percent_tick(shock.get('loss'))} at {fmt.hours(shock.get('at_hours'))}"
    regained = shock.get("recovery")
    if not regained:
        return f"{lost}, for good"
    return f"{lost} and regain {percent_tick(regained)} of it {fmt.hours(shock.get('duration_hours'))} later"
