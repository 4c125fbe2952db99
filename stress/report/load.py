"""A run folder in memory: everything the report may look at, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from stress.errors import UserError
from stress.report import sources

_PATH_COLUMNS = frozenset((
    "path", "status", "log_weight", "depleted", "time_to_depletion_hours", "fund_drawdown", "bad_debt",
    "insurance_paid", "adl_haircut", "socialised_loss", "uncovered", "liquidated_notional", "liquidated_notional_twin",
    "cascade", "displacement_capped", "adl_hit_share", "adl_largest_haircut", "adl_gini", "adl_cost"))
_BOOK_COLUMNS = frozenset(("margin_account", "market", "size", "notional_usd", "leverage", "distance", "residual"))


def _path_column(name: str) -> bool:
    """Whether the report uses a column of ``paths.parquet``: a million paths of the others cost memory for nothing."""
    return name in _PATH_COLUMNS or (name.startswith("liquidated_") and name != "liquidated_accounts")


@dataclass(frozen=True)
class Run:
    """One finished run. Axes: ``P`` paths, ``A`` markets; money in USD."""

    folder: Path
    summary: dict[str, Any]
    manifest: dict[str, Any]
    config: dict[str, Any]
    config_text: str
    paths: dict[str, np.ndarray]  # columns [P] float64, NaN for null
    prices: dict[str, np.ndarray] | None
    story: dict[str, np.ndarray] | None
    heatmap: dict[str, np.ndarray] | None
    book: dict[str, np.ndarray]  # columns, a row a position

    @property
    def markets(self) -> list[str]:
        """Market names [A]."""
        return list(self.summary.get("markets") or self.setting("price.markets") or [])

    @cached_property
    def ok(self) -> np.ndarray:
        """[P] bool: paths without a failure status; figures are drawn from these."""
        status = self.paths.get("status")
        rows = len(next(iter(self.paths.values()), ()))
        return np.ones(rows, dtype=bool) if status is None else status == 0

    @cached_property
    def weight(self) -> np.ndarray:
        """Likelihood weights of the ok paths, summing to one."""
        log_weight = self.paths.get("log_weight")
        if log_weight is None or not self.ok.any():
            return np.full(int(self.ok.sum()), 1.0 / max(int(self.ok.sum()), 1))
        weight = np.exp(log_weight[self.ok] - np.nanmax(log_weight[self.ok]))
        return weight / weight.sum()

    @property
    def drawn(self) -> int:
        """Paths that the figures show: those without a failure status."""
        return int(self.ok.sum())

    @property
    def confidence(self) -> float:
        """Confidence of the intervals."""
        stated = [m.get("confidence") for m in self.summary.get("metrics", {}).values()]
        return next((c for c in stated if c), None) or float(self.setting("run.confidence") or np.nan)

    @property
    def fund(self) -> float:
        """Configured insurance fund in USD (NaN if unknown)."""
        value = self.setting("protocol.insurance_fund")
        return float(value) if value is not None else float("nan")

    @property
    def horizon_hours(self) -> float:
        """Simulated time in hours."""
        value = self.setting("run.horizon_hours")
        if value is not None:
            return float(value)
        return float(self.summary.get("steps", np.nan)) * float(self.summary.get("step_seconds", np.nan)) / 3600.0

    def column(self, name: str) -> np.ndarray | None:
        """Column of the ok paths; None when it is missing or entirely null (its companion was off)."""
        values = self.paths.get(name)
        if values is None:
            return None
        values = values[self.ok]
        return None if len(values) == 0 or np.isnan(values).all() else values

    def metric(self, name: str) -> dict[str, Any]:
        """A metric of the summary; empty when there is none of that name."""
        return self.summary.get("metrics", {}).get(name) or {}

    def setting(self, key: str) -> Any:
        """A value of the resolved config by dotted key; None when it is not there."""
        node: Any = self.config
        for part in key.split("."):
            if not isinstance(node, Mapping) or part not in node:
                return None
            node = node[part]
        return node


def load_run(folder: Path) -> Run:
    """Read a run folder; UserError when it has no summary or a file cannot be read."""
    if not (folder / "summary.json").exists():
        raise UserError(f"{folder}: not the folder of a finished run (no summary.json). Finish a killed run with "
                        "run.resume, or give the folder of a finished one.")
    config, text = sources.read_yaml(folder / ".hydra" / "config.yaml")
    return Run(folder=folder, summary=sources.read_json(folder / "summary.json"),
               manifest=sources.read_optional_json(folder / "manifest.json"), config=config, config_text=text,
               paths=sources.read_table(folder / "paths.parquet", _path_column),
               prices=sources.read_arrays(folder / "data" / "prices.npz"),
               story=sources.read_arrays(folder / "data" / "story.npz"),
               heatmap=sources.read_arrays(folder / "data" / "heatmap.npz"),
               book=sources.read_table(folder / "data" / "book.parquet", lambda name: name in _BOOK_COLUMNS))
