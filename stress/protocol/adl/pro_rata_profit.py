"""Pro-rata ADL by profit: winners give units in proportion to their unrealised profit, as far as they have them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import jax
import jax.numpy as jnp

from stress.protocol.adl.base import AdlCase, AdlMatch, at_one_price, matched_share
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ProRataProfit:
    """Positions in profit, each by its profit in USD; whose units do not suffice is closed whole."""

    profitable_only: ClassVar[bool] = True
    ranked: ClassVar[bool] = False

    name: str = field(default="pro_rata_profit", metadata={"static": True})

    def match(self, case: AdlCase) -> AdlMatch:
        """One rate of units for a USD of profit, a market and side."""
        shares = jax.vmap(jax.vmap(by_weight), in_axes=(0, 0, None))
        return at_one_price(case, shares(case.room, matched_share(case)[0], case.standing.profit()))


def by_weight(room: Array, need: Array, weight: Array) -> Array:
    """Units [N] that sum to ``need`` []: room x min(1, rate x weight), for the rate [] at which they do.

    With the heaviest first, the k first give all they have and the rest give rate x room x weight; the right k has
    the highest rate.
    """
    order = jnp.argsort(jnp.where(room > 0, -weight, jnp.inf), stable=True)
    sorted_room, mass = room[order], jnp.where(room > 0, room * weight, 0.0)[order]
    given = jnp.cumsum(sorted_room) - sorted_room
    rest = jnp.cumsum(mass[::-1])[::-1]
    rate = jnp.where(rest > 0, (need - given) / jnp.where(rest > 0, rest, 1.0), 0.0).max()
    units = room * jnp.clip(rate * weight, 0.0, 1.0)
    return jnp.where(need >= room.sum(), room, units)
