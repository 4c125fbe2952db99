"""A close factor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from stress.protocol.liquidation.base import RiskCase
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CloseFactor:
    """Close a fixed share, and small accounts whole."""

    whole: ClassVar[bool] = False
    waits: ClassVar[bool] = False
    bankrupt_whole: ClassVar[bool] = True

    factor: Array  # []
    whole_below: Array  # [] USD of account notional

    def share(self, case: RiskCase) -> Array:
        """The factor, or one."""
        return jnp.where(case.notional.sum(0) < self.whole_below, 1.0, self.factor)[None]
