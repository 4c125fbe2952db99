"""Reading what a run left behind: data only, and an error that names the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from stress import files
from stress.errors import UserError


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from ``path``; UserError when it is no JSON object."""
    try:
        value = files.read_json(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({error}).") from error
    if not isinstance(value, dict):
        raise UserError(f"{path}: expected a JSON object, got {type(value).__name__}.")
    return value


def read_optional_json(path: Path) -> dict[str, Any]:
    """As ``read_json``; an empty dict when there is no such file."""
    return read_json(path) if path.exists() else {}


def read_yaml(path: Path) -> tuple[dict[str, Any], str]:
    """A YAML mapping and its text; empty when there is no such file."""
    if not path.exists():
        return {}, ""
    text = path.read_text(encoding="utf-8")
    try:
        value = files.parse_yaml(text)
    except yaml.YAMLError as error:
        raise UserError(f"{path}: cannot be read as YAML ({error}).") from error
    return (value if isinstance(value, dict) else {}), text


def read_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """All arrays of an ``.npz``; None when there is no such file. Data only: pickled objects are refused."""
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as NumPy arrays ({error}).") from error


def read_table(path: Path, wanted: Callable[[str], bool]) -> dict[str, np.ndarray]:
    """The ``wanted`` columns of a Parquet file: numbers and booleans as float64 with NaN for null, text as objects."""
    if not path.exists():
        return {}
    try:
        names = [name for name in pq.read_schema(path).names if wanted(name)]
        table = pq.read_table(path, columns=names)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path}: cannot be read as Parquet ({error}).") from error
    return {name: _column(table.column(name)) for name in table.column_names}


def _column(column: pa.ChunkedArray) -> np.ndarray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind)):
        return np.array(column.to_pylist(), dtype=object)
    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
