"""Clamped premium plus interest, paid at intervals: Binance's, Hyperliquid's and dYdX's form.

    F = P + clip(i - P, -clamp, clamp)

of which every payment is a share (Hyperliquid pays an eighth of F every hour), held by a cap.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax

from stress.protocol.funding.base import PremiumRule
from stress.protocol.funding.index import toward_zero
from stress.protocol.margin.base import namespace
from stress.types import Array


def clamped_rate(premium: Array, interest: Array, clamp: Array, cap: Array, share: Array | float = 1.0) -> Array:
    """Rate [...] of one payment, which is a ``share`` of F and at most ``cap`` in size; at rate > 0 longs pay."""
    xp = namespace(premium)
    rate = premium + xp.clip(interest - premium, -clamp, clamp)
    return xp.clip(rate * share, -cap, cap)


def margin_cap(factor: Array, initial: Array, maintenance: Array, step: float = 0.0) -> Array:
    """Largest rate [...] by margin rates [...], dYdX v4's: factor x (initial - maintenance).

    ``step`` is the smallest amount, to which the venue rounds toward zero; 0 for none.
    """
    return toward_zero(factor * (initial - maintenance), step)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Clamped(PremiumRule):
    """F of the venue's premium, or a share of it at every payment."""

    interest: Array  # [A]
    clamp: Array  # [] largest |interest - premium| added to the premium
    cap: Array  # [] largest |rate| of a payment
    share: Array  # [] of F that a payment is

    def rate(self, premium: Array) -> Array:
        """Rate [A] of a payment."""
        return clamped_rate(premium, self.interest, self.clamp, self.cap, self.share)
