"""The largest position first, by three measures.

No venue whose presets are here publishes such an order; brokers' stop-outs take the largest loss first, liquidators
who are paid by notional the largest position.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp

from stress.protocol.liquidation.order.base import OrderCase
from stress.protocol.margin.health import unrealised_pnl
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LargestNotional:
    """By notional at the price of the risk check."""

    name: str = field(default="largest_notional", metadata={"static": True})

    def priority(self, case: OrderCase) -> Array:
        """USD [A, N]."""
        return case.notional


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LargestMaintenance:
    """By maintenance requirement."""

    name: str = field(default="largest_maintenance", metadata={"static": True})

    def priority(self, case: OrderCase) -> Array:
        """USD [A, N]."""
        return case.margin


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LargestLoss:
    """By unrealised loss since entry, at the price of the risk check; then the least profit."""

    name: str = field(default="largest_loss", metadata={"static": True})

    def priority(self, case: OrderCase) -> Array:
        """USD [A, N]."""
        assert case.entered is not None  # as accounts are built for this order
        return -unrealised_pnl(case.size, case.price[:, None], jnp.asarray(case.entered.entry))
