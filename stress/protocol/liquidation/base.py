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
    since: Array | None = None  # [N] int32 ticks since the last partial liquidation, negative if never
    discount: Array | None = None  # [N] to the oracle price at which liquidators take positions over
    age: Array | None = None  # [N] int32 ticks since the first breach, zero of the healthy
    freed: Array | None = None  # [N] USD of the shortage of margin that was covered since then
    held_back: Array | None = None  # [A, N] USD of unrealised gains that do not count, where gains have a weight

    def fee(self, rate: Array) -> Array:
        """What closing costs the account [N] or [], of notional: a fee's ``rate`` [] and liquidators' discount."""
        return rate if self.discount is None else rate + self.discount

    def equity_after(self, share: Array) -> Array:
        """Equity [N] in USD that counts once ``share`` [1 or A, N] is closed at no cost: gains count once realised."""
        return self.equity if self.held_back is None else self.equity + (share * self.held_back).sum(0)


class LiquidationRule(Protocol):
    """The contract: the share to close of every position, before keepers limit it."""

    whole: ClassVar[bool]  # whether the share is always one
    waits: ClassVar[bool]  # whether it looks at the time since the last partial liquidation
    bankrupt_whole: ClassVar[bool]  # whether accounts without equity at the mark are closed whole all the same

    def share(self, case: RiskCase) -> Array:
        """Share [1, N] of all of an account's positions or [A, N] of each, in [0, 1]; all zero to let it wait."""
        ...
