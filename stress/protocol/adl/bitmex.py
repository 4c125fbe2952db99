"""BitMEX's ADL: profit times leverage, with positions at a loss behind those in profit.

Source: BitMEX's documents (auto-deleveraging): the return on entry times the effective leverage, divided by it for a
loss. For winners it is ``profit_leverage``, which leaves the others out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import jax
import jax.numpy as jnp

from stress.protocol.adl.base import Standing
from stress.protocol.adl.ranked import RankedPolicy
from stress.protocol.rounding import round_up
from stress.types import Array


def bitmex_score(profit: Array, leverage: Array) -> Array:
    """Rank [...] by profit over entry [...] and leverage [...] > 0."""
    return jnp.where(profit > 0, profit * leverage, profit / leverage)


def queue_place(score: Array, size: Array, step: float = 0.2) -> Array:
    """How far [N] from the top of the queue: the share of all units with at least that score, rounded up to ``step``.

    ``size`` [N] >= 0 in units of one side. BitMEX shows it to traders as lights, a fifth each.
    """
    ahead = jnp.where(score[None, :] >= score[:, None], size[None, :], 0.0).sum(-1)
    total = size.sum()
    return round_up(ahead / jnp.where(total > 0, total, 1.0), step)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class BitMex(RankedPolicy):
    """Everybody on the other side, those who profit most from the highest leverage first."""

    profitable_only: ClassVar[bool] = False

    name: str = field(default="bitmex", metadata={"static": True})

    def score(self, standing: Standing) -> Array:
        """Rank [A, N]."""
        return bitmex_score(standing.return_on_entry(), standing.leverage())
