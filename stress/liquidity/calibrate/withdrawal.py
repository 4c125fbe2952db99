"""What a mean over hours can say about makers who leave for minutes.

``liquidity.withdrawal`` w divides depth by 1 + w |X| while the venue's own liquidations displace the mark by X. The
displacement decays, so over a window of length T that begins with X0 the mean depth is down by the share

    1/T int_0^T w X0 e^(-a t) / (1 + w X0 e^(-a t)) dt = log((1 + w X0) / (1 + w X0 e^(-a T))) / (a T).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.optimize import brentq

SEEN = 2.0
"""Standard deviations by which a window has to be off to count as seen."""
LARGEST = 1e9


@dataclass(frozen=True)
class Visible:
    """What one displacement leaves in the mean of its window."""

    displacement: float
    drop: float  # share of mean depth that is missing
    scatter: float  # standard deviation of log depth of a window, for other reasons
    events: float  # such events it takes to see the drop at ``SEEN`` standard errors
    smallest: float  # withdrawal whose drop one event shows; infinite where none does


def visible(
    displacement: float, withdrawal: float, half_life_seconds: float | None, window_seconds: float, scatter: float
) -> Visible:
    """What a displacement that halves every ``half_life_seconds`` (None: stays) leaves in its window."""
    drop = mean_drop(displacement, withdrawal, half_life_seconds, window_seconds)
    signal = -math.log1p(-drop) if drop < 1 else math.inf
    events = (SEEN * scatter / signal) ** 2 if signal > 0 else math.inf
    wanted = -math.expm1(-SEEN * scatter)

    def excess(log_withdrawal: float) -> float:
        return mean_drop(displacement, math.exp(log_withdrawal), half_life_seconds, window_seconds) - wanted

    smallest, most = math.inf, math.log(LARGEST)
    if excess(most) > 0:
        smallest = math.exp(brentq(excess, -20.0, most))  # type: ignore[arg-type]
    return Visible(displacement, drop, scatter, events, smallest)


def mean_drop(displacement: float, withdrawal: float, half_life_seconds: float | None, window_seconds: float) -> float:
    """Share of its mean depth that a window loses to one displacement at its beginning."""
    first = withdrawal * displacement
    if half_life_seconds is None:
        return first / (1.0 + first)
    decay = math.log(2.0) / half_life_seconds * window_seconds
    return math.log((1.0 + first) / (1.0 + first * math.exp(-decay))) / decay
