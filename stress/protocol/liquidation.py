"""How much of a liquidatable account is closed: the same share of each of its positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import jax
import jax.numpy as jnp

from stress.protocol.margin import MarginTable
from stress.types import Array


class LiquidationRule(Protocol):
    """The contract: the share to close of every account, before keepers limit it."""

    whole: ClassVar[bool]  # whether the share is always one

    def share(self, equity: Array, notional: Array, table: MarginTable) -> Array:
        """Share [N] in (0, 1], from equity [N] and notional [A, N] at the oracle price, in USD."""
        ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Full:
    """Close everything."""

    whole: ClassVar[bool] = True

    def share(self, equity: Array, notional: Array, table: MarginTable) -> Array:
        """One."""
        return jnp.ones_like(equity)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CloseFactor:
    """Close a fixed share, and small accounts whole."""

    whole: ClassVar[bool] = False

    factor: Array  # []
    whole_below: Array  # [] USD of account notional

    def share(self, equity: Array, notional: Array, table: MarginTable) -> Array:
        """The factor, or one."""
        return jnp.where(notional.sum(0) < self.whole_below, 1.0, self.factor)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class RestoreTarget:
    """Close the smallest share after which equity, fee paid, is a multiple of the maintenance requirement."""

    whole: ClassVar[bool] = False

    multiple: Array  # []
    whole_below: Array  # [] USD of account notional
    fee: Array  # [] liquidation fee rate

    def share(self, equity: Array, notional: Array, table: MarginTable) -> Array:
        """Root of f(x) = equity - fee x N - multiple MM((1 - x) positions), or one where there is none.

        f is concave and piecewise linear (marginal tiers), so Newton's method from x = 0 climbs to the root from
        below and needs at most one step for every tier bound that is crossed.
        """
        total = notional.sum(0)
        markets, tiers = table.rate.shape

        def newton(_: int, x: Array) -> Array:
            left = (1.0 - x) * notional
            gap = equity - self.fee * x * total - self.multiple * table.requirement(left).sum(0)
            slope = self.multiple * (table.marginal(left) * notional).sum(0) - self.fee * total
            step = jnp.where(slope > 0, -gap / jnp.where(slope > 0, slope, 1.0), 1.0)
            return jnp.clip(jnp.where(gap < 0, x + step, x), 0.0, 1.0)

        x = jax.lax.fori_loop(0, markets * (tiers - 1) + 2, newton, jnp.zeros_like(equity))
        return jnp.where(total < self.whole_below, 1.0, x)
