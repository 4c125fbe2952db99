"""Half of an account, or all of it where its equity is too small for halves or the position itself is small.

Sources: Perp Curie ``ClearingHouse.sol`` (halves while equity is at least half of the maintenance requirement),
Nibiru ``x/perp/v2/keeper/liquidate.go`` (while equity / notional is at least the liquidation fee).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax

from stress.protocol.liquidation.base import RiskCase
from stress.protocol.margin.base import Values, namespace
from stress.protocol.rounding import round_down
from stress.types import Array


def share(equity: Values, enough: Values, notional: Values, part: Values, whole_up_to: Values) -> Values:
    """Share [N] of accounts with ``equity`` [N] and ``notional`` [A, N] USD: ``part``, or one.

    ``enough`` [N] is the equity in USD from which a part will do, ``whole_up_to`` the notional in USD of an account
    that is always closed whole.
    """
    xp = namespace(equity)
    return xp.where((equity >= enough) & (notional.sum(0) > whole_up_to), part, 1.0)


def share_of_position(
    account_share: Values, notional: Values, whole_up_to: Values = 0.0, step: float = 0.0
) -> Values:
    """Share [A, N] of each position, were it alone to carry the account's share [N]; never more than all of it.

    Curie closes one position at a time, counts the half by the notional [A, N] of all of them, and closes a position
    of at most ``whole_up_to`` USD whole, whatever the account holds beside it (:func:`share` then gets 0 for it). It
    rounds shares down to a ``step`` of 1e-6; 0 for no rounding.
    """
    xp = namespace(notional)
    wanted = account_share * notional.sum(0)
    part = round_down(xp.minimum(wanted / xp.where(notional > 0, notional, 1.0), 1.0), step)
    return xp.where(notional > 0, xp.where(notional <= whole_up_to, 1.0, part), 0.0)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Half:
    """A part of accounts with enough equity."""

    whole: ClassVar[bool] = False
    waits: ClassVar[bool] = False
    bankrupt_whole: ClassVar[bool] = True

    part: Array  # []
    from_margin: Array  # [] equity over requirement from which a part will do
    whole_up_to: Array  # [] USD of account notional

    def share(self, case: RiskCase) -> Array:
        """Share [1, N]."""
        return share(case.equity, self.from_margin * case.requirement, case.notional, self.part, self.whole_up_to)[None]
