"""What a filter expected of every bar before it was seen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class OneAhead(NamedTuple):
    """Every bar as seen from the bar before. Axes: ``T`` bars, ``A`` markets; NaN where not seen."""

    log_density: np.ndarray  # [T, A]
    below: np.ndarray  # [T, A] probability of a lower return (PIT)
    deviation: np.ndarray  # [T, A] standard deviation of the return


def markets_ahead(each: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]], returns: np.ndarray) -> OneAhead:
    """Of markets [A] with returns [T, A], each its density, probability of a lower return and deviation [T]."""
    density, below, deviation = (np.stack(x, axis=1) for x in zip(*each, strict=True))
    found = (np.log(np.maximum(density, 1e-300)), below, deviation)
    return OneAhead(*(np.where(np.isfinite(returns), x, np.nan) for x in found))
