"""A liquidator's fee that grows while nobody liquidates. Source: Drift v2 ``math/liquidation.rs``."""

from __future__ import annotations

from dataclasses import dataclass

import jax

from stress.protocol.margin.base import Values, namespace
from stress.types import Array


def liquidator_fee(elapsed: Values, base: Values, largest: Values, grace: Values, growth: Values) -> Values:
    """Rate [...] after ``elapsed`` [...] slots without activity: ``base`` in the ``grace``, then more for all."""
    xp = namespace(elapsed)
    return xp.where(elapsed < grace, base, xp.minimum(base + growth * elapsed, largest))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Auction:
    """Liquidators take positions over, at a discount to the oracle price that grows from the first breach on."""

    start: Array  # []
    end: Array  # [] at least ``start``
    grace: Array  # [] ticks for which it does not grow
    growth: Array  # [] a tick

    def discount(self, ticks: Array) -> Array:
        """Discount [N] so many ``ticks`` [N] after the first breach."""
        return liquidator_fee(ticks, self.start, self.end, self.grace, self.growth)
