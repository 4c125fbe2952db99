"""From the oracle's section to what the risk check sees."""

from __future__ import annotations

import math

from stress.build.leaves import real as _f
from stress.build.leaves import whole as _i
from stress.config.oracle import ConfidenceConfig, MarkConfig, OracleConfig
from stress.protocol.guard import Confidence, Guard
from stress.protocol.mark_price import Banded, MarkPrice, Smoothed, Stable
from stress.protocol.oracle import Oracle
from stress.protocol.stable_price import StablePrice


def build_oracle(oracle: OracleConfig, step_seconds: float) -> Oracle:
    """The oracle, and the mark price that is made from what it publishes."""
    heartbeat = max(1, round(oracle.update_interval_seconds / step_seconds))
    return Oracle(
        impact_share=_f(oracle.impact_share),
        heartbeat=_i(heartbeat),
        threshold=_f(oracle.deviation_threshold or math.inf),
        lag=round(oracle.lag_seconds / step_seconds),
        instant=oracle.lag_seconds == 0 and oracle.update_interval_seconds == 0,
        guard=build_guard(oracle, step_seconds),
        mark=None if oracle.mark is None else build_mark(oracle.mark, step_seconds),
    )


def build_guard(oracle: OracleConfig, step_seconds: float) -> Guard | None:
    """When accounts are not liquidated for the oracle's sake; None for never."""
    stale, limit, half_life = oracle.stale_after_seconds, oracle.divergence_limit, oracle.divergence_half_life_seconds
    if stale is None and limit is None and oracle.confidence is None:
        return None
    return Guard(
        stale_after=_f(math.inf if stale is None else stale / step_seconds + 1e-9),
        divergence=_f(math.inf if limit is None else limit),
        kept=_f(0.0 if half_life is None else 2.0 ** (-step_seconds / half_life)),
        confidence=None if oracle.confidence is None else build_confidence(oracle.confidence, step_seconds),
    )


def build_confidence(confidence: ConfidenceConfig, step_seconds: float) -> Confidence:
    """The confidence interval; volatility is that of a half-life, of so many ticks."""
    ticks = confidence.half_life_seconds / step_seconds
    return Confidence(
        limit=_f(confidence.limit),
        multiple=_f(confidence.multiple * math.sqrt(ticks)),
        floor=_f(confidence.floor),
        kept=_f(2.0 ** (-1.0 / ticks)),
    )


def build_mark(mark: MarkConfig, step_seconds: float) -> MarkPrice:
    """The mark price."""
    if mark.stable is not None:
        limits = mark.stable
        rule = StablePrice(
            growth=_f(limits.growth_per_second),
            delayed_growth=_f(limits.delayed_growth),
            interval=_f(limits.interval_seconds),
            longest=_f(limits.interval_seconds),
        )
        return Stable(rule, seconds=_f(step_seconds), intervals=limits.intervals)
    band = _f(math.inf if mark.band is None else mark.band)
    if mark.half_life_seconds is None:
        return Banded(band)
    kept = _f(2.0 ** (-step_seconds / mark.half_life_seconds))
    return Smoothed(kept=kept, band=band, median=mark.kind == "median")
