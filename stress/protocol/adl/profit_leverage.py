"""Ranked ADL: positions in profit, by profit times leverage, until the quantity is filled."""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp

from stress.protocol.adl.base import AdlCase, AdlMatch, matched_share
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ProfitLeverage:
    """Winners in descending score; losers, riskiest first, laid end to end against them."""

    profitable_only: bool = field(default=True, metadata={"static": True})
    ranked: bool = field(default=True, metadata={"static": True})

    def match(self, case: AdlCase) -> AdlMatch:
        """Fill every market and side in rank order."""
        _, share = matched_share(case)
        need = case.need * share[..., None]
        by_market = jax.vmap(_fill, in_axes=(0, 0, 0, 0, None))
        by_side = jax.vmap(by_market, in_axes=(0, None, 0, None, None))
        taken, paid = by_side(need, case.price, case.room, case.score, case.loser_order)
        return AdlMatch(matched=share, taken=taken, paid=paid)


def _fill(need: Array, price: Array, room: Array, score: Array, loser_order: Array) -> tuple[Array, Array]:
    """Units and USD of every winner [N] in one market and side."""
    rank = jnp.argsort(jnp.where(room > 0, -score, jnp.inf), stable=True)
    queued = room[rank]
    start = jnp.cumsum(queued) - queued
    units = jnp.cumsum(need[loser_order])
    value = jnp.cumsum((need * price)[loser_order])
    knots, values = jnp.append(0.0, units), jnp.append(0.0, value)
    begin = jnp.minimum(start, units[-1])
    end = jnp.minimum(start + queued, units[-1])
    paid = jnp.interp(end, knots, values) - jnp.interp(begin, knots, values)
    taken = jnp.where(start + queued <= units[-1], queued, end - begin)
    back = jnp.zeros_like(room)
    return back.at[rank].set(taken), back.at[rank].set(paid)
