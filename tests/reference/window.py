"""What may be liquidated of a market in a trailing window."""

from __future__ import annotations

import numpy as np

from stress.config.markets import per_market
from tests.reference.state import Tick, Venue


def most(venue: Venue, oracle: np.ndarray, step_seconds: float) -> np.ndarray:
    """Units [A] of a window. It lasts whole ticks; in a longer or shorter time fits more or less."""
    window, markets = venue.rules.window, list(venue.rules.markets)
    assert window is not None
    ticks = max(1, round(window.seconds / step_seconds))
    if window.usd is not None:
        limit = np.array(per_market(window.usd, markets, "usd")) / oracle
    else:
        assert window.skew_scale is not None and window.skew_scale_share is not None
        limit = np.array(per_market(window.skew_scale, markets, "skew_scale"))
        limit = limit * np.array(per_market(window.skew_scale_share, markets, "skew_scale_share"))
    return limit * (ticks * step_seconds / window.seconds)


def left(venue: Venue, oracle: np.ndarray, tick: Tick, step_seconds: float) -> np.ndarray:
    """Units [A] that may still be liquidated."""
    window = venue.rules.window
    assert window is not None
    limit, ticks = most(venue, oracle, step_seconds), max(1, round(window.seconds / step_seconds))
    gone = [units for number, units in venue.liquidated if number > tick.number - ticks]
    return np.maximum(limit - sum(gone, np.zeros(len(limit))), 0.0)


def filled(venue: Venue, oracle: np.ndarray, tick: Tick, step_seconds: float) -> np.ndarray | None:
    """Markets [A] whose window is full; a billionth of it is rounding. None without one."""
    if venue.rules.window is None:
        return None
    return left(venue, oracle, tick, step_seconds) <= 1e-9 * most(venue, oracle, step_seconds)


def within(
        venue: Venue, oracle: np.ndarray, tick: Tick, shares: dict[int, np.ndarray], step_seconds: float
) -> dict[int, np.ndarray]:
    """Shares [A] that fit, of accounts that come riskiest first; a billionth of an account is rounding."""
    if venue.rules.window is None:
        return shares
    room, fitting = left(venue, oracle, tick, step_seconds), {}
    for n, share in shares.items():
        wanted, part = share * np.abs(venue.size[n]), np.zeros(len(share))
        for a in np.flatnonzero(wanted):
            fits = min(max(room[a] / wanted[a], 0.0), 1.0)
            part[a] = 0.0 if fits < 1e-9 else 1.0 if fits > 1 - 1e-9 else fits
        room = room - wanted
        if (share * part).any():
            fitting[n] = share * part
    return fitting
