"""One market's returns, as every fit by a filter sees them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Column:
    """Returns of a market and what the coordinates of a fit are measured in."""

    returns: np.ndarray  # [T]; NaN: not seen
    bar_years: float

    @property
    def scale(self) -> float:
        """Standard deviation of a bar's return without its tails; half the sample's where the price often stands."""
        return float(np.nanmedian(np.abs(self.returns)) / 0.6745 or 0.5 * np.nanstd(self.returns))

    @property
    def years(self) -> float:
        """Length of the sample seen."""
        return float(np.isfinite(self.returns).sum() * self.bar_years)

    @property
    def level(self) -> float:
        """Logarithm of the sample's variance a year."""
        return float(np.log(np.nanmean(self.returns**2) / self.bar_years))
