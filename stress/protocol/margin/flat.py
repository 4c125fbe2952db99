"""Flat rates: a requirement in proportion to the notional, rounded as dYdX does.

Source: dYdX v4 ``x/perpetuals/types/liquidity_tier.go``, which counts rates in millionths and USD in millionths.
"""

from __future__ import annotations

from stress.protocol.margin.base import Values
from stress.protocol.rounding import round_down, round_up


def flat_requirement(notional: Values, rate: Values, unit: float = 0.0) -> Values:
    """USD [...] to hold for a ``notional`` [...] in USD, rounded up to ``unit``; 0 for no rounding.

    dYdX's maintenance margin is the maintenance fraction, as ``rate``, of the initial margin so rounded.
    """
    return round_up(notional * rate, unit)


def maintenance_rate(initial: Values, fraction: Values, unit: float = 0.0) -> Values:
    """Maintenance rate [...] as a ``fraction`` [...] of the ``initial`` one [...], rounded down to ``unit``."""
    return round_down(initial * fraction, unit)
