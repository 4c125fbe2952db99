"""Checks of what a sweep is after."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from numbers import Real
from typing import Any

from stress.config.schema import Config
from stress.errors import bad_value


def check_sweep(config: Config, metrics: Collection[str]) -> Iterator[str]:
    """Messages on ``sweep``; ``metrics`` are the names of metrics."""
    names, directions = config.sweep.objectives, config.sweep.directions
    if not names:
        yield str(bad_value("sweep.objectives", names, "one name or more", "Write sweep.objectives=[bad_debt]."))
    if directions is not None and len(directions) != len(names):
        yield str(bad_value("sweep.directions", directions, f"null, or one for each of {len(names)} objectives"))
    for name in names:
        if name not in metrics and not _is_number(setting(config, name)):
            yield str(bad_value("sweep.objectives", name, "a metric, or a setting with one number by its dotted key",
                                f"Metrics: {', '.join(metrics)}."))


def setting(config: Config, key: str) -> Any:
    """The value at a dotted key; None where there is none."""
    node: Any = config
    for part in key.split("."):
        node = node.get(part) if isinstance(node, dict) else getattr(node, part, None)
    return node


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
