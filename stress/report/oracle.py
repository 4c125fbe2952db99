"""What the risk check sees of the price, in words."""

from __future__ import annotations

from typing import Any

from stress.report.format import percent_tick, plain_tick, seconds
from stress.report.load import Run


def oracle(run: Run) -> str:
    """What is published, what the risk check makes of it, and when it is not trusted."""
    oracle = run.setting("protocol.oracle")
    if not oracle:
        return ""
    published = (
        f"lag {seconds(oracle.get('lag_seconds'))}, heartbeat {seconds(oracle.get('update_interval_seconds'))}, "
        f"deviation threshold {percent_tick(oracle.get('deviation_threshold') or 0)}, sees "
        f"{percent_tick(oracle.get('impact_share') or 0)} of the venue's own displacement"
    )
    return "; ".join(word for word in (published, _mark(oracle.get("mark")), *_guards(oracle)) if word)


def _mark(mark: dict[str, Any] | None) -> str:
    if not mark:
        return ""
    band = "" if mark.get("band") is None else f", within {percent_tick(mark['band'])} of the index"
    mean = f"index plus mean basis (half-life {seconds(mark.get('half_life_seconds'))})"
    match mark.get("kind"):
        case "band":
            made = "last price"
        case "ema":
            made = mean
        case "stable":
            limits = mark.get("stable") or {}
            made = f"index, followed by at most {percent_tick(limits.get('growth_per_second') or 0)} a second"
        case _:
            made = f"median of index, {mean} and last price"
    return f"risk check at the {made}{band}"


def _guards(oracle: dict[str, Any]) -> list[str]:
    """When nobody is liquidated in a market."""
    whose, (stale, limit) = [], (oracle.get("stale_after_seconds"), oracle.get("divergence_limit"))
    if stale is not None:
        whose.append(f"for which nothing was published for {seconds(stale)}")
    if limit is not None:
        half_life = seconds(oracle.get("divergence_half_life_seconds"))
        whose.append(f"whose index is {percent_tick(limit)} from its mean (half-life {half_life})")
    interval = oracle.get("confidence")
    if interval:
        floor, most = (percent_tick(interval.get(name) or 0) for name in ("floor", "limit"))
        whose.append(
            f"whose confidence interval (assumed: {floor} and {plain_tick(interval.get('multiple'))} × realised "
            f"volatility, half-life {seconds(interval.get('half_life_seconds'))}) is wider than {most}"
        )
    starts = ("no liquidations in a market", *("nor in one" for _ in whose))
    return [f"{start} {words}" for start, words in zip(starts, whose, strict=False)]
