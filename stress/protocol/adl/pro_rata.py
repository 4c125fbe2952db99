"""Pro-rata ADL: one fraction of every eligible position, at the volume-weighted bankruptcy price."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import jax
import jax.numpy as jnp

from stress.protocol.adl.base import AdlCase, AdlMatch, at_one_price, matched_share


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ProRata:
    """Every eligible position gives the same fraction, in profit or not."""

    profitable_only: ClassVar[bool] = False
    ranked: ClassVar[bool] = False

    name: str = field(default="pro_rata", metadata={"static": True})

    def match(self, case: AdlCase) -> AdlMatch:
        """One fraction a market and side."""
        units, room = matched_share(case)[0], case.room.sum(-1)
        return at_one_price(case, case.room * (units / jnp.where(room > 0, room, 1.0))[..., None])
