"""What traders take out and what stops them (``protocol.withdrawals``), in words."""

from __future__ import annotations

from typing import Any

from stress.report.format import percent_tick, plain_tick, seconds
from stress.report.load import Run

BOOK_SHRINKS = ("The book is held fixed but for the free collateral that traders take out: nobody tops up margin, "
                "closes voluntarily or opens positions during the horizon, and nobody comes back.")


def leaves(run: Run) -> bool:
    """Whether traders may take anything out."""
    return bool((run.setting("protocol.withdrawals") or {}).get("run"))


def withdrawals(run: Run) -> str:
    """When a run begins, how fast it is, and when the gate is shut; empty where nobody withdraws."""
    rules = run.setting("protocol.withdrawals") or {}
    terms, gate = rules.get("run"), rules.get("gate")
    if not terms:
        return ""
    window = rules.get("window_minutes")
    pace = (f"{percent_tick(terms.get('leaves_per_hour') or 0)} of the free collateral not yet asked for is asked for "
            f"in an hour, and leaves {plain_tick(terms.get('delay_hours'))} h later, every "
            f"{plain_tick(terms.get('every_minutes'))} min")
    profit = "open profit included" if terms.get("unrealised_profit") else "open profit stays"
    return f"a run begins {_reasons(terms, window)}: {pace}, {profit}; {_gate(gate, window)}"


def _gate(gate: dict[str, Any] | None, window: Any) -> str:
    if not gate:
        return "no gate"
    seen = ["after an account was under water"] if gate.get("under_water") else []
    outage = gate.get("outage_minutes")
    if outage is not None:
        seen.append(f"after an outage of at least {plain_tick(outage)} min")
    lasts = gate.get("lasts_seconds") or 0
    after = f", and for {seconds(lasts)} after" if lasts else ""
    return f"the gate is shut {_reasons(gate, window, seen)}{after}"


def _reasons(part: dict[str, Any], window: Any, more: list[str] | None = None) -> str:
    fund, move = part.get("fund_below"), part.get("move_above")
    words = [f"when the fund is below {percent_tick(fund)} of its peak"] if fund is not None else []
    if move is not None:
        words.append(f"when an index has moved by more than {percent_tick(move)} within {plain_tick(window)} min")
    return " or ".join([*words, *(more or [])]) or "never"
