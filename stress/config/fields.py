"""Declaring a config field: its meaning, unit and domain, next to its type and nowhere else.

Defaults are not here: they live in the YAML files, so each stands in exactly one place.
"""

from __future__ import annotations

import dataclasses
from typing import Any

PerMarket = float | list[float] | dict[str, float]
"""One number for all markets, a list in the order of ``price.markets``, or a map by market name
(a ``default`` entry serves the markets not named; names that are not simulated are ignored)."""

Matrix = float | list[list[float]] | dict[str, dict[str, float]]
"""A correlation: one number for all pairs, a full matrix, or ``{BTC: {ETH: 0.8}}`` by pair."""


def field(doc: str, *, unit: str = "", low: float | None = None, high: float | None = None,
          above: float | None = None, below: float | None = None, choices: tuple[str, ...] = (),
          optional: bool = False) -> Any:
    """A dataclass field with its documentation and domain.

    ``low``/``high`` are inclusive bounds, ``above``/``below`` exclusive ones; they hold for every number
    inside a list or map too. ``choices`` lists the allowed strings. An ``optional`` field that a file leaves out is
    null: it belongs to one kind of several. ``parse`` enforces all of it.
    """
    meta = {"doc": doc, "unit": unit, "low": low, "high": high, "above": above, "below": below, "choices": choices,
            "optional": optional}
    return dataclasses.field(default=None, metadata=meta) if optional else dataclasses.field(metadata=meta)
