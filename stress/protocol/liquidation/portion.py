"""A portion of a position a block, between a smallest notional and what the account has left in this block.

Source: dYdX v4 ``x/clob/keeper/liquidations.go`` and ``liquidations_config.go``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from stress.protocol.liquidation.base import RiskCase
from stress.protocol.margin.base import Values, namespace
from stress.types import Array


def notional_bounds(notional: Values, smallest: Values, portion: Values) -> tuple[Values, Values]:
    """Least and most USD [...] of a position of ``notional`` [...] that one order may close."""
    xp = namespace(notional)
    least = xp.minimum(smallest, notional)
    return least, xp.maximum(least, notional * portion)


def notional_now(notional: Values, smallest: Values, portion: Values, left: Values) -> Values:
    """USD [...] of a position that is closed when its account has ``left`` [...] USD in this block."""
    _, most = notional_bounds(notional, smallest, portion)
    return namespace(notional).minimum(most, left)


def share(notional: Values, chosen: Values, smallest: Values, portion: Values, left: Values) -> Values:
    """Share [A, N] of every position of ``notional`` [A, N] USD.

    ``chosen`` [A, N] marks the one position of every account that this block may close; ``left`` [N] is the USD of
    notional that the account may still lose in this block, infinite where there is no limit.
    """
    xp = namespace(notional)
    held = chosen & (notional > 0)
    return xp.where(held, notional_now(notional, smallest, portion, left) / xp.where(held, notional, 1.0), 0.0)


def largest(notional: Values) -> Values:
    """Marks [A, N] of the largest position of every account, of equals the first.

    dYdX starts at a random position (``order.random``); the largest is the usual choice of liquidation bots elsewhere.
    """
    xp = namespace(notional)
    markets = xp.arange(notional.shape[0])[:, None]
    return (markets == xp.argmax(notional, axis=0)[None]) & (notional > 0)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Portion:
    """dYdX's rule, ``blocks`` times a tick: shared among an account's positions, or all for the largest."""

    whole: ClassVar[bool] = False
    waits: ClassVar[bool] = False
    bankrupt_whole: ClassVar[bool] = False

    portion: Array  # [] of a position, in a block
    smallest: Array  # [] USD of a position, in a block
    most: Array  # [] USD of an account, in a block
    blocks: Array  # [] a tick, at least one

    def share(self, case: RiskCase) -> Array:
        """Shares [A, N]."""
        return self._of(case, largest(case.notional))

    def share_in_order(self, case: RiskCase, place: Array) -> Array:
        """Shares [A, N]; where there are fewer blocks than positions, of as many of the first by ``place`` [A, N]."""
        return self._of(case, place < jnp.floor(self.blocks))

    def _of(self, case: RiskCase, first: Array) -> Array:
        """Shares [A, N]: a block for each of the positions ``first`` [A, N] where there are not enough for all."""
        held = (case.notional > 0).sum(0)
        enough = self.blocks >= held
        mine = jnp.where(enough, self.blocks / jnp.maximum(held, 1), 1.0)
        chosen = enough | first
        portion = 1.0 - (1.0 - self.portion) ** mine
        return share(case.notional, chosen, self.smallest * mine, portion, self.most * mine)
