"""Periodic funding: longs pay shorts (or the reverse) a rate on the mark, so it sums to zero."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.protocol.premium import PremiumProcess
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Funding:
    """Clamped premium plus interest (Binance's and Hyperliquid's form)."""

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
        rate = premium + jnp.clip(self.interest - premium, -self.clamp, self.clamp)
        return jnp.clip(rate, -self.cap, self.cap)
