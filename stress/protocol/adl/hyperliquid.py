"""Hyperliquid's ADL: how far the price went the position's way, times its leverage.

    mark / entry x notional / account value        (entry / mark for shorts)

Source: Hyperliquid's documents (auto-deleveraging).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import jax
import jax.numpy as jnp

from stress.protocol.adl.base import Standing
from stress.protocol.adl.ranked import RankedPolicy
from stress.types import Array


def hyperliquid_score(entry: Array, mark: Array, side: Array, leverage: Array) -> Array:
    """Rank [...] by prices [...] in USD per unit, ``side`` 1 long or -1 short, and position over account value."""
    moved = mark / jnp.where(entry > 0, entry, 1.0)
    return jnp.where(side > 0, moved, 1.0 / moved) * leverage


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Hyperliquid(RankedPolicy):
    """Everybody on the other side, in profit or not."""

    profitable_only: ClassVar[bool] = False

    name: str = field(default="hyperliquid", metadata={"static": True})

    def score(self, standing: Standing) -> Array:
        """Rank [A, N]."""
        means = standing.means()
        leverage = standing.notional() / jnp.where(means > 0, means, 1.0)
        return hyperliquid_score(standing.entry, standing.mark[:, None], jnp.sign(standing.size), leverage)
