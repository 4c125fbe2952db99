"""Full liquidation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from stress.protocol.liquidation.base import RiskCase
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Full:
    """Close everything."""

    whole: ClassVar[bool] = True
    waits: ClassVar[bool] = False
    bankrupt_whole: ClassVar[bool] = True

    def share(self, case: RiskCase) -> Array:
        """One."""
        return jnp.ones_like(case.equity)[None]
