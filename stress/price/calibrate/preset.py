"""The preset that a calibration writes: a complete ``price`` section as commented YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from stress.errors import UserError, bad_value
from stress.files import parse_yaml

MADE_BY = "stress calibrate"
"""Marks a file that a calibration may overwrite."""

PRICE_DIGITS = 8

BLOCKS = ("jump", "variance", "intensity")
"""Sections written a key a line, also when they hold no maps."""


def target(output: str | None, name: str) -> Path:
    """Where the preset goes; UserError when that is not ours to overwrite."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise bad_value("calibrate.name", name, "letters, digits, '_', '-' and '.'")
    file = Path(output) if output is not None else Path("configs") / "price" / f"{name}.yaml"
    if file.suffix not in (".yaml", ".yml"):
        raise bad_value("calibrate.output", str(file), "a file that ends in .yaml")
    if file.exists() and not _ours(file):
        raise UserError(f"{file}: exists and was not written by calibrate, so it is left alone. "
                        "Give another calibrate.name or calibrate.output.")
    return file


def _ours(file: Path) -> bool:
    try:
        content = parse_yaml(file.read_text(encoding="utf-8"))
        return str(content["provenance"]["made_by"]).startswith(MADE_BY)
    except (yaml.YAMLError, UnicodeDecodeError, OSError, KeyError, TypeError):
        return False


def preset_text(heading: list[str], section: dict[str, Any], notes: dict[str, str], provenance: dict[str, Any]) -> str:
    """The preset as text.

    ``heading`` are comments on top; ``notes`` are comments by dotted key, and above a key where that begins with '#'.
    """
    written = yaml.safe_dump({"provenance": _safe(provenance)}, sort_keys=False, width=118, allow_unicode=True)
    return "\n".join([*(f"# {line}" for line in heading), *_lines(section, notes, ""), written.rstrip()]) + "\n"


def _lines(section: dict[str, Any], notes: dict[str, str], path: str) -> Iterator[str]:
    """A section key by key: maps of maps as blocks, other maps on one line."""
    indent = "  " * path.count(".")
    for key, value in section.items():
        full = f"{path}{key}"
        if f"#{full}" in notes:
            yield f"{indent}# {notes[f'#{full}']}"
        note = f" # {notes[full]}" if full in notes else ""
        if isinstance(value, dict) and (full in BLOCKS or any(isinstance(v, dict) for v in value.values())):
            yield f"{indent}{key}:{note}"
            yield from _lines(value, notes, f"{full}.")
        else:
            yield indent + _entry(key, value) + note


def _entry(key: str, value: object) -> str:
    """One ``key: value`` in flow style."""
    text = yaml.safe_dump({key: value}, default_flow_style=True, width=float("inf"), sort_keys=False,
                          allow_unicode=True)
    return text.strip()[1:-1]


def _safe(value: Any) -> Any:
    """Text without what the configuration would take for an interpolation."""
    if isinstance(value, dict):
        return {_safe(k): _safe(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_safe(v) for v in value]
    return value.replace("${", "$ {") if isinstance(value, str) else value
