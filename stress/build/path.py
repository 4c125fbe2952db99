"""Reading a given price path: one row a tick, the first row is time zero."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from stress.errors import UserError, bad_value


@dataclass(frozen=True)
class PricePath:
    """A path at evenly spaced times."""

    prices: np.ndarray  # [T + 1, A] USD per unit
    step_seconds: float


def read_path(file: str, markets: list[str]) -> PricePath:
    """Read ``timestamp`` (UTC) or ``time_hours`` and one column a market from a CSV or Parquet file.

    Raises UserError naming file, line and column for a missing column, a price that is not a positive number,
    fewer than two rows, or times that are not evenly increasing.
    """
    table = _read(Path(file))
    missing = [m for m in markets if m not in table.column_names]
    if missing:
        raise UserError(
            f"{file}: no column {', '.join(missing)} (has {', '.join(table.column_names)}). "
            "Name one price column after each market, or set price.markets."
        )
    if table.num_rows < 2:
        raise UserError(f"{file}: {table.num_rows} rows, allowed is at least two: the price at time zero and one tick.")
    seconds = _seconds(table, file)
    steps = np.diff(seconds)
    uneven = np.flatnonzero(np.abs(steps - steps[0]) > 1e-6 * abs(steps[0]))
    if steps[0] <= 0 or len(uneven):
        line = int(uneven[0]) + 3 if len(uneven) else 3
        raise UserError(
            f"{file}, line {line}: times must increase in even steps ({steps[0]:g} s at the start). "
            "Fill or cut the path."
        )
    return PricePath(np.stack([_prices(table, m, file) for m in markets], axis=1), float(steps[0]))


def _read(file: Path) -> pa.Table:
    if not file.is_file():
        raise bad_value("price.path", str(file), "an existing CSV or Parquet file")
    try:
        return parquet.read_table(file) if file.suffix == ".parquet" else csv.read_csv(file)
    except pa.ArrowInvalid as error:
        raise UserError(f"{file}: not a readable table ({error}).") from None


def _seconds(table: pa.Table, file: str) -> np.ndarray:
    if "time_hours" in table.column_names:
        return np.round(_numbers(table, "time_hours", file) * 3600.0, 6)
    if "timestamp" not in table.column_names:
        raise UserError(f"{file}: no time column, allowed is timestamp (UTC) or time_hours.")
    column = table["timestamp"]
    try:
        times = column.cast(
            pa.timestamp("us", tz="UTC")
            if not pa.types.is_timestamp(column.type)
            else pa.timestamp("us", tz=column.type.tz)
        )
    except pa.ArrowInvalid:
        raise UserError(f"{file}, column timestamp: not a UTC time, for example 2025-10-10T21:15:00Z.") from None
    return times.cast(pa.int64()).to_numpy() / 1e6


def _prices(table: pa.Table, market: str, file: str) -> np.ndarray:
    prices = _numbers(table, market, file)
    bad = np.flatnonzero(~(np.isfinite(prices) & (prices > 0)))
    if len(bad):
        raise UserError(
            f"{file}, line {bad[0] + 2}, column {market}: got {prices[bad[0]]}, allowed is a positive price."
        )
    return prices


def _numbers(table: pa.Table, name: str, file: str) -> np.ndarray:
    try:
        return table[name].cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid as error:
        raise UserError(f"{file}, column {name}: not all numbers ({error}).") from None
