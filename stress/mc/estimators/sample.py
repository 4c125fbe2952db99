"""One outcome of every path, with its weights and its failures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Sample:
    """Outcomes [P] with likelihood-ratio weights and failure flags. Axis ``P`` paths."""

    values: np.ndarray  # [P] float64, NaN: not recorded
    weights: np.ndarray | None  # [P] float64 >= 0, expectation one; None: all one
    failed: np.ndarray | None  # [P] bool, outcome unknown whatever is recorded; None: no path failed

    @property
    def n(self) -> int:
        """Paths, failed ones included."""
        return len(self.values)

    @property
    def failures(self) -> int:
        """Paths whose outcome is unknown."""
        return 0 if self.failed is None else int(np.count_nonzero(self.failed))

    def recorded(self) -> Sample:
        """The paths that have a value, failed or not, as if none had failed: the base of the estimate."""
        if self.failed is None:
            return self
        return self.keep(np.isfinite(self.values))

    def known(self) -> Sample:
        """The paths that did not fail."""
        if self.failed is None:
            return self
        return self.keep(~self.failed)

    def filled(self, value: float) -> Sample:
        """All paths, the failed ones at ``value``."""
        if self.failed is None:
            return self
        return Sample(np.where(self.failed, value, self.values), self.weights, None)

    def keep(self, mask: np.ndarray) -> Sample:
        """The paths of a mask [P], none of them failed."""
        return Sample(self.values[mask], None if self.weights is None else self.weights[mask], None)


def sample(values: np.ndarray, *, weights: np.ndarray | None = None, failed: np.ndarray | None = None) -> Sample:
    """A sample from raw arrays [P]. A value that is not finite makes its path a failed one."""
    numbers = as_float(values)
    lost = ~np.isfinite(numbers)
    if failed is not None:
        lost |= failed
    if weights is not None and np.all(weights == 1.0):
        weights = None
    return Sample(numbers, weights, lost if lost.any() else None)


def as_float(column: np.ndarray) -> np.ndarray:
    """A column of any numeric type, with None or masked entries, as float64 [P] with NaN for missing."""
    if isinstance(column, np.ma.MaskedArray):
        return np.ma.filled(column.astype(np.float64), np.nan)
    return np.asarray(column).astype(np.float64, copy=False)


def path_weights(columns: Mapping[str, np.ndarray]) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Weights [P] (None: all one) and failure flags [P] (None: none) from ``log_weight`` and ``status``.

    A log weight that gives no finite weight makes its path a failed one of weight one; -inf is the weight zero.
    """
    failed = np.asarray(columns["status"]) != 0 if "status" in columns else None
    weights = None
    if "log_weight" in columns:
        logs = as_float(columns["log_weight"])
        broken = ~(logs < np.log(np.finfo(np.float64).max))
        if broken.any():
            failed = broken if failed is None else failed | broken
        weights = np.exp(np.where(broken, 0.0, logs)) if np.any(logs) else None
    if failed is not None and not failed.any():
        failed = None
    return weights, failed
