"""From funding rates back to premiums, as far as the venue's formula lets them through.

A venue of Binance's kind pays F = P + clamp(I - P, -c, c). Where |I - P| <= c it pays the interest I whatever the
premium P is: P is then only known to lie between I - c and I + c. Elsewhere P = F + c or F - c exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

EQUAL = 1e-8
"""Rates that differ by less are the same; a file in single precision keeps about 1e-11 of them."""
USUAL = 0.05
"""Least share of payments at one rate that makes this the interest of the market."""
SPACING_TOLERANCE = 0.01
"""Share of the interval by which the time between payments may be off."""


@dataclass(frozen=True)
class Payments:
    """The premiums behind a market's payments, in time order. Axis ``n`` payments."""

    market: str
    seconds: np.ndarray  # [n] since 1970
    premium: np.ndarray  # [n], NaN where the clamp hides it
    first: np.ndarray  # [n] bool: does not follow the one before after one interval
    interval: float  # seconds between payments
    interest: float  # I, a payment
    clamp: float  # c, a payment
    capped: int  # payments at the cap, whose premium is at least as far out as it is taken to be
    dropped: dict[str, int]  # rows that were left out, by reason

    @property
    def inside(self) -> np.ndarray:
        """Payments [n] whose premium the clamp hides."""
        return np.isnan(self.premium)


def usual_rate(rate: np.ndarray, otherwise: float) -> float:
    """The interest: the rate that is paid most often, if often enough; else ``otherwise``."""
    values, counts = np.unique(np.round(rate / EQUAL) * EQUAL, return_counts=True)
    top = int(np.argmax(counts))
    return float(f"{values[top]:.6g}") if counts[top] >= USUAL * len(rate) else otherwise


def payments(market: str, seconds: np.ndarray, rate: np.ndarray, interest: float, clamp: float, cap: float) -> Payments:
    """The premiums behind rates [n], in time order.

    A market's interval is the usual one; payments that come sooner after the one before are left out, since a venue
    that pays more often pays by another formula.
    """
    interval = float(np.median(np.diff(seconds)))
    gap = np.diff(seconds, prepend=-np.inf)
    early = gap < interval * (1.0 - SPACING_TOLERANCE)
    seconds, rate = seconds[~early], rate[~early]
    first = np.abs(np.diff(seconds, prepend=-np.inf) - interval) > SPACING_TOLERANCE * interval
    beyond = np.where(rate > interest, clamp, -clamp)
    premium = np.where(np.abs(rate - interest) <= EQUAL, np.nan, rate + beyond)
    capped = int((np.abs(rate) >= cap - EQUAL).sum())
    dropped = {"sooner than the interval": int(early.sum())} if early.any() else {}
    return Payments(market, seconds, premium, first, interval, interest, clamp, capped, dropped)
