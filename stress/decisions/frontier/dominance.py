"""Which settings are efficient: no other one offers as much leverage and is safer in both respects.

Setting b *dominates* a if it offers at least the leverage of a, and both a's probability of depletion and a's insolvent
notional are higher with confidence. It *certainly does not* if it offers less, or if one of the two is lower for a with
confidence. Between the two the paths cannot tell. Every pair is judged by its own paired differences. There are two
intervals a pair, and each has the confidence 1 - (1 - c)/(2 pairs), so that all of them hold together with confidence c
at least (Bonferroni): no setting is called dominated, or efficient, for having been compared often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stress.mc.estimators.intervals import Interval
from stress.mc.estimators.metrics import Paths
from stress.mc.estimators.paired import difference_of_means, difference_of_probabilities, mean_terms

EFFICIENT, DOMINATED, OPEN = "efficient", "dominated", "cannot be told apart"


@dataclass(frozen=True)
class Point:
    """A setting as it is judged."""

    leverage: float  # offered
    paths: Paths
    event: str  # column that is above zero where the fund or the backstop is depleted
    notional: str  # column of insolvent notional, USD


@dataclass(frozen=True)
class Verdict:
    """On one setting, with the numbers of those that dominate it, or may."""

    status: str
    by: tuple[int, ...]


def judge(points: Sequence[Point], confidence: float) -> list[Verdict]:
    """A verdict on each of the points, all of them right together with ``confidence``."""
    level = joint_confidence(len(points), confidence)
    signs = {(a, b): _signs(points[a], points[b], level) for b in range(len(points)) for a in range(b)}
    verdicts = []
    for a, point in enumerate(points):
        rivals = [b for b, other in enumerate(points) if b != a and other.leverage >= point.leverage]
        gains = {b: signs[a, b] if a < b else tuple(-s for s in signs[b, a]) for b in rivals}  # b less a
        better = tuple(b for b, gain in gains.items() if all(s < 0 for s in gain))
        maybe = tuple(b for b, gain in gains.items() if not any(s > 0 for s in gain))
        status = DOMINATED if better else OPEN if maybe else EFFICIENT
        verdicts.append(Verdict(status, better or maybe))
    return verdicts


def joint_confidence(points: int, confidence: float) -> float:
    """Of each of the two intervals of each pair, so that all hold together with ``confidence``."""
    intervals = max(points * (points - 1), 1)
    return 1.0 - (1.0 - confidence) / intervals


def differences(first: Point, second: Point, confidence: float) -> tuple[Interval, Interval]:
    """Second less first on the same paths: probability of depletion, mean insolvent notional."""
    a, b = first.paths, second.paths
    return (
        difference_of_probabilities(a.known(first.event), b.known(second.event), confidence).interval,
        difference_of_means(mean_terms(a.known(first.notional)), mean_terms(b.known(second.notional)),
                            confidence).interval,
    )


def _signs(first: Point, second: Point, confidence: float) -> tuple[int, ...]:
    """Of both differences: 1 and -1 with confidence, else 0."""
    return tuple(1 if d.low is not None and d.low > 0 else -1 if d.high is not None and d.high < 0 else 0
                 for d in differences(first, second, confidence))
