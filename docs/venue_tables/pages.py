"""Pages of the venues, and what is written between their markers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent
FOLDER = DOCS / "venues"
VENUES = (
    "dydx_v4",
    "hyperliquid",
    "binance_usdm",
    "bybit",
    "okx",
    "bitmex",
    "deribit",
    "drift_v2",
    "gmx_v2",
    "synthetix_v3",
)
"""Presets of the group protocol that have a page of their own."""

_FENCE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def replay_command(page: str) -> list[str]:
    """Overrides of the one replay that a page tells to type."""
    (command,) = [block for block in _FENCE.findall(page) if block.startswith("perpstress replay")]
    return shlex.split(command.replace("\\\n", " "))[2:]


def between(page: str, name: str, text: str) -> str:
    """The page with ``text`` between the markers ``<!-- name -->`` and ``<!-- /name -->``."""
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, found, rest = page.partition(start)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"no markers {start.strip()} and {end}")
    return f"{before}{start}\n{text}\n{end}{after}"


def inside(page: str, name: str) -> str:
    """What stands between the markers."""
    return page.partition(f"<!-- {name} -->\n\n")[2].partition(f"\n<!-- /{name} -->")[0]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [f"| {' | '.join(cells)} |" for cells in (header, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(header), *lines[1:], ""])
