"""Binance's ADL: an account's profit over its wallet times its margin ratio.

    max(0, U) / max(1, W) x M / (W + U)

U unrealised profit and W wallet balance of the account in USD, M its maintenance requirement. Source: Binance's
documents on USD-margined futures (ADL).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import jax
import jax.numpy as jnp

from stress.protocol.adl.base import Standing
from stress.protocol.adl.ranked import RankedPolicy
from stress.types import Array

SMALLEST_WALLET = 1.0
"""USD by which profit is divided at least."""


def profit_share(profit: Array, wallet: Array) -> Array:
    """max(0, U) / max(1, W) [...]."""
    return jnp.maximum(profit, 0.0) / jnp.maximum(wallet, SMALLEST_WALLET)


def binance_score(profit: Array, wallet: Array, margin_ratio: Array) -> Array:
    """Rank [...] by U, W in USD and M / (W + U) [...]."""
    return profit_share(profit, wallet) * margin_ratio


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Binance(RankedPolicy):
    """Positions in profit, by the score of their account."""

    profitable_only: ClassVar[bool] = True

    name: str = field(default="binance", metadata={"static": True})

    def score(self, standing: Standing) -> Array:
        """Rank [A, N], the same for all positions of an account."""
        profit = (standing.size * (standing.mark[:, None] - standing.entry)).sum(0)
        wallet, means = standing.equity() - profit, standing.means()
        ratio = standing.margin.sum(0) / jnp.where(means > 0, means, 1.0)
        return jnp.broadcast_to(binance_score(profit, wallet, ratio), standing.size.shape)
