"""Units of keys, as the fields declare them."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

from stress.config.schema import Config


def unit_of(key: str) -> str:
    """The unit of a dotted key; empty where it has none, or where no section has such a key."""
    sections, unit = [Config], ""
    for part in key.split("."):
        found = [(field, hint) for section in sections for field, hint in _fields(section) if field.name == part]
        if not found:
            return ""
        unit = next((str(field.metadata.get("unit") or "") for field, _ in found), "")
        sections = [kind for _, hint in found for kind in _sections(hint)]
    return unit


def _fields(section: type) -> list[tuple[dataclasses.Field[Any], Any]]:
    hints = typing.get_type_hints(section)
    return [(field, hints[field.name]) for field in dataclasses.fields(section)]


def _sections(hint: Any) -> list[type]:
    """The sections that a field may hold."""
    kinds = typing.get_args(hint) or (hint,)
    return [kind for kind in kinds if dataclasses.is_dataclass(kind) and isinstance(kind, type)]
