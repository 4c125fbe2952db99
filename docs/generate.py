"""Write ``docs/reference/config.md`` from the configuration schema and the YAML files.

Run ``python docs/generate.py`` after a change of either; a test compares the page with what this makes of them.
"""

from __future__ import annotations

import dataclasses
import subprocess
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from stress.cli.compose import config_folder, load
from stress.config import parse
from stress.config.schema import Config

PAGE = Path(__file__).parent / "reference" / "config.md"

INTRODUCTION = """\
# Configuration

This page is written by `docs/generate.py` from `stress/config/schema.py` and `configs/`; a test keeps it current.

Any key is set on the command line as `key=value`; `group=preset` chooses a file of `configs/<group>/`, or of
`configs/<group>/` under the working directory. `perpstress --cfg job` shows the composed configuration.

- A *number* may be written `1e6`, whole numbers too. `null` switches off what may be null.
- A value *by market* is one number for all, a list in the order of `price.markets`, or a map such as
  `{BTC: 1, default: 2}`. Quote maps and lists in the shell. A list replaces the preset's map, a map is merged into it.
- A *correlation* is one number for all pairs, a full matrix, or a map by pair such as `{BTC: {ETH: 0.8}}`.
- *Default* is what a plain `perpstress` uses. The reasons for it stand beside it in the YAML files.
- In a key, `<market>`, `<regime>` and `<shock>` stand for names of your choice.
"""

NO_DEFAULT = "in every entry"
"""Keys inside a map of sections: whoever adds an entry gives them all."""

LONGEST_DEFAULT = 60
"""Characters of a default that still fit into a table."""

ENTRY = {"regimes": "<regime>", "margin_tiers": "<market>", "leverage_tiers": "<market>", "shocks": "<shock>"}
ELSEWHERE = {"venues"}
"""Maps whose entries have keys of another section, which lists them."""
"""What the names in a map of sections stand for."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One key."""

    key: str
    allowed: str
    default: str
    doc: str


def page() -> str:
    """The whole page."""
    config, defaults = Config, load([])[1]
    parts = [INTRODUCTION, _presets()]
    roots, hints = [], typing.get_type_hints(config)
    for field in dataclasses.fields(config):
        if dataclasses.is_dataclass(hints[field.name]):
            parts.append(_section(field, hints[field.name], defaults[field.name]))
        else:
            roots += list(_field(field, hints[field.name], defaults[field.name], ""))
    parts.append("## Keys of the root\n\n" + _table(roots))
    return "\n".join(parts)


def rows() -> list[Row]:
    """Every key with its documentation."""
    defaults, hints = load([])[1], typing.get_type_hints(Config)
    return [row for field in dataclasses.fields(Config)
            for row in _field(field, hints[field.name], defaults[field.name], "")]


def _section(field: Any, kind: Any, defaults: Any) -> str:
    title = f"## {field.name}: {field.metadata['doc']}\n\n{_text(kind)}\n\n"
    return title + _table(list(_keys(kind, defaults, f"{field.name}.")))


def _keys(kind: Any, defaults: Any, prefix: str) -> Iterator[Row]:
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        own = None if field.metadata["optional"] else NO_DEFAULT
        default = defaults.get(field.name, own) if defaults is not None else own
        yield from _field(field, hints[field.name], default, prefix)


def _field(field: Any, kind: Any, default: Any, prefix: str) -> Iterator[Row]:
    """The rows of one field: itself, or the fields of the section it holds."""
    key, options = prefix + field.name, parse._alternatives(kind)
    section = next((option for option in options if dataclasses.is_dataclass(option)), None)
    inner, many = _entries(options)
    if section is not None and type(None) not in options:
        yield from _keys(section, default if isinstance(default, dict) else None, f"{key}.")
        return
    yield Row(key, parse._allowed(options, field.metadata), _default(default, key), field.metadata["doc"])
    if section is not None:
        yield from _keys(section, None, f"{key}.")
    elif inner is not None and field.name not in ELSEWHERE:
        yield from _keys(inner, None, f"{key}.{ENTRY[field.name]}{'[i]' if many else ''}.")


def _entries(options: tuple[Any, ...]) -> tuple[Any, bool]:
    """The section that the entries of a map hold, if they do, and whether as a list of them."""
    for option in options:
        if typing.get_origin(option) is dict:
            item = typing.get_args(option)[1]
            many = typing.get_origin(item) is list
            item = typing.get_args(item)[0] if many else item
            return (item, many) if dataclasses.is_dataclass(item) else (None, False)
    return None, False


def _default(value: Any, key: str) -> str:
    if value == NO_DEFAULT:
        return NO_DEFAULT
    text = yaml.safe_dump(_plain(value), default_flow_style=True, width=10_000).strip().removesuffix("...").strip()
    return f"`{text}`" if len(text) <= LONGEST_DEFAULT else f"see `{_preset_file(key)}`"


def _plain(value: Any) -> Any:
    """``value`` with floats that are whole written as integers."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _preset_file(key: str) -> str:
    """The file in which the default of ``key`` stands."""
    group = key.partition(".")[0]
    chosen = _chosen()
    return f"configs/{group}/{chosen[group]}.yaml" if group in chosen else "configs/config.yaml"


def _chosen() -> dict[str, str]:
    """The preset that the root file chooses, by group."""
    root = yaml.safe_load((config_folder() / "config.yaml").read_text(encoding="utf-8"))
    pairs = [next(iter(entry.items())) for entry in root["defaults"] if isinstance(entry, dict)]
    return {group: preset for group, preset in pairs if preset and " " not in group}


def shipped() -> list[Path]:
    """The presets that come along: in a checkout not those that git does not know, which a user made there."""
    folder = config_folder()
    asked = ["git", "-C", str(folder), "ls-files", "--others", "--full-name", "-z", "."]
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    except OSError:  # no git
        answer = ""
    own = {folder.parent / name for name in answer.split("\0") if name}
    return [file for file in sorted(folder.glob("*/*.yaml")) if file not in own]


def _presets() -> str:
    """Every preset with the comment at its top."""
    lines, chosen = ["## Presets\n", "| write | what it is |", "|---|---|"], _chosen()
    for file in shipped():
        group = file.parent.name
        mark = " (default)" if chosen.get(group) == file.stem else ""
        lines.append(f"| `{group}={file.stem}`{mark} | {_cell(_comment(file))} |")
    return "\n".join(lines) + "\n"


def _comment(file: Path) -> str:
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("# @package")]
    last = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return " ".join(line.removeprefix("#").strip() for line in lines[:last])


def _table(found: list[Row]) -> str:
    lines = ["| key | allowed | default | meaning |", "|---|---|---|---|"]
    lines += [f"| `{row.key}` | {_cell(row.allowed)} | {_cell(row.default)} | {_cell(row.doc)} |" for row in found]
    return "\n".join(lines) + "\n"


def _text(kind: Any) -> str:
    return " ".join((kind.__doc__ or "").split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE}: {len(rows())} keys")
