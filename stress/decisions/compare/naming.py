"""What sets a run apart from the first, in a few words: presets that differ, and what was set beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stress.errors import as_written
from stress.files import parse_yaml

MOST, LONGEST = 4, 40
"""Settings that are named, and characters of a value."""
PLACES = {"experiment": "", "funding": "protocol.funding.", "shock": "shocks."}
"""Beginnings of the keys that a preset of a group brings; of all other groups the group and a dot."""


@dataclass(frozen=True)
class Asked:
    """What the command of a run asked for; nothing where it was made without one."""

    presets: Mapping[str, Any] = field(default_factory=dict)  # by config group
    keys: frozenset[str] = frozenset()  # that were set one by one


def asked(folder: Path) -> Asked:
    """What the run in ``folder`` was asked for: of the records that Hydra leaves in ``.hydra``."""
    hydra, overrides = (folder / ".hydra" / f"{name}.yaml" for name in ("hydra", "overrides"))
    if not hydra.is_file() or not overrides.is_file():
        return Asked()
    presets = parse_yaml(hydra.read_text(encoding="utf-8"))["hydra"]["runtime"]["choices"]
    given = parse_yaml(overrides.read_text(encoding="utf-8")) or []
    return Asked({group: name for group, name in presets.items() if "/" not in group and "@" not in group},
                 frozenset(text.partition("=")[0].lstrip("+~") for text in given))


def name_of(first: Asked, second: Asked, changed: Mapping[str, Sequence[Any]]) -> str:
    """A run of which ``changed`` settings differ from the first's: presets before single keys, and how many more."""
    presets = {group: second.presets.get(group) for group in (*first.presets, *second.presets)
               if first.presets.get(group) != second.presets.get(group)
               and any(key.startswith(_place(group)) for key in changed)}
    told = tuple(_place(group) for group in presets)
    keys = (first.keys | second.keys) - {*first.presets, *second.presets}
    rest = [key for key in changed if not key.startswith(told) or _set_by(keys, key)]
    parts = [f"{group}={shown(name)}" for group, name in presets.items()]
    parts += [_part(key, changed[key][1]) for key in rest]
    if not parts:
        return "the same settings"
    return ", ".join(parts[:MOST]) + (f" and {len(parts) - MOST} more" if len(parts) > MOST else "")


def shown(value: Any) -> str:
    """A setting as it is written, with marks between thousands, cut where it is long."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    text = f"{value:,.10g}" if number else value if isinstance(value, str) else as_written(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST - 1]}…"


def _place(group: str) -> str:
    return PLACES.get(group, f"{group}.")


def _set_by(keys: frozenset[str], key: str) -> bool:
    """Whether one of ``keys`` sets ``key``, or a section that it is in."""
    return any(key == each or key.startswith(f"{each}.") for each in keys)


def _part(key: str, value: Any) -> str:
    """A setting; tables are named, not written out."""
    table = isinstance(value, dict) or (isinstance(value, list) and any(isinstance(row, dict | list) for row in value))
    return f"another {key}" if table else f"{key.rsplit('.', 1)[-1]}={shown(value)}"
