"""A series cut into pieces that a filter walks side by side, each warmed up on the bars before it.

A filter forgets where it began, so the pieces of one long series can be filtered at once: a step of the loop then
handles a piece each. What a warm-up of finite length leaves is checked by the tests.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np

Problem = TypeVar("Problem")
Found = TypeVar("Found")

SHORTEST = 1500
"""Bars a piece is worth at least."""


class Lanes(NamedTuple):
    """Pieces of a series. Axes: ``S`` bars a piece, warm-up first; ``C`` pieces."""

    returns: np.ndarray  # [S, C]; NaN where not seen, and before and after the series
    warm: int  # first bars of each piece, which only prepare
    bars: int  # T

    def thinned(self, every: int) -> Lanes:
        """One in ``every`` pieces, if there are that many; they no longer make a series."""
        kept = self.returns[:, (every - 1) // 2 :: every] if self.returns.shape[1] >= every else self.returns
        return Lanes(kept, self.warm, min(self.bars, (len(kept) - self.warm) * kept.shape[1]))


def lanes(returns: np.ndarray, warm: int, most: int = 24) -> Lanes:
    """Cut returns [T] into at most ``most`` pieces; the first warms up on unseen bars, so it begins stationary."""
    bars = len(returns)
    count = int(np.clip(bars // max(SHORTEST, warm), 1, most))
    length = -(-bars // count)
    padded = np.concatenate([np.full(warm, np.nan), returns, np.full(length * count - bars, np.nan)])
    pieces = [padded[c * length : c * length + warm + length] for c in range(count)]
    return Lanes(np.stack(pieces, axis=1), warm, bars)


def joined(values: np.ndarray, cut: Lanes) -> np.ndarray:
    """What a filter gave by bar and piece [S, C, ...], as a series [T, ...]."""
    kept = np.moveaxis(np.asarray(values)[cut.warm :], 1, 0)
    return kept.reshape(-1, *kept.shape[2:])[: cut.bars]


def side_by_side(fit: Callable[[Problem], Found], problems: Iterable[Problem]) -> list[Found]:
    """Fit markets at the same time: a filter is one loop, which keeps one core busy."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(fit, problems))
