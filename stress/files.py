"""Atomic writes: a reader sees the old file or the whole new one, also when the process is killed in between."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from stress.errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A stream into a temporary file beside ``path``, which takes its place at the end; folders are made as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        with temporary.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder, made if needed, against other commands; it is free again however the process ends.

    Raises UserError where another one holds it. Where the file system or the platform knows no locks nothing is held.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl

        handle = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        yield
        return
    try:
        with suppress(OSError):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"{folder}: another command is at work there. Wait until it has ended, or choose "
                                "another folder.") from None
        yield
    finally:
        os.close(handle)


def write_bytes(path: Path | str, data: bytes) -> Path:
    """Write ``data`` to ``path`` by a temporary file beside it, fsync and rename; folders are made as needed."""
    path = Path(path)
    with replacing(path) as stream:
        stream.write(data)
    return path


def write_text(path: Path | str, text: str) -> Path:
    """Write ``text`` as UTF-8, atomically."""
    return write_bytes(path, text.encode("utf-8"))


def write_json(path: Path | str, value: Any) -> Path:
    """Write ``value`` as strict JSON, atomically; ValueError on NaN or infinity (use null and a reason)."""
    return write_text(path, json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: Path | str) -> Any:
    """The value in a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """The fast one where it is there."""


def _text(dumper: Any, text: str) -> Any:
    """A string, in quotes where OmegaConf would read a number (``1e5``) that plain YAML takes for a string."""
    try:
        float(text)
    except ValueError:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'")


_Dumper.add_representer(str, _text)


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The fast one where it is there: it reads a configuration in a seventh of the time."""


def parse_yaml(text: str) -> Any:
    """The value in a YAML text; plain data only."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506  # both are safe loaders


def write_yaml(path: Path | str, value: Any) -> Path:
    """Write plain dicts, lists and scalars as YAML that OmegaConf reads back the same, atomically."""
    return write_text(path, yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True))
