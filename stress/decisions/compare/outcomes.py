"""A finished run as a comparison sees it, read from its folder."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from pyarrow import parquet

from stress.decisions.compare.naming import Asked, asked
from stress.errors import UserError, first_line
from stress.files import parse_yaml, read_json
from stress.mc.estimators.metrics import Paths, paths_of
from stress.units import SECONDS_PER_HOUR


@dataclass(frozen=True)
class Outcomes:
    """One run. Axis ``P`` paths."""

    folder: Path
    summary: dict[str, Any]
    manifest: dict[str, Any]
    config: dict[str, Any]
    columns: dict[str, np.ndarray]  # [P] as in paths.parquet, null as NaN
    book: str  # digest of the accounts at time zero
    asked: Asked

    def setting(self, key: str) -> Any:
        """A value of the configuration by dotted key."""
        node: Any = self.config
        for part in key.split("."):
            node = node.get(part) if isinstance(node, dict) else None
        return node

    @property
    def fund(self) -> float:
        """Insurance fund at time zero in USD."""
        return float(self.setting("protocol.insurance_fund"))

    @property
    def hours(self) -> float:
        """Simulated time."""
        return self.summary["steps"] * self.summary["step_seconds"] / SECONDS_PER_HOUR

    def first(self, paths: int) -> Paths:
        """The first ``paths`` of them, for estimators."""
        columns = {name: values[:paths] for name, values in self.columns.items()}
        return paths_of(columns, confidence=float(self.setting("run.confidence")), fund=self.fund,
                        horizon_hours=self.hours)


def read_outcomes(folder: Path) -> Outcomes:
    """The run in a folder. Raises UserError where there is none that is finished."""
    files = {name: folder / name for name in ("summary.json", "manifest.json", "paths.parquet", ".hydra/config.yaml")}
    missing = [name for name, file in files.items() if not file.is_file()]
    if missing:
        raise UserError(f"compare: {folder} is not the folder of a finished run (no {missing[0]}). Give folders of "
                        "finished runs; finish a killed one with run.resume=DIR.")
    try:
        config = parse_yaml(files[".hydra/config.yaml"].read_text(encoding="utf-8"))
        table = parquet.read_table(files["paths.parquet"])
        summary, manifest = read_json(files["summary.json"]), read_json(files["manifest.json"])
        book, given = digest(folder / "data" / "book.parquet"), asked(folder)
    except (OSError, ValueError, LookupError, TypeError, yaml.YAMLError, pa.ArrowException) as error:
        raise UserError(f"compare: {folder} cannot be read ({first_line(error)}). Run it again.") from error
    columns = {name: table.column(name).to_numpy() for name in table.column_names}
    rows, paths = table.num_rows, summary.get("paths")
    if rows != paths:
        raise UserError(f"compare: {folder} has {rows} rows in paths.parquet and {paths} paths in summary.json. Run it "
                        "again.")
    return Outcomes(folder, summary, manifest, config, columns, book, given)


def digest(file: Path) -> str:
    """Of who holds what; requirements and distances are the venue's, not the book's."""
    if not file.is_file():
        return ""
    names = ["account", "market", "size", "entry_price", "margin_mode", "collateral_usd"]
    table = parquet.read_table(file, columns=names)
    return hashlib.sha256("".join(str(column.to_pylist()) for column in table.columns).encode()).hexdigest()
