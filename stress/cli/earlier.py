"""A sweep given again into its folder: finished jobs are kept, all others run, and what was kept or redone is said."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from stress import __version__
from stress.config.parse import parse
from stress.config.schema import Config
from stress.errors import UserError
from stress.files import parse_yaml, read_json

KEPT, CONTINUED, AGAIN = "kept from before", "continued where it was killed", "run again"
"""What a job says whose folder was there. One that is redone says why."""


@dataclass(frozen=True)
class Earlier:
    """What a job's folder holds of an earlier start."""

    note: str
    keep: bool = False  # it is finished


def earlier(folder: Path, config: Config) -> Earlier | None:
    """Whether the folder of a job that is to run with ``config`` holds its result already, or a part of it.

    A result is kept if the configuration, the files it was read from and the versions are the same; else the folder is
    emptied. None where there was no earlier start.
    """
    if not (folder / ".hydra").is_dir():
        return None
    record, manifest = folder / ".hydra" / "config.yaml", folder / "manifest.json"
    if not record.is_file() or not manifest.is_file():
        return Earlier(AGAIN)
    found = read_json(manifest)
    differs = _differs(record, found, config)
    if differs:
        _clear(folder)
        return Earlier(f"redone: {differs}")
    if found.get("complete") and (folder / "summary.json").is_file():
        return Earlier(KEPT, keep=True)
    return Earlier(CONTINUED if any(folder.glob("chunks/*")) else AGAIN)


def _clear(folder: Path) -> None:
    """Empty the folder of a job."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def refuse_leftovers(folder: Path, jobs: int) -> None:
    """Raise UserError where a sweep of ``jobs`` jobs would mix with one of more."""
    numbers = [int(entry.parent.name) for entry in folder.glob("*/.hydra") if entry.parent.name.isdecimal()]
    if numbers and max(numbers) >= jobs:
        raise UserError(f"hydra.sweep.dir: {folder} holds a sweep of {max(numbers) + 1} jobs, and this one has {jobs}. "
                        f"Give the same command as then, or choose another folder.")


def _differs(record: Path, manifest: Mapping[str, Any], config: Config) -> str | None:
    """What is not as it was, in words; None where all is."""
    for name, now in {"version": __version__, **{n: metadata.version(n) for n in ("jax", "jaxlib")}}.items():
        if manifest.get(name) != now:
            return f"{'it' if name == 'version' else name} was version {manifest.get(name)} and is {now}"
    try:
        before = parse(parse_yaml(record.read_text(encoding="utf-8")))
    except (UserError, yaml.YAMLError):
        return "its configuration is no longer one that this version reads"
    keys = _other_keys(_identity(before), _identity(config))
    if keys:
        return f"other settings ({', '.join(keys[:3])}{' and more' if len(keys) > 3 else ''})"
    for file, digest in manifest.get("data_hashes", {}).items():
        if not Path(file).is_file() or hashlib.sha256(Path(file).read_bytes()).hexdigest() != digest:
            return f"{file} has changed"
    return None


def _identity(config: Config) -> dict[str, Any]:
    from stress.session import result_settings

    return result_settings(config)


def _other_keys(first: Any, second: Any, key: str = "") -> list[str]:
    """Dotted keys of the leaves that differ."""
    if isinstance(first, dict) and isinstance(second, dict):
        names = dict.fromkeys([*first, *second])
        return [found for name in names
                for found in _other_keys(first.get(name), second.get(name), f"{key}.{name}" if key else str(name))]
    return [] if first == second else [key]
