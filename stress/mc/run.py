"""A Monte Carlo run: simulate what is missing, join the chunks, estimate."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pyarrow import parquet

from stress.engine.state import NOT_FINITE, STATUS_NAMES
from stress.mc.driver import rank_worst, stream
from stress.mc.estimators.curve import fund_curve
from stress.mc.estimators.metrics import summarise
from stress.mc.estimators.sample import path_weights
from stress.mc.estimators.streaming import EMPTY, Tally
from stress.mc.plan import Plan
from stress.mc.program import Program
from stress.mc.progress import progress_bar
from stress.mc.store import (
    Chunk,
    finished_chunks,
    missing_blocks,
    read_chunk,
    write_paths,
)

CURVE_POINTS = 60
RESIDUALS = ("cash_residual", "contracts_residual")
SMALL = 64 * 2**20
"""Bytes of a file up to which all its columns are read at once."""
DIAGNOSTIC = ("fan", "fan_path", "worst", "worst_path", "worst_key")
"""Arrays of a chunk that are not columns of ``paths.parquet``."""


@dataclass(frozen=True)
class Columns(Mapping[str, np.ndarray]):
    """The columns of ``paths.parquet``, read one at a time."""

    file: Path

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._names():
            raise KeyError(name)
        return parquet.read_table(self.file, columns=[name])[name].to_numpy()

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def at_once(self) -> Mapping[str, np.ndarray]:
        """All columns in memory where the file is small, for who reads most of them, and some often; else itself."""
        if self.file.stat().st_size > SMALL:
            return self
        table = parquet.read_table(self.file)
        return {name: table[name].to_numpy() for name in table.column_names}

    def _names(self) -> list[str]:
        return parquet.read_schema(self.file).names


def simulate(plan: Plan, program: Program, folder: Path, *, progress: bool) -> float:
    """Simulate the blocks no chunk in ``folder`` holds yet; returns the seconds it took."""
    start = time.perf_counter()
    stored = finished_chunks(folder)
    tally = EMPTY
    for chunk in stored:
        tally = tally.merge(_tally(read_chunk(chunk)))
    with progress_bar(plan.paths, progress) as meter:
        meter(tally.paths, "")

        def on_chunk(arrays: dict[str, np.ndarray]) -> None:
            nonlocal tally
            tally = tally.merge(_tally(arrays))
            meter(tally.paths, f"depleted {tally.depleted / max(tally.paths, 1):.3%}")

        for _ in stream(plan, program, missing_blocks(stored, plan.blocks), folder, on_chunk):
            pass
    return time.perf_counter() - start


def _tally(arrays: Mapping[str, np.ndarray]) -> Tally:
    return Tally.of(arrays["depleted"], arrays["status"])


def join(plan: Plan, folder: Path) -> list[Chunk]:
    """Write ``paths.parquet`` and ``data/prices.npz`` from the chunks."""
    chunks = finished_chunks(folder)
    with np.load(chunks[0].file, allow_pickle=False) as first:
        names = [name for name in first.files if name not in DIAGNOSTIC]
    write_paths(folder, chunks, names)
    samples, worst = [], []
    for chunk in chunks:
        arrays = read_chunk(chunk)
        samples.append((arrays["fan_path"], arrays["fan"]))
        worst.append((arrays["worst_key"], arrays["worst_path"], arrays["worst"]))
    key, path, fan = (np.concatenate(parts) for parts in zip(*worst, strict=True))
    order = rank_worst(key, path)[: plan.worst_paths]
    steps, points = plan.job.steps, plan.job.fan_points
    ticks = np.concatenate([[0], np.arange(1, points + 1) * steps // points])
    prices = np.asarray(plan.job.prices)
    (folder / "data").mkdir(exist_ok=True)
    np.savez(
        folder / "data" / "prices.npz",
        time_hours=ticks * plan.step_seconds / 3600.0,
        sample=_from_start(np.concatenate([fan for _, fan in samples]), prices),
        sample_path=np.concatenate([number for number, _ in samples]),
        worst=_from_start(fan[order], prices),
        worst_path=path[order],
    )
    return chunks


def _from_start(fan: np.ndarray, prices: np.ndarray) -> np.ndarray:
    """Price paths [n, G, A] with the price at time zero in front."""
    start = np.broadcast_to(prices.astype(fan.dtype), (len(fan), 1, fan.shape[2]))
    return np.concatenate([start, fan], axis=1)


def estimate(plan: Plan, folder: Path) -> dict[str, Any]:
    """Metrics, fund curve, conservation and status of a finished ``paths.parquet``."""
    columns = Columns(folder / "paths.parquet").at_once()
    if "unlimited" in plan.variants and plan.one_depletion:
        assert_one_depletion(columns, plan.fund)
    status = Counter(columns["status"].tolist())
    curve = []
    if "unlimited" in plan.variants:
        weights, failed = path_weights(columns)
        curve = fund_curve(
            columns["fund_drawdown"], weights, plan.confidence, CURVE_POINTS, fund=plan.fund, failed=failed
        )
    return {
        "metrics": summarise(columns, confidence=plan.confidence, fund=plan.fund, horizon_hours=plan.horizon_hours),
        "fund_curve": curve,
        "conservation": {name: _largest(columns, name, plan.gross_notional) for name in RESIDUALS},
        "status": {STATUS_NAMES[code]: count for code, count in sorted(status.items())},
        "simulated_anew": int(columns["simulated_anew"].sum()),
    }


def _largest(columns: Mapping[str, np.ndarray], name: str, gross: float) -> float | None:
    """The largest residual of all paths whose numbers are finite, relative to the gross notional; None without any."""
    residuals = columns[name][columns["status"] != NOT_FINITE]
    return float(residuals.max()) / max(gross, 1.0) if len(residuals) else None


def assert_one_depletion(columns: Mapping[str, np.ndarray], fund: float) -> None:
    """Depleted in the main run must equal drawdown > fund in the unlimited companion, on every path, exactly."""
    good = columns["status"] == 0
    differ = np.flatnonzero(((columns["fund_drawdown"] > fund) != columns["depleted"]) & good)
    if len(differ):
        raise AssertionError(
            f"path {columns['path'][differ[0]]}: depletion and fund drawdown disagree ({len(differ)} paths). "
            "This is a defect of the engine, not of the input."
        )


def drop_chunks(folder: Path) -> None:
    """Remove the chunks once everything that needs them is written."""
    shutil.rmtree(folder / "chunks", ignore_errors=True)
