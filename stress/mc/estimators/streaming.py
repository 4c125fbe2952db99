"""Counts that merge, for the live progress line and for stopping at any time without a price."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from stress.mc.estimators.binomial import clopper_pearson

PRIOR = 0.5
"""Both parameters of the mixture's beta law: Jeffreys', which is sharp near zero, where depletion lives."""


@dataclass(frozen=True)
class Tally:
    """How many paths were run, were depleted, and failed (unit weights)."""

    paths: int
    depleted: int  # among the paths that did not fail
    failed: int

    @staticmethod
    def of(depleted: np.ndarray, status: np.ndarray) -> Tally:
        """The tally of one chunk's columns [P]: depleted (bool) and status (0 = ok)."""
        ok = np.asarray(status) == 0
        events = int(np.count_nonzero((np.asarray(depleted) > 0) & ok))
        return Tally(len(ok), events, len(ok) - int(np.count_nonzero(ok)))

    def merge(self, other: Tally) -> Tally:
        """Both together: associative and commutative."""
        return Tally(self.paths + other.paths, self.depleted + other.depleted, self.failed + other.failed)

    def interval(self, confidence: float) -> tuple[float, float]:
        """Clopper-Pearson bounds of the depletion probability, for one look at a path count planned beforehand."""
        low = clopper_pearson(self.depleted, self.paths, confidence)[0]
        high = clopper_pearson(self.depleted + self.failed, self.paths, confidence)[1]
        return float(low), float(high)

    def anytime_interval(self, confidence: float) -> tuple[float, float]:
        """Bounds that hold at all path counts at once: a rule that stops on them keeps its error rate."""
        low = confidence_sequence(self.depleted, self.paths, confidence)[0]
        high = confidence_sequence(self.depleted + self.failed, self.paths, confidence)[1]
        return low, high


EMPTY = Tally(0, 0, 0)
"""The tally of no path."""


def log_evidence(events: np.ndarray | int, n: np.ndarray | int, p: np.ndarray | float) -> np.ndarray:
    """Log of the beta mixture's likelihood over that of ``p``, after ``events`` in ``n``: a martingale if p is true.

    Robbins (1970): P(it ever reaches log 1/alpha) <= alpha, whatever the number of looks (Ville's inequality).
    """
    from scipy.special import betaln, xlog1py, xlogy

    k, n = np.asarray(events, np.float64), np.asarray(n, np.float64)
    mixture = betaln(k + PRIOR, n - k + PRIOR) - betaln(PRIOR, PRIOR)
    return mixture - xlogy(k, p) - xlog1py(n - k, -np.asarray(p, np.float64))


def confidence_sequence(events: int, n: int, confidence: float) -> tuple[float, float]:
    """Bounds of a probability after ``events`` in ``n``, valid at all n simultaneously with ``confidence``.

    The values of p whose evidence has not reached 1/alpha: an interval around events/n, wider than a fixed-n one.
    """
    if n == 0:
        return 0.0, 1.0
    share = events / n
    limit = -math.log1p(-confidence)
    low = _crossing(events, n, limit, share, 0.0) if events > 0 else 0.0
    high = _crossing(events, n, limit, share, 1.0) if events < n else 1.0
    return low, high


def _crossing(events: int, n: int, limit: float, inside: float, outside: float) -> float:
    """Where the evidence against p reaches ``limit`` between a p that is in and one that is out, by bisection."""
    for _ in range(200):
        middle = (inside + outside) / 2
        if middle in (inside, outside):
            break
        if log_evidence(events, n, middle) < limit:
            inside = middle
        else:
            outside = middle
    return outside
