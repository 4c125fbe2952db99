"""What a block of paths is simulated from."""

from __future__ import annotations

from dataclasses import dataclass, field

import jax

from stress.engine.ladder.book import Ladders
from stress.engine.state import (
    Accounts,
)
from stress.mc.cascade import CascadeRule
from stress.price.base import MarketModel
from stress.protocol.venue import Venue
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Rest:
    """Accounts that are in no ladder, of a book that both engines share. Axes: ``N`` of them."""

    accounts: Accounts
    size: Array  # [A, N] at time zero
    quote: Array  # [N] at time zero


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Job:
    """Everything a block needs but its number: leaves are numbers, the rest is static."""

    model: MarketModel
    venues: Venue  # leaves [V, ...]
    accounts: Accounts
    size: Array  # [A, N] at time zero
    quote: Array  # [N] at time zero
    prices: Array  # [A] at time zero
    interest: Array  # [A] USD, open interest of one side at time zero
    ladders: Ladders | None  # the book for the ladder engine, which then runs it; None: the dense engine does
    rest: Rest | None  # those in no ladder, which the dense engine runs and ladders with them; None: there are none
    cascade: CascadeRule
    seed: Array  # [] uint32
    steps: int = field(metadata={"static": True})
    variants: int = field(metadata={"static": True})
    unlimited: bool = field(metadata={"static": True})  # the last variant is the main one with an unlimited fund
    block_paths: int = field(metadata={"static": True})
    front: int = field(metadata={"static": True})  # accounts that most looks of the dense engine touch
    batch: int = field(metadata={"static": True})  # rows that a look of the dense engine takes together
    fused: bool = field(metadata={"static": True})  # as one kernel for all ticks (``mc.lanes``)
    fan_points: int = field(metadata={"static": True})
    dtype: str = field(metadata={"static": True})  # of normals

    @property
    def all_on_ladders(self) -> bool:
        """Whether the ladder engine runs it alone."""
        return self.ladders is not None and self.rest is None

    @property
    def state_bytes(self) -> int:
        """Sizes and quotes of all accounts of a block that the dense engine follows."""
        if self.all_on_ladders:
            return 0
        size = self.size if self.rest is None else self.rest.size
        return self.variants * self.block_paths * (size.shape[0] + 1) * size.shape[1] * 8
