"""Clamped premium plus interest, paid at intervals: Binance's, Hyperliquid's and dYdX's form.

    F = P + clip(i - P, -clamp, clamp)

of which every payment is a share (Hyperliquid pays an eighth of F every hour), held by a cap.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.protocol.premium import PremiumProcess
from stress.types import Array


def clamped_rate(premium: Array, interest: Array, clamp: Array, cap: Array, share: Array | float = 1.0) -> Array:
    """Rate [...] of one payment, which is a ``share`` of F and at most ``cap`` in size; at rate > 0 longs pay."""
    rate = premium + jnp.clip(interest - premium, -clamp, clamp)
    return jnp.clip(rate * share, -cap, cap)


def margin_cap(factor: Array, initial: Array, maintenance: Array) -> Array:
    """Largest rate [...] by margin rates [...], dYdX v4's: factor x (initial - maintenance)."""
    return factor * (initial - maintenance)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Funding:
    """Periodic funding: longs pay shorts (or the reverse) a rate on the mark, so it sums to zero."""

    interval: Array  # [] int32 ticks between payments, NEVER for none
    interest: Array  # [A] a payment
    clamp: Array  # [] largest |interest - premium| added to the premium
    cap: Array  # [] largest |rate|
    premium: Array  # [A] exogenous premium, of a process its mean
    process: PremiumProcess | None  # None: the premium is constant

    def due(self, tick: Array) -> Array:
        """Whether this tick pays."""
        return tick % self.interval == 0

    def rate(self, displacement: Array, premium: Array | None = None) -> Array:
        """Rate [A] of this payment; at rate > 0 longs pay.

        ``displacement`` [A] is mark / fundamental - 1, ``premium`` [A] the exogenous one where there is a process.
        """
        premium = displacement + (self.premium if premium is None else premium)
        return clamped_rate(premium, self.interest, self.clamp, self.cap)
