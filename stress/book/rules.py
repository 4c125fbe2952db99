"""What a venue asks of those who are in a book at time zero, as far as it shapes a synthetic one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stress.book.inverse import gains
from stress.book.margin import requirement
from stress.protocol.margin.base import MarginCurve
from stress.protocol.margin.weights import held_back


@dataclass(frozen=True)
class MarginRules:
    """One venue's. Axis ``A`` markets."""

    initial: MarginCurve
    maintenance: MarginCurve
    inverse: bool = False
    gain_weight: np.ndarray | None = None  # [A] share of unrealised gains that counts as margin; None: all of them


@dataclass(frozen=True)
class Demand:
    """The most that any of several venues asks of accounts with given positions. Axis ``N`` margin accounts; in USD."""

    need: np.ndarray  # [N] requirement, initial or maintenance
    gained: np.ndarray  # [N] the least that the positions gained by time zero
    lost: np.ndarray  # [N] the most that they lost, gains counted at their weight; -inf where all gains count

    def cash(self, equity: np.ndarray, headroom: float) -> np.ndarray:
        """Cash [N] that gives at least this ``equity`` [N], ``headroom`` requirements of margin, and is one of them."""
        return np.maximum.reduce([equity - self.gained, self.need, headroom * self.need + self.lost])


def demand(venues: Sequence[MarginRules], size: np.ndarray, entry: np.ndarray, prices: np.ndarray) -> Demand:
    """What ``venues`` ask of positions [N, A] in base units, opened at ``entry`` [N, A], at prices [A] of time zero."""
    curves = [curve for venue in venues for curve in (venue.initial, venue.maintenance)]
    gained = [gains(size, entry, prices, venue.inverse) for venue in venues]
    lost = [held_back(gain, venue.gain_weight).sum(1) - gain.sum(1)
            for gain, venue in zip(gained, venues, strict=True) if venue.gain_weight is not None]
    return Demand(
        need=np.maximum.reduce([requirement(curve, size, prices).sum(1) for curve in curves]),
        gained=np.minimum.reduce([gain.sum(1) for gain in gained]),
        lost=np.maximum.reduce(lost) if lost else np.full(len(size), -np.inf))
