"""The contract of liquidation rules: how much of a liquidatable account is closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import jax

from stress.protocol.margin.base import MarginCurve
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class RiskCase:
    """What a rule sees: the risk check of all accounts, at the oracle price. Axes: ``A`` markets, ``N`` accounts."""

    equity: Array  # [N] USD
    requirement: Array  # [N] USD, maintenance
    units: Array  # [A, N] base units, >= 0
    notional: Array  # [A, N] USD
    curve: MarginCurve


class LiquidationRule(Protocol):
    """The contract: the share to close of every account, before keepers limit it."""

    whole: ClassVar[bool]  # whether the share is always one

    def share(self, case: RiskCase) -> Array:
        """Share [N] in (0, 1] of each of an account's positions."""
        ...
