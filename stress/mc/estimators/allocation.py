"""Euler allocation of expected shortfall: what part of a loss is whose, where the loss is a sum.

With L = sum_i L_i, the part of i in the expected shortfall of L is E[L_i | L >= q], q the quantile (Tasche 1999, "Risk
contributions and performance measurement"; 2008, "Capital allocation to business units and sub-portfolios: the Euler
principle", section 3). The parts add up to the expected shortfall. The tail is exactly 1 - p of the paths: as in
``quantiles.expected_shortfall``, paths at the quantile count with the fraction that is left for them (Acerbi and
Tasche 2002), all alike.

Intervals come from resampling paths (Efron 1979), the quantile found anew each time. Few paths make the tail, so the
percentiles of resamples are too narrow, as they are for any mean of few skewed values. What is taken from them is the
standard error and the skewness; the bounds are those of a mean (``means``): Student's t with as many degrees of freedom
as tail paths contribute, less one, moved out on the side of the tail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from stress.mc.estimators.intervals import Interval
from stress.mc.estimators.means import CONTRIBUTING_PATHS_MIN, Moments
from stress.mc.estimators.quantiles import decimal

RESAMPLES = 2000
SEED = 20_251_130
TOGETHER = 2**22
"""Numbers of resampled paths that are held at once."""
REACH = 6.0
"""Standard errors of the number of paths drawn: how far below the quantile a resampled tail may go."""
METHOD = f"Euler allocation, {RESAMPLES:,} resamples of paths, t interval corrected for skewness"
Parts = Any
"""What each of G parts lost on K paths [K, G] in USD, an array or a sparse array."""


@dataclass(frozen=True)
class Tail:
    """The paths that are in a tail, or might be in a resampled one, largest loss first. Axis ``K``."""

    path: np.ndarray  # [K] index into all paths
    value: np.ndarray  # [K] loss, positive: paths without a loss have no parts
    weight: np.ndarray  # [K] likelihood ratio
    paths: int  # all paths, P
    mass: float  # weight of the paths in the tail, (1 - p) P

    def shares(self, counts: np.ndarray) -> np.ndarray:
        """Part [..., K] that each path has in the mean over the tail, if each is there ``counts`` [..., K] times."""
        drawn = counts * self.weight
        first = np.ones(len(self.value), bool)
        first[1:] = self.value[1:] != self.value[:-1]
        starts = np.flatnonzero(first)
        together = np.add.reduceat(drawn, starts, axis=-1) if len(starts) else drawn
        before = np.cumsum(together, axis=-1) - together
        inside = np.clip(self.mass - before, 0.0, together)
        part = np.divide(inside, together, out=np.zeros_like(inside), where=together > 0)
        sizes = np.diff(np.r_[starts, len(self.value)])
        return drawn * np.repeat(part, sizes, axis=-1) / self.mass


def tail_of(values: np.ndarray, p: float, weights: np.ndarray | None = None) -> Tail:
    """The tail beyond the p-quantile of losses [P] (NaN: no outcome), with what resamples may reach."""
    seen = np.flatnonzero(np.isfinite(values))
    order = seen[np.argsort(-values[seen], kind="stable")]
    order = order[values[order] > 0]
    weight = np.ones(len(order)) if weights is None else weights[order].astype(float)
    mass = float((1 - decimal(p)) * len(seen))
    squares = np.cumsum(np.square(weight))
    near = np.cumsum(weight) - REACH * np.sqrt(squares) <= mass
    keep = near if not len(order) else near | (values[order] >= values[order][near].min(initial=np.inf))
    order, weight = order[keep], weight[keep]
    return Tail(order, values[order], weight, len(seen), mass)


@dataclass(frozen=True)
class Allocation:
    """Parts of an expected shortfall. Axis ``G`` of parts, which need not add up (accounts, and groups of them)."""

    shortfall: float  # USD
    part: np.ndarray  # [G] USD
    share: np.ndarray  # [G] of the expected shortfall
    _drawn: np.ndarray  # [R, G] USD of resamples
    _shortfalls: np.ndarray  # [R] USD
    _contributing: np.ndarray  # [G] paths in the tail on which the part is not zero
    _paths: int

    def interval(self, g: int, confidence: float) -> Interval:
        """Of part ``g`` in USD."""
        return self._interval(float(self.part[g]), self._drawn[:, g], g, confidence)

    def share_interval(self, g: int, confidence: float) -> Interval:
        """Of its share."""
        some = self._shortfalls > 0
        return self._interval(float(self.share[g]), self._drawn[some, g] / self._shortfalls[some], g, confidence)

    def _interval(self, estimate: float, drawn: np.ndarray, g: int, confidence: float) -> Interval:
        moments = Moments(estimate, *_spread(drawn), float(self._contributing[g]))
        low, high = moments.bound(-1, confidence), moments.bound(+1, confidence)
        reason = None
        if moments.contributing < CONTRIBUTING_PATHS_MIN:
            reason = f"{self._contributing[g]} paths of the tail contribute, so how much one does is not known"
        return Interval(estimate, low, high, METHOD, self._paths, reason)


def _spread(drawn: np.ndarray) -> tuple[float, float]:
    """Standard deviation and skewness of resamples [R]."""
    spread = float(drawn.std()) if len(drawn) else 0.0
    if spread == 0.0:
        return 0.0, 0.0
    return spread, float(np.mean(((drawn - drawn.mean()) / spread) ** 3))


def allocate(tail: Tail, parts: Parts) -> Allocation:
    """Parts [G] of the expected shortfall of ``tail``, of losses [K, G] on its paths."""
    shares = tail.shares(np.ones(len(tail.value)))
    drawn, shortfalls = _resampled(tail, parts)
    part, shortfall = np.asarray(shares @ parts), float(shares @ tail.value)
    return Allocation(
        shortfall=shortfall,
        part=part,
        share=part / shortfall if shortfall > 0 else np.zeros_like(part),
        _drawn=drawn,
        _shortfalls=shortfalls,
        _contributing=_nonzero(parts, shares > 0),
        _paths=tail.paths,
    )


def _nonzero(parts: Parts, inside: np.ndarray) -> np.ndarray:
    """On how many of the paths ``inside`` [K] parts [G] are not zero."""
    return np.asarray((parts[inside] != 0).sum(0)).ravel()


def _resampled(tail: Tail, parts: Parts) -> tuple[np.ndarray, np.ndarray]:
    """Parts [R, G] and expected shortfalls [R] when all paths are resampled with replacement (fixed seed)."""
    k, random = len(tail.value), np.random.default_rng(SEED)
    if not k:
        return np.zeros((RESAMPLES, parts.shape[1])), np.zeros(RESAMPLES)
    some = random.binomial(tail.paths, k / tail.paths, size=RESAMPLES)
    found = []
    for drawn in np.array_split(some, -(-RESAMPLES * k // TOGETHER)):
        shares = tail.shares(random.multinomial(drawn, np.full(k, 1.0 / k)).astype(float))
        found.append((np.asarray(shares @ parts), shares @ tail.value))
    return np.concatenate([part for part, _ in found]), np.concatenate([total for _, total in found])
