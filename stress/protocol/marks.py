"""Prices that a risk check may use beside the oracle's: a median of candidates, in a band about the oracle."""

from __future__ import annotations

from collections.abc import Sequence

from stress.protocol.margin.base import Values, namespace


def median_mark(candidates: Sequence[Values]) -> Values:
    """USD per unit [...], the middle one of the candidates [...]; the mean of the two middle ones of an even number."""
    xp = namespace(candidates[0])
    return xp.median(xp.stack(xp.broadcast_arrays(*candidates)), axis=0)


def within_band(price: Values, oracle: Values, band: Values) -> Values:
    """``price`` [...], no further from ``oracle`` [...] than ``band``, as a share of it; infinite for no band."""
    xp = namespace(price)
    return xp.minimum(xp.maximum(price, oracle - band * oracle), oracle + band * oracle)


def funding_basis(oracle: Values, last_rate: Values, last_oracle: Values, offset: float, periods_a_day: float,
                  elapsed: Values) -> Values:
    """USD per unit [...] by which the last funding payment says that the market is above ``oracle`` [...].

    ``last_rate`` [...] is that payment in USD per unit at ``last_oracle`` [...], which is 0 before the first;
    ``offset`` the daily rate that is paid where there is no premium; the basis fades to nothing as the share
    ``elapsed`` [...] of the period passes, and stays there. Drift v2, ``programs/drift/src/state/perp_market.rs``:
    offset 1/5000, 24 periods.
    """
    xp, known = namespace(oracle), last_oracle > 0
    rate = periods_a_day * last_rate / xp.where(known, last_oracle, 1.0) - offset
    return xp.where(known, oracle * rate * xp.clip(1.0 - elapsed, 0.0, 1.0), 0.0)
