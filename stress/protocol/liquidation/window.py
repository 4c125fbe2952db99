"""A capacity for liquidations in a trailing window, and one more chunk a block while the market is balanced.

Source: Synthetix v3 ``markets/perps-market/contracts/storage/PerpsMarket.sol`` and ``PerpsMarketConfiguration.sol``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp

from stress.protocol.keepers import DUST
from stress.protocol.margin.base import Values, namespace
from stress.types import Array


def capacity(maker_fee: Values, taker_fee: Values, skew_scale: Values, multiplier: Values, seconds: Values) -> Values:
    """Units [...] that may be liquidated in a window of ``seconds``."""
    return (maker_fee + taker_fee) * skew_scale * multiplier * seconds


def used(units: Values, age: Values, seconds: Values) -> Values:
    """Units [...] that were liquidated in the window, of ``units`` [..., M] that were ``age`` [..., M] seconds ago."""
    return namespace(units).where(age < seconds, units, 0.0).sum(-1)


def units_now(
    held: Values, limit: Values, gone: Values, skew: Values, skew_scale: Values, largest_premium: Values, acted: Values
) -> Values:
    """Units [...] of ``held`` [...] >= 0 that may be liquidated now, when ``gone`` [...] of the ``limit`` were.

    With nothing left of the limit, as much as a limit more is allowed where |skew| / scale is below the largest
    premium and nothing was liquidated in this block (``acted`` [...]). A limit of zero is none.
    """
    xp = namespace(held)
    left = xp.maximum(limit - gone, 0.0)
    balanced = (abs(skew) < largest_premium * skew_scale) & xp.logical_not(acted)
    allowed = xp.where(left > 0, left, xp.where(balanced, limit, 0.0))
    return xp.minimum(xp.where(limit > 0, allowed, xp.inf), held)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LiquidationWindow:
    """What may be liquidated of each market in a trailing window of ticks, without the chunk of balanced markets."""

    limit: Array  # [A] units, or USD at the oracle price
    ticks: int = field(metadata={"static": True})  # the window's, this one included
    in_usd: bool = field(metadata={"static": True})

    def open(self) -> Array:
        """Units [A, ticks] that were liquidated, at time zero."""
        return jnp.zeros((self.limit.shape[-1], self.ticks), jnp.float64)

    def next(self, units: Array) -> Array:
        """Units [A, ticks] at the start of the next tick."""
        return jnp.concatenate([units[:, 1:], jnp.zeros_like(units[:, :1])], axis=1)

    def left(self, units: Array, price: Array, wanted: Array) -> Array:
        """Units [A] of ``wanted`` [A] that may be liquidated now, at oracle prices [A]."""
        gone, limit = self._gone(units), self._limit(price)
        none = jnp.zeros_like(limit)
        return units_now(wanted, limit, gone, none, 1.0, 0.0, none > 0)

    def full(self, units: Array, price: Array) -> Array:
        """Markets [A] of which nothing, but for rounding, may be liquidated now, at oracle prices [A]."""
        limit = self._limit(price)
        return limit - self._gone(units) <= DUST * limit

    def _gone(self, units: Array) -> Array:
        """Units [A] that were liquidated in the window."""
        return used(units, jnp.arange(self.ticks)[::-1], self.ticks)

    def _limit(self, price: Array) -> Array:
        """Units [A] that may be."""
        return self.limit / price if self.in_usd else self.limit
