"""Positions in a random order, drawn anew for every account and tick.

dYdX v4 closes one position of an account a block and starts its search at a random one (``clob/keeper/liquidations.go``
at 84d4664, 2026-03-04). The draw is a hash of the seed, the tick, the market and the account, so it is the same on all
paths and under all variants.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import jax

from stress.protocol.draws import draws
from stress.protocol.liquidation.order.base import OrderCase
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class RandomOrder:
    """Every order of an account's positions is as likely as any other."""

    seed: Array  # [] int32
    name: str = field(default="random", metadata={"static": True})

    def priority(self, case: OrderCase) -> Array:
        """Uniform draws [A, N]."""
        assert case.entered is not None  # as accounts are built for this order
        return draws(self.seed, case.tick, case.size.shape[0], case.entered.number)
