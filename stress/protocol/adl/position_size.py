"""Ranked ADL: the largest positions first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import jax
import jax.numpy as jnp

from stress.protocol.adl.base import Standing
from stress.protocol.adl.ranked import RankedPolicy
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PositionSize(RankedPolicy):
    """Everybody on the other side, by units: it needs the fewest counterparties."""

    profitable_only: ClassVar[bool] = False

    name: str = field(default="position_size", metadata={"static": True})

    def score(self, standing: Standing) -> Array:
        """Rank [A, N]."""
        return jnp.abs(standing.size)
