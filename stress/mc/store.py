"""Chunks on disk: what a run has finished so far, written so that a kill at any moment loses at most one chunk."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from stress.files import replacing, write_bytes

NAME = re.compile(r"^(\d+)-(\d+)\.npz$")


@dataclass(frozen=True)
class Chunk:
    """A finished range of blocks."""

    first: int
    last: int
    file: Path


def write_chunk(folder: Path, first: int, last: int, arrays: dict[str, np.ndarray]) -> Chunk:
    """Store the arrays of blocks first..last, atomically."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    file = write_bytes(folder / "chunks" / f"{first:08d}-{last:08d}.npz", buffer.getvalue())
    return Chunk(first, last, file)


def read_chunk(chunk: Chunk) -> dict[str, np.ndarray]:
    """The arrays of a chunk."""
    with np.load(chunk.file, allow_pickle=False) as data:
        return dict(data)


def read_arrays(chunk: Chunk, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Some arrays of a chunk; the others are not read."""
    with np.load(chunk.file, allow_pickle=False) as data:
        return {name: data[name] for name in names}


def finished_chunks(folder: Path) -> list[Chunk]:
    """Chunks in block order; the files are the record, since each is whole or absent."""
    files = sorted((folder / "chunks").glob("*.npz"))
    return [Chunk(int(match[1]), int(match[2]), file) for file in files if (match := NAME.match(file.name))]


def missing_blocks(chunks: list[Chunk], blocks: int) -> list[int]:
    """Blocks no chunk holds."""
    done = {block for chunk in chunks for block in range(chunk.first, chunk.last + 1)}
    return [block for block in range(blocks) if block not in done]


def write_paths(folder: Path, chunks: list[Chunk], columns: list[str]) -> Path:
    """Join the chunks into ``paths.parquet``, a row group a chunk, one chunk in memory at a time."""
    target, tables = folder / "paths.parquet", (_table(chunk, columns) for chunk in chunks)
    first = next(tables)
    with replacing(target) as stream, parquet.ParquetWriter(stream, first.schema) as writer:
        for table in chain([first], tables):
            writer.write_table(table)
    return target


def _table(chunk: Chunk, columns: list[str]) -> pa.Table:
    arrays = read_chunk(chunk)
    return pa.table({name: _column(arrays[name]) for name in columns})


def _column(values: np.ndarray) -> pa.Array:
    """A Parquet column; NaN becomes null."""
    if values.dtype.kind == "f":
        return pa.array(values, from_pandas=True)
    return pa.array(values)


def read_column(folder: Path, name: str) -> np.ndarray:
    """One column of ``paths.parquet``; nulls as NaN."""
    column = parquet.read_table(folder / "paths.parquet", columns=[name])[name]
    return column.to_numpy()
