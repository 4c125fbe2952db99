"""Pro-rata ADL: one fraction of every eligible position, at the volume-weighted bankruptcy price."""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp

from stress.protocol.adl.base import AdlCase, AdlMatch, matched_share


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ProRata:
    """Every eligible position gives the same fraction, in profit or not."""

    profitable_only: bool = field(default=False, metadata={"static": True})
    ranked: bool = field(default=False, metadata={"static": True})

    def match(self, case: AdlCase) -> AdlMatch:
        """One fraction a market and side."""
        units, share = matched_share(case)
        need, room = case.need.sum(-1), case.room.sum(-1)
        mean = (case.need * case.price).sum(-1) / jnp.where(need > 0, need, 1.0)
        taken = case.room * (units / jnp.where(room > 0, room, 1.0))[..., None]
        return AdlMatch(matched=share, taken=taken, paid=taken * mean[..., None])
