"""Margin rates of the section ``protocol.margin``, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stress.report.format import percent_tick, plain_tick, usd_tick
from stress.report.load import Run

Each = Callable[[Run, Any, Callable[[Any], str]], str]
"""Writes a per-market value."""


def size_margin(run: Run, each: Each) -> str:
    """How maintenance rates depend on the size; empty where they come from tiers or are flat."""
    margin = run.setting("protocol.margin") or {}

    def rate(name: str) -> str:
        return each(run, margin.get(name), percent_tick)

    def number(name: str) -> str:
        return each(run, margin.get(name), plain_tick)

    match margin.get("kind"):
        case "root_size":
            return (f"maintenance {rate('maintenance_margin')} of notional, at least 0.8 of that plus "
                    f"{number('size_factor')} × √units")
        case "linear_size":
            return f"maintenance {rate('maintenance_margin')} of notional plus {number('size_slope')} × units"
        case "skew":
            return (f"maintenance {number('maintenance_share')} × ({rate('initial_margin')} of notional plus "
                    f"{number('skew_fraction')} × units / {number('skew_scale')})")
        case "leverage":
            return f"maintenance {number('maintenance_share')} / leverage by slab of notional: {_slabs(run, margin)}"
        case _:
            return ""


def interest_margin(run: Run, each: Each) -> str:
    """How initial rates depend on open interest; empty where they do not."""
    caps = (run.setting("protocol.margin") or {}).get("open_interest")
    if not caps:
        return ""
    bounds = " to ".join(each(run, caps.get(name), usd_tick) for name in ("lower_usd", "upper_usd"))
    return f"initial margin rises to all of the notional with open interest from {bounds}"


def gain_margin(run: Run, each: Each) -> str:
    """What unrealised gains count for; empty where they count whole."""
    margin = run.setting("protocol.margin") or {}
    weight, initial = margin.get("unrealised_gain_weight"), margin.get("unrealised_gain_initial")
    share = "" if weight is None else each(run, weight, percent_tick)
    words = [f"unrealised gains count for {share} as margin, losses whole"] if share else []
    return "; ".join([*words, *_initial_gain(run, initial, each)])


def _initial_gain(run: Run, terms: dict[str, Any] | None, each: Each) -> list[str]:
    """What they count for towards initial margin; empty where that is the same."""
    if not terms:
        return []
    factor, most = terms.get("size_factor"), terms.get("at_most_usd")
    size = "" if factor is None else f", at most 1.1 / (1 + {each(run, factor, plain_tick)} √gain)"
    bound = "" if most is None else f", up to {usd_tick(most)} a position"
    weight = each(run, terms.get("weight"), percent_tick)
    return [f"unrealised gains count for {weight}{size}{bound} towards initial margin"]


def adaptive_margin(run: Run, each: Each) -> str:
    """How requirements follow the market; empty where they do not."""
    rule = run.setting("protocol.adaptive")
    if not rule:
        return ""
    update = rule.get("update_minutes")
    when = "every tick" if update is None else f"every {plain_tick(update)} min"
    if rule.get("kind") == "staged":
        stages = ", ".join(f"× {plain_tick(stage.get('multiplier'))} beyond {percent_tick(stage.get('move'))}"
                           for stage in rule.get("stages") or ())
        window = plain_tick(rule.get("window_minutes"))
        return f"requirements {stages}, the largest move of an index in {window} min, {when}"
    reference = each(run, rule.get("reference_volatility"), percent_tick)
    return (f"requirements × realised volatility (half-life {plain_tick(rule.get('half_life_minutes'))} min) over "
            f"{reference} a year, at least one and at most {plain_tick(rule.get('max_multiplier'))} times, {when}")


def _slabs(run: Run, margin: dict[str, Any]) -> str:
    tiers = margin.get("leverage_tiers") or {}
    used = {name if name in tiers else "default" for name in run.markets}
    return "; ".join(f"{name} {', '.join(map(_slab, slabs))}" for name, slabs in tiers.items() if name in used)


def _slab(tier: dict[str, Any]) -> str:
    bound = tier.get("up_to_usd")
    reach = "beyond" if bound is None else f"up to {usd_tick(bound)}"
    return f"{plain_tick(tier.get('max_leverage'))}× {reach}"
