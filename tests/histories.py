"""Price histories written for tests: hourly OHLCV files, or a table with one price column a market."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

HOUR = np.timedelta64(1, "h")


def hours(start: str, count: int) -> np.ndarray:
    """``count`` hours from ``start`` on."""
    return np.datetime64(start, "us") + np.arange(count) * HOUR


def write_table(file: Path, prices: np.ndarray, markets: Sequence[str] = ("X",), start: str = "2024-01-01T00:00") -> str:
    """A CSV with a price column [G, A] a market; a row with a NaN is left out. Returns its name."""
    times = hours(start, len(prices)).astype("datetime64[s]").astype(str)
    rows = [f"{time}Z,{','.join(f'{price:.17g}' for price in row)}" for time, row in zip(times, prices, strict=True)
            if np.isfinite(row).all()]
    file.write_text("\n".join([",".join(["timestamp", *markets]), *rows]) + "\n")
    return str(file)


def write_bars(folder: Path, markets: Sequence[str], start: str, count: int, seed: int = 1) -> str:
    """A folder of one OHLCV file a market, of one common random walk and one of its own. Returns its name."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    common = rng.standard_normal(count)
    for market in markets:
        moves = 0.006 * (0.8 * common + 0.6 * rng.standard_normal(count))
        close = 100.0 * np.exp(np.cumsum(moves))
        opened = np.append(100.0, close[:-1])
        above, below = 0.003 * rng.exponential(size=(2, count))
        columns = {"open": opened, "high": np.maximum(opened, close) * np.exp(above),
                   "low": np.minimum(opened, close) * np.exp(-below), "close": close}
        spot = {f"spot_{name}": values * 1.0005 for name, values in columns.items()}
        write_market(folder / f"test_{market}.parquet", start, columns | spot | {"mark_close": close * 0.9998})
    return str(folder)


def write_market(file: Path, start: str, columns: dict[str, np.ndarray]) -> None:
    """One OHLCV file."""
    times = pa.array(hours(start, len(next(iter(columns.values())))), pa.timestamp("us", tz="UTC"))
    parquet.write_table(pa.table({"timestamp": times, **columns}), file)
