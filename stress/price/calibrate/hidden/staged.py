"""Maximum likelihood of a model with a hidden state on a grid: a climb on part of the sample, then on all of it.

The grid and the warm-up of the filter hang on the parameters; they stand still during a climb, or the
objective would jump.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

import numpy as np

from stress.price.calibrate.hidden.climb import Box, Values, climb

Grid = TypeVar("Grid")


@dataclass(frozen=True)
class Staged(Generic[Grid]):
    """What a climb needs to know of a market's model. Vectors are coordinates within ``box``."""

    box: Box
    grid_for: Callable[[np.ndarray], Grid]
    warm_up: Callable[[np.ndarray], int]  # bars
    values: Callable[[Grid, int, int], Values]  # on a grid, after a warm-up, of every so many pieces of the sample
    outgrown: Callable[[Grid, np.ndarray], bool]  # whether a vector needs another grid
    steps: int  # of a climb
    regrids: int  # at most

    def fitted(self, starts: Sequence[np.ndarray], warm: int, part: int) -> tuple[np.ndarray, Grid, int]:
        """The vector, its grid and warm-up; the best start is chosen after ``warm`` bars, on one in ``part`` pieces."""
        vector = max(starts, key=lambda at: self.values(self.grid_for(at), warm, part)(at).sum())
        vector, _, _ = self._climbed(vector, part)
        return self._climbed(vector, 1)

    def _climbed(self, vector: np.ndarray, every: int) -> tuple[np.ndarray, Grid, int]:
        """Climb; the grid is made anew whenever the vector has outgrown it."""
        for left in reversed(range(self.regrids)):
            grid, warm = self.grid_for(vector), self.warm_up(vector)
            outgrown = partial(self.outgrown, grid)
            vector = climb(self.values(grid, warm, every), vector, self.box, self.steps, outgrown)
            if not left or not outgrown(vector):
                return vector, grid, warm
        raise ValueError("regrids must be positive")
