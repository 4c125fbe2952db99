"""Reading a history file as columns: CSV or Parquet, times in UTC."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as parquet

from stress.errors import UserError, first_line

TIME = "timestamp"
SUFFIXES = (".parquet", ".pq", ".csv", ".csv.gz")
Read = TypeVar("Read")

EPOCH_UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (np.inf, 1e9))
"""Whole numbers as times: below the first number of a pair they count that many units a second."""


def columns_of(file: Path) -> list[str]:
    """Names of the columns."""
    return _guarded(file, lambda: parquet.read_schema(file).names if _is_parquet(file) else _csv(file).column_names)


def read_columns(file: Path, names: list[str]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Times (seconds since 1970, UTC) [n] and the named columns (float64, NaN where empty) [n].

    Raises UserError naming file and column when there is no time column or a value is no number.
    """
    present = columns_of(file)
    if TIME not in present:
        raise UserError(f"{file}: no column {TIME} (has {', '.join(present)}). Name the time column {TIME}, in UTC.")
    wanted = [TIME, *names]
    table = _guarded(file, lambda: parquet.read_table(file, columns=wanted) if _is_parquet(file)
                     else _csv(file).select(wanted))
    return _seconds(table[TIME], file), {name: _numbers(table[name], name, file) for name in names}


def sha256(file: Path) -> str:
    """Hash of the file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _is_parquet(file: Path) -> bool:
    return file.suffix in (".parquet", ".pq")


def _csv(file: Path) -> pa.Table:
    return csv.read_csv(file)


def _guarded(file: Path, read: Callable[[], Read]) -> Read:
    try:
        return read()
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{file}: not a readable CSV or Parquet table ({first_line(error)}).") from None


def _seconds(column: pa.ChunkedArray, file: Path) -> np.ndarray:
    kind = column.type
    empty = column.null_count
    if empty:
        raise UserError(f"{file}, column {TIME}: {empty} rows have no time. Take them out.")
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        numbers = column.cast(pa.float64()).to_numpy()
        top = float(np.max(np.abs(numbers), initial=0.0))
        return numbers / next(unit for limit, unit in EPOCH_UNITS if top < limit)
    try:
        if not pa.types.is_timestamp(kind):  # text and dates; an offset in the text is honoured
            column = _from_text(column)
        zone = column.type.tz
        micro = column.cast(pa.timestamp("us", tz=zone), safe=False)
    except pa.ArrowInvalid:
        raise UserError(f"{file}, column {TIME}: not a UTC time, for example 2025-10-10T21:00:00Z.") from None
    return micro.cast(pa.int64()).to_numpy() / 1e6


def _from_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_date(column.type):
        return column.cast(pa.timestamp("us"))
    try:
        return column.cast(pa.timestamp("us", tz="UTC"))  # with an offset
    except pa.ArrowInvalid:
        return pc.call_function("assume_timezone", [column.cast(pa.timestamp("us"))],
                                options=pc.AssumeTimezoneOptions("UTC"))


def _numbers(column: pa.ChunkedArray, name: str, file: Path) -> np.ndarray:
    try:
        return column.cast(pa.float64()).to_numpy().astype(np.float64)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise UserError(f"{file}, column {name}: not all numbers ({first_line(error)}).") from None
