"""Prices that come from a history, in words: what was read and drawn, and what its bars do not say."""

from __future__ import annotations

from typing import Any

from stress.report import format as fmt
from stress.report.format import count, many, percent, percent_tick, seconds
from stress.report.load import Run


def history(run: Run) -> dict[str, Any]:
    """What was read from a history, from the manifest; empty when prices came from elsewhere."""
    return run.manifest.get("price_history") or {}


def source_words(run: Run) -> str:
    """The market model of a run whose prices come from a history."""
    facts = history(run)
    span = f"{_date(facts['start'])} to {_date(facts['end'])}"
    bars = f"{count(facts.get('bars'))} bars of {bar_words(facts)}, {span}"
    gaps = f", {many(facts['gaps'], 'gap')}" if facts.get("gaps") else ""
    if "mean_block_hours" in facts:
        drift = run.setting("price.drift")
        trend = "the history's drift" if drift is None else "drift as configured, whatever the history's"
        length = fmt.hours(facts["mean_block_hours"])
        return (f"{', '.join(run.markets)}; blocks of real joint returns, {length} long on average, in random order "
                f"({bars}{gaps}); {trend}")
    if "window" in facts:
        first, last = (moment.replace("T", " ")[:16] for moment in facts["window"])
        return f"{', '.join(run.markets)}; prices as they were from {first} to {last} UTC. {_falls(facts)}"
    return (f"{', '.join(run.markets)}; on each path one of {count(facts.get('windows'))} windows of "
            f"{fmt.hours(run.horizon_hours)} ({bars}{gaps}). {_falls(facts)}")


def bar_words(facts: dict[str, Any]) -> str:
    """The length of a bar."""
    return fmt.hours(facts["bar_seconds"] / 3600.0) if facts.get("bar_seconds") else fmt.NOTHING


def _date(moment: str) -> str:
    return moment[:10]


def _falls(facts: dict[str, Any]) -> str:
    """How deep the window falls, and how rare that is in the sample."""
    words = [f"{market} {percent_tick(round(found['fall'], 3))} ({percent(found['share_of_all_windows'])})"
             for market, found in (facts.get("worst_fall") or {}).items()]
    return f"Deepest below the start (share of all windows that fall as deep): {', '.join(words)}" if words else ""


def speed_words(run: Run) -> str:
    """How fast prices move within a bar: an assumption, whatever the history. Empty where ticks are bars."""
    facts, step = history(run), run.summary.get("step_seconds")
    bar, taken = facts.get("bar_seconds"), run.setting("price.bridge_seconds")
    if not bar or step is None or step >= bar:
        return ""
    known = any(words != "not in the file" for words in (facts.get("high_and_low") or {}).values())
    return (f"within a bar of {bar_words(facts)} prices move {'through its high and low ' if known else ''}by a random "
            f"bridge that takes {fmt.hours((taken or bar) / 3600.0)}, in ticks of {seconds(step)}")


def caution(run: Run) -> str:
    """What a probability means where every path is the same stretch of history."""
    if "window" not in history(run):
        return ""
    return ("Every path is the same stretch of history. A probability here is about how prices ran within its bars, "
            "given that it came; how rare such a stretch is stands under the assumptions.")
