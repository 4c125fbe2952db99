"""Ranked ADL: positions in profit, by profit times leverage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import jax

from stress.protocol.adl.base import Standing
from stress.protocol.adl.ranked import RankedPolicy
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ProfitLeverage(RankedPolicy):
    """Profit over entry times the account's leverage."""

    profitable_only: ClassVar[bool] = True

    name: str = field(default="profit_leverage", metadata={"static": True})

    def score(self, standing: Standing) -> Array:
        """Rank [A, N]."""
        return standing.return_on_entry() * standing.leverage()
