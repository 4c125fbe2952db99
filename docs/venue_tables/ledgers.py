"""The ledger of a venue's replay as tables, and sums of its numbers worked out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from docs.venue_tables.pages import DOCS, replay_command, table

HEADER = ("time", "mark", "account", "what", "size", "price", "fee", "deficit", "fund after")


def ledger(page: str) -> dict[str, Any]:
    """The ledger of the page's own command, as a user at the root of the repository gets it."""
    import stress

    here = os.getcwd()  # noqa: PTH109
    os.chdir(DOCS.parent)
    try:
        return stress.replay(replay_command(page))
    finally:
        os.chdir(here)


def ledger_tables(found: dict[str, Any]) -> str:
    """Every fill of every tick, and who has what at the end."""
    fills = table(HEADER, (row for tick in found["ticks"] for row in _rows(tick)))
    accounts = table(
        ("at the end", "cash", "position", "equity"),
        ((name, _usd(a["cash"]), _position(a), _usd(a["equity"])) for name, a in found["final"]["accounts"].items()),
    )
    return f"{fills}\n{accounts}"


def _rows(tick: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    (mark,) = tick["mark"].values()
    time, fund = _time(tick["time_hours"]), _usd(tick["fund"])
    start = (time, _usd(mark))
    if not tick["liquidations"]:
        yield (*start, "", "nobody is liquidated", "", "", "", "", fund)
    for fill in tick["liquidations"]:
        numbers = (_usd(fill["price"]), _usd(fill["fee"]), _usd(fill["deficit"]))
        yield (*start, fill["account"], "liquidated", _units(fill["size"]), *numbers, fund)
    for fill in tick["adl"]:
        yield (*start, fill["account"], "deleveraged", _units(fill["size"]), _usd(fill["price"]), "", "", fund)
    for name, amount in tick["socialised"].items():
        yield (*start, name, f"levied {_usd(amount)}", "", "", "", "", fund)


def _time(hours: float) -> str:
    seconds = round(3600.0 * hours)
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"


def _position(account: dict[str, Any]) -> str:
    return ", ".join(f"{_units(held['size'])} {market}" for market, held in account["positions"].items()) or "none"


def _usd(amount: float) -> str:
    return f"{amount + 0.0:,.2f}" if abs(amount) >= 0.005 else "0"


def _units(size: float) -> str:
    return f"{size:.6f}".rstrip("0").rstrip(".")
