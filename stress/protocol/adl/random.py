"""dYdX's ADL: winners in a random order, without those whom the pair would leave riskier.

An account qualifies in a market if its bankruptcy price overlaps with those of all losers on the other side. The order
is a hash of the seed, the tick, the market and the account, so it is the same on all paths and under all variants.
Source: dYdX v4 (``clob/keeper/deleveraging.go``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import jax
import jax.numpy as jnp

from stress.protocol.adl.base import AdlCase, AdlMatch, Standing
from stress.protocol.adl.pair import overlap
from stress.protocol.adl.ranked import fill_by_rank, only
from stress.protocol.draws import draws
from stress.protocol.liquidation.prices import bankruptcy_price
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Random:
    """Everybody whose pair is valid, in an order drawn anew at every tick."""

    profitable_only: ClassVar[bool] = False
    ranked: ClassVar[bool] = True

    seed: Array  # [] int32
    name: str = field(default="random", metadata={"static": True})

    def match(self, case: AdlCase) -> AdlMatch:
        """Fill every market and side in random order."""
        markets, accounts = case.standing.size.shape
        order = draws(self.seed, case.standing.tick, markets, jnp.arange(accounts))
        return fill_by_rank(only(case, valid_pairs(case)), order)


def valid_pairs(case: AdlCase) -> Array:
    """Winners [2, A, N] whose bankruptcy price overlaps with those of all losers; the residual account's always."""
    standing, sides = case.standing, jnp.array([1.0, -1.0])[:, None, None]
    price = jnp.where(case.need > 0, sides * case.price, -jnp.inf).max(-1, keepdims=True)
    return overlap(sides * price, own_bankruptcy(standing), sides) | standing.residual


def own_bankruptcy(standing: Standing) -> Array:
    """Bankruptcy prices [A, N] at the risk check."""
    oracle, total = standing.oracle[:, None], standing.margin.sum(0)
    share = standing.margin / jnp.where(total > 0, total, 1.0)
    return bankruptcy_price(oracle, standing.size, standing.worth(standing.oracle), share)
