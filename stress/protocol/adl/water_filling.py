"""Water-filling ADL: the leverage of all winners' positions is brought down to one common cap.

Campbell, Hey, Moallemi and Nutz, "Risk-based auto-deleveraging" (arXiv 2603.15963): for isolated accounts in one
market, what minimises the largest leverage is to lower the highest ones until they are level.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import jax
import jax.numpy as jnp

from stress.protocol.adl.base import AdlCase, AdlMatch, at_one_price, matched_share
from stress.types import Array

DUST = 1e-12
"""Share of a position below which what is above the cap is rounding."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class WaterFilling:
    """Everybody on the other side whose position is above the cap on units for a USD of account value."""

    profitable_only: ClassVar[bool] = False
    ranked: ClassVar[bool] = False

    name: str = field(default="water_filling", metadata={"static": True})

    def match(self, case: AdlCase) -> AdlMatch:
        """One cap a market and side."""
        level = jax.vmap(jax.vmap(above_cap, in_axes=(0, 0, None)), in_axes=(0, 0, None))
        return at_one_price(case, level(case.room, matched_share(case)[0], case.standing.means()))


def above_cap(room: Array, need: Array, means: Array) -> Array:
    """Units [N] that sum to ``need`` []: what each has above cap x means, for the cap [] at which they do.

    With the highest room / means first, the k first come down to the cap; the right k has the highest cap.
    """
    safe = jnp.where(means > 0, means, 1.0)
    order = jnp.argsort(jnp.where(room > 0, -room / safe, jnp.inf), stable=True)
    cap = ((jnp.cumsum(room[order]) - need) / jnp.cumsum(safe[order])).max()
    units = jnp.clip(room - jnp.maximum(cap, 0.0) * safe, 0.0, room)
    return jnp.where(need >= room.sum(), room, jnp.where(units > DUST * room, units, 0.0))
