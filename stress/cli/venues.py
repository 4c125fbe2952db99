"""One synthetic book for several venues: a sweep over presets of ``protocol`` gives each of its jobs the same accounts.

``book.synthetic.venues`` is a list of presets in the words of a user. Hydra composes a preset where a group is put into
a package, so the list becomes one such override a preset; what a user changes in all venues is changed in these too.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stress.config.margin import VENUES, MarginRulesConfig
from stress.errors import bad_value

GROUP = f"protocol@{VENUES}."
NAME = re.compile(r"[A-Za-z_][\w/-]*")
RULES = tuple(field.name for field in dataclasses.fields(MarginRulesConfig))
"""What is kept of a preset."""


def one_book(words: list[str], folders: Sequence[Path]) -> str | None:
    """The override that gives the jobs of a sweep over venues one book; None where it is not one, or is told already.

    ``folders`` are those of presets. A book from files is the same for all as it is.
    """
    keys = [_key(word) for word in words]
    if VENUES in keys or any(key.startswith(GROUP) for key in keys) or "book=file" in words:
        return None
    names = [name for word in words if _key(word) == "protocol" for name in _swept(word, folders)]
    return f"{VENUES}=[{','.join(names)}]" if len(names) > 1 else None


def in_hydras_words(words: list[str]) -> list[str]:
    """``words`` with the list of venues as overrides that Hydra composes their presets for."""
    names = next((_names(word) for word in reversed(words) if _is_list(word)), None)
    if names is None:
        return words
    rules = [word.lstrip("+").removeprefix("protocol.") for word in words
             if _is_rule(_key(word)) and not _is_sweep(word)]
    wrong = [name for name in names if not NAME.fullmatch(name)]
    if wrong:
        raise bad_value(VENUES, ", ".join(wrong), "a list of presets of protocol", f"As in {VENUES}=[dydx_v4,bybit].")
    presets = [f"+{GROUP}{name}={name}" for name in names]
    changed = [f"++{VENUES}.{name}.{rule}" for name in names for rule in rules]
    return [word for word in words if not _is_list(word)] + presets + changed


def in_users_words(words: list[str]) -> list[str]:
    """The inverse of :func:`in_hydras_words`."""
    names = [word.rpartition("=")[2] for word in words if word.startswith(f"+{GROUP}")]
    rest = [word for word in words if not word.startswith((f"+{GROUP}", f"++{VENUES}."))]
    return [*rest, f"{VENUES}=[{','.join(names)}]"] if names else words


def keep_rules(container: dict[str, Any]) -> None:
    """Drop, in ``container``, what a venue of the book's does not need of its preset."""
    synthetic = container.get("book", {}).get("synthetic")
    venues = synthetic.get("venues") if isinstance(synthetic, dict) else None
    if isinstance(venues, dict):
        synthetic["venues"] = {name: {key: value for key, value in preset.items() if key in RULES}
                               if isinstance(preset, dict) else preset for name, preset in venues.items()}


def _key(word: str) -> str:
    return word.lstrip("+").partition("=")[0]


def _is_list(word: str) -> bool:
    """Whether it gives venues by name; one name is a list as well."""
    value = word.partition("=")[2].strip()
    return _key(word) == VENUES and value not in {"", "null"} and not value.startswith("{")


def _is_rule(key: str) -> bool:
    section, _, rest = key.partition(".")
    return section == "protocol" and rest.partition(".")[0] in RULES


def _names(word: str) -> list[str]:
    return [name for part in word.partition("=")[2].strip(" []").split(",") if (name := part.strip(" '\""))]


def _is_sweep(word: str) -> bool:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create().parse_override(word).is_sweep_override()


def _swept(word: str, folders: Sequence[Path]) -> list[str]:
    """Presets that a sweep's override goes over."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import Glob

    override = OverridesParser.create().parse_override(word)
    if not override.is_sweep_override() or not override.is_discrete_sweep():
        return []
    value = override.value()
    if isinstance(value, Glob):
        return value.filter(sorted({file.stem for folder in folders for file in (folder / "protocol").glob("*.yaml")}))
    return list(dict.fromkeys(override.sweep_string_iterator()))
