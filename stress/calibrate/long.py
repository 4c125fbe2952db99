"""Histories in long form: one row a market and time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as parquet

from stress.config.schema import DataConfig
from stress.errors import UserError, bad_value
from stress.price.calibrate.table import columns_of, read_columns, sha256

MARKET = ("market", "asset")
"""Names of the column that names the market."""
FEWEST = 3


@dataclass(frozen=True)
class Rows:
    """The usable rows of a market in time order, each time once, and the count of those left out, by reason."""

    seconds: np.ndarray  # [n] since 1970
    values: dict[str, np.ndarray]  # [n] by column
    read: int
    refused: dict[str, int]


@dataclass(frozen=True)
class LongFile:
    """The markets asked for."""

    file: Path
    sha256: str
    rows: dict[str, Rows]


def read_long(
    path: str, key: str, markets: list[str], data: DataConfig, columns: list[str], flag: str | None
) -> LongFile:
    """Read ``columns`` of the file at ``path``, which ``key`` names.

    Rows are left out outside of the dates, where the column ``flag`` (if the file has it) is set, where a value is
    missing, and where their time comes twice. Raises UserError for a market with fewer than three left.
    """
    file = Path(path)
    if not file.is_file():
        raise bad_value(key, path, "an existing CSV or Parquet file")
    present = columns_of(file)
    name = next((column for column in MARKET if column in present), None)
    missing = [*([] if name else [" or ".join(MARKET)]), *(column for column in columns if column not in present)]
    if missing:
        raise UserError(f"{key}: {file} has no column {', '.join(missing)} (has {', '.join(present)}).")
    flags = [flag] if flag in present else []
    seconds, values = read_columns(file, [*columns, *flags])
    owner = _texts(file, str(name))
    found = {market: _usable(owner == market, seconds, values, columns, flags, data) for market in markets}
    few = {market: rows for market, rows in found.items() if len(rows.seconds) < FEWEST}
    if few:
        market, rows = next(iter(few.items()))
        counted = ", ".join(f"{reason}: {n}" for reason, n in rows.refused.items()) or "nothing refused"
        raise UserError(
            f"{key}: {file.name} has {len(rows.seconds)} usable rows for {market} of {rows.read} ({counted}), "
            f"allowed is at least {FEWEST}. Its markets are {', '.join(sorted(set(owner.tolist())))}."
        )
    return LongFile(file, sha256(file), found)


def _usable(
    mine: np.ndarray,
    seconds: np.ndarray,
    values: dict[str, np.ndarray],
    columns: list[str],
    flags: list[str],
    data: DataConfig,
) -> Rows:
    table = {"seconds": seconds[mine], **{name: values[name][mine] for name in [*columns, *flags]}}
    read, refused = int(mine.sum()), {}

    def keep(good: np.ndarray, reason: str) -> None:
        if not good.all():
            refused[reason] = int((~good).sum())
        for name in table:
            table[name] = table[name][good]

    order = np.argsort(table["seconds"], kind="stable")
    for name in table:
        table[name] = table[name][order]
    inside = (table["seconds"] >= _bound(data.start, -np.inf)) & (table["seconds"] < _bound(data.end, np.inf))
    keep(inside, "outside data.start, data.end")
    for name in flags:
        keep(~(table[name] > 0), f"marked {name}")
    keep(np.all([np.isfinite(table[name]) for name in columns], axis=0), "no value")
    time = table["seconds"]
    keep((np.diff(time, prepend=-np.inf) > 0) & (np.diff(time, append=np.inf) > 0), "time given twice")
    return Rows(table["seconds"], {name: table[name] for name in columns}, read, refused)


def _bound(text: str | None, otherwise: float) -> float:
    if text is None:
        return otherwise
    date = datetime.fromisoformat(text)
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _texts(file: Path, name: str) -> np.ndarray:
    """A column of text [n]."""
    if file.suffix in (".parquet", ".pq"):
        column = parquet.read_table(file, columns=[name])[name]
    else:
        column = csv.read_csv(file)[name]
    return np.asarray(column.cast(pa.string()).to_pylist())
