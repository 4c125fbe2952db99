"""A fraction first, of accounts that are large.

Source: Hyperliquid's page on liquidations and its announcement of partial liquidations: after a fraction was closed,
all orders of the next 30 seconds are for all of the account, as they always are for small positions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import jax
import jax.numpy as jnp

from stress.protocol.liquidation.base import RiskCase
from stress.protocol.margin.base import Values, namespace
from stress.types import Array


def recently(since: Values, cooldown: Values) -> Values:
    """Accounts [N] a fraction of which was closed less than ``cooldown`` ticks ago; ``since`` < 0 is never."""
    return (since >= 0) & (since < cooldown)


def share(notional: Values, since: Values, fraction: Values, above: Values, cooldown: Values) -> Values:
    """Share [A, N] of positions of ``notional`` [A, N] USD: the fraction of those above a notional, else one.

    ``since`` [N] are the ticks since a part of the account was last closed; within the cooldown all are closed whole.
    """
    first = (notional > above) & ~recently(since, cooldown)
    return namespace(notional).where(first, fraction, 1.0)


def share_after_waiting(notional: Values, since: Values, fraction: Values, above: Values, cooldown: Values) -> Values:
    """The same for venues that wait: none within the cooldown, and all once it has passed."""
    xp = namespace(notional)
    first = (notional > above) & (since < 0)
    return xp.where(recently(since, cooldown), 0.0, xp.where(first, fraction, 1.0))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class FirstFraction:
    """A fraction of large positions first.

    Blocks are shorter than ticks, so an account that the fraction does not make healthy is closed whole within the
    tick; unless the venue waits for the cooldown.
    """

    whole: ClassVar[bool] = False
    waits: ClassVar[bool] = True
    bankrupt_whole: ClassVar[bool] = True

    fraction: Array  # []
    above: Array  # [] USD of a position
    cooldown: Array  # [] ticks
    patient: bool = field(metadata={"static": True})  # waits for the cooldown

    def share(self, case: RiskCase) -> Array:
        """Shares [A, N]."""
        assert case.since is not None  # it is a rule that waits
        numbers = (case.notional, case.since, self.fraction, self.above, self.cooldown)
        if self.patient:
            return share_after_waiting(*numbers)
        part = share(*numbers)
        left = 1.0 - part
        need = case.curve.requirement(left * case.units, left * case.notional).sum(0)
        return jnp.where(case.equity_after(part) >= need, part, 1.0)
