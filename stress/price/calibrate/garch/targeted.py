"""arch's GARCH, and a variant whose long-run variance is given. Importing this needs the arch package."""

from __future__ import annotations

from typing import Any

import numpy as np
from arch.univariate import GARCH


class TargetedGarch(GARCH):
    """GJR-GARCH of a series of unit variance: omega = 1 - persistence is no parameter (variance targeting)."""

    def __init__(self, asymmetric: bool) -> None:
        super().__init__(1, int(asymmetric), 1)
        self._num_params -= 1

    def bounds(self, resids: np.ndarray) -> list[tuple[float, float]]:
        """Without omega."""
        return super().bounds(resids)[1:]

    def constraints(self) -> tuple[np.ndarray, np.ndarray]:
        """Without omega."""
        left, right = super().constraints()
        return left[1:, 1:], right[1:]

    def parameter_names(self) -> list[str]:
        """Without omega."""
        return super().parameter_names()[1:]

    def starting_values(self, resids: np.ndarray) -> np.ndarray:
        """Where the search begins."""
        del resids
        return np.array([0.08, *([0.02] if self.o else []), 0.88])

    def compute_variance(self, parameters: np.ndarray, *arguments: Any) -> np.ndarray:
        """The recursion with the omega that the others imply."""
        weight = np.array([1.0, *([0.5] if self.o else []), 1.0])
        return super().compute_variance(np.append(1 - weight @ parameters, parameters), *arguments)


def garch(asymmetric: bool, targeted: bool) -> GARCH:
    """The volatility process."""
    return TargetedGarch(asymmetric) if targeted else GARCH(1, int(asymmetric), 1)
