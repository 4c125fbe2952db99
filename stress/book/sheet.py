"""Reading a book file: named columns of text or numbers, and where in the file each row stands.

CSV and Parquet are read by pyarrow as data only; nothing in a file is ever evaluated.
"""

from __future__ import annotations

import difflib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as parquet

from stress.errors import UserError, bad_value

MOST_SHOWN = 5
"""Problems in one message; more would hide the first."""

_COMPUTE: Any = pc  # most of its functions are made at import, unseen by type checkers
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_MOST_COLUMNS = 64


@dataclass(frozen=True)
class Sheet:
    """Rows of a file. ``place`` counts as the user does: CSV lines with the header as line 1, Parquet rows from 1."""

    file: str
    unit: str  # "line" or "row"
    place: np.ndarray  # [rows] int
    columns: dict[str, pa.Array]  # [rows] string, or float64 with nulls

    def __len__(self) -> int:
        return len(self.place)

    def where(self, row: int) -> str:
        """File and line of row ``row`` (from 0)."""
        return f"{self.file}, {self.unit} {self.place[row]}"

    def value(self, column: str, row: int) -> Any:
        """The cell as it stands in the file; None for an empty one."""
        got = self.columns[column][row].as_py()
        return None if got == "" else got

    def text(self, column: str) -> np.ndarray:
        """Cells [rows] as an array of str."""
        return self.columns[column].to_numpy(zero_copy_only=False)

    def numbers(self, column: str) -> tuple[np.ndarray, np.ndarray]:
        """Values [rows] float64, NaN where empty or no number, and which cells are not empty [rows]."""
        cells = self.columns[column]
        if pa.types.is_floating(cells.type):
            return cells.to_numpy(zero_copy_only=False), cells.is_valid().to_numpy(zero_copy_only=False)
        text = _COMPUTE.ascii_trim_whitespace(cells)
        number = _COMPUTE.match_substring_regex(text, _NUMBER)
        values = _COMPUTE.if_else(number, text, "nan").cast(pa.float64())
        given = _COMPUTE.not_equal(text, "")
        return values.to_numpy(zero_copy_only=False), given.to_numpy(zero_copy_only=False)


def read_sheet(key: str, file: str, text: tuple[str, ...], numeric: tuple[str, ...]) -> Sheet:
    """The file under config key ``key``, which must have the columns ``text`` and ``numeric`` and no others.

    Raises UserError naming file, line and column when it is not there, empty, not readable, or has other columns.
    """
    path = Path(file)
    if not path.is_file():
        raise bad_value(key, file, "an existing CSV or Parquet file")
    match path.suffix.lower():
        case ".csv":
            unit, (place, names, cells) = "line", _read_csv(file, path.read_bytes())
        case ".parquet":
            unit, (place, names, cells) = "row", _read_parquet(file)
        case _:
            raise bad_value(key, file, "a file that ends in .csv or .parquet")
    _check_columns(file, names, text + numeric)
    pairs = zip(names, cells, strict=True)
    return Sheet(file, unit, place, {name: _typed(file, name, column, name in numeric) for name, column in pairs})


def _read_csv(file: str, data: bytes) -> tuple[np.ndarray, list[str], list[pa.Array]]:
    """Line numbers [rows], column names, and columns as text. Blank lines are passed over, but counted."""
    data = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n") + b"\n"
    _check_text(file, data)
    lines = np.array([number for number, line in enumerate(data.split(b"\n"), start=1) if line], dtype=np.int64)
    if not len(lines):
        raise UserError(f"{file}: the file is empty, allowed is a line of column names and a line a row.")
    broken: list[csv.InvalidRow] = []
    as_text = {f"f{i}": pa.string() for i in range(_MOST_COLUMNS)}
    try:
        table = csv.read_csv(
            io.BytesIO(data), csv.ReadOptions(use_threads=False, autogenerate_column_names=True),
            csv.ParseOptions(invalid_row_handler=lambda row: broken.append(row) or "skip"),
            csv.ConvertOptions(column_types=as_text, strings_can_be_null=False))
    except pa.ArrowInvalid as error:
        raise UserError(f"{file}: not a readable CSV file ({error}).") from None
    if broken:
        raise UserError(_broken_rows(file, broken, lines))
    if table.num_rows != len(lines):
        raise UserError(f"{file}: a quoted cell runs over a line end, allowed is one line a row.")
    cells = [column.combine_chunks() for column in table.columns]
    return lines[1:], [str(column[0].as_py()) for column in cells], [column[1:] for column in cells]


def _broken_rows(file: str, broken: list[csv.InvalidRow], lines: np.ndarray) -> str:
    found = [f"{file}, line {lines[(row.number or 1) - 1]}: got {row.actual_columns} cells, allowed is "
             f"{row.expected_columns}, as in the header." for row in broken[:MOST_SHOWN]]
    if len(broken) > MOST_SHOWN:
        found.append(f"... and {len(broken) - MOST_SHOWN} more.")
    return "\n".join(found)


def _check_text(file: str, data: bytes) -> None:
    """UserError at the first line that is not UTF-8 or leaves a quote open: line numbers would go wrong after it."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{file}, line {line}: not UTF-8 text. Save the file as CSV in UTF-8.") from None
    if b'"' in data:
        for number, line in enumerate(data.split(b"\n"), start=1):
            if line.count(b'"') % 2:
                raise UserError(f"{file}, line {number}: a quote is left open. Close it on the same line, and write a "
                                "quote inside a cell twice.")


def _read_parquet(file: str) -> tuple[np.ndarray, list[str], list[pa.Array]]:
    """Row numbers [rows], column names, and columns as they are stored."""
    try:
        table = parquet.ParquetFile(file).read()
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{file}: not a readable Parquet file ({error}).") from None
    return np.arange(1, table.num_rows + 1), table.column_names, [column.combine_chunks() for column in table.columns]


def _check_columns(file: str, names: list[str], wanted: tuple[str, ...]) -> None:
    """UserError unless ``names`` are the ``wanted`` ones, each once, in any order."""
    faults = [f"no column {name}" for name in wanted if name not in names]
    for name in dict.fromkeys(names):
        if name not in wanted:
            near = difflib.get_close_matches(name, wanted, n=1)
            faults.append(f"unknown column {name!r}" + (f" (did you mean {near[0]}?)" if near else ""))
        elif names.count(name) > 1:
            faults.append(f"column {name} stands there {names.count(name)} times")
    if faults:
        hint = " Are the cells separated by commas?" if len(names) == 1 else ""
        raise UserError(f"{file}: {'; '.join(faults)}. Allowed are the columns {', '.join(wanted)}, each once, "
                        f"in any order.{hint}")


def _typed(file: str, name: str, cells: pa.Array, numeric: bool) -> pa.Array:
    """The column as text (empty for null) or, for numbers that are stored as such, float64 with nulls."""
    kind = cells.type
    if pa.types.is_dictionary(kind):
        cells, kind = cells.dictionary_decode(), kind.value_type
    whole = pa.types.is_integer(kind)
    if numeric and (whole or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return _as_float(file, name, cells)
    if pa.types.is_null(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind) or whole:
        return pc.fill_null(cells.cast(pa.string()), "")
    raise UserError(f"{file}, column {name}: stored as {kind}, allowed is {'a number' if numeric else 'text'}.")


def _as_float(file: str, name: str, cells: pa.Array) -> pa.Array:
    try:
        return cells.cast(pa.float64())
    except pa.ArrowInvalid as error:
        raise UserError(f"{file}, column {name}: {error}. Allowed are numbers that a 64-bit float holds.") from None
