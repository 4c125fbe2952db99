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
from stress.protocol.liquidation.order.base import before, equity_then, reached
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

    def share_in_order(self, case: RiskCase, place: Array) -> Array:
        """Shares [A, N] by ``place`` [A, N]: of the first large position the fraction, of others the whole.

        The first fraction starts the cooldown, so the order after it is for all that is left of this position; there
        is none where the fraction was enough or the venue waits. No fee counts, as in :meth:`share`.
        """
        assert case.since is not None  # it is a rule that waits
        curve, left = case.curve, 1.0 - self.fraction
        cooling = recently(case.since, self.cooldown)
        large = (case.notional > self.above) & ((case.since < 0) if self.patient else ~cooling)
        first = large & (before(large.astype(case.notional.dtype), place) == 0)
        margin = curve.requirement(case.units, case.notional)
        need, counts = case.requirement - before(margin, place), equity_then(case, place)
        part = margin - curve.requirement(left * case.units, left * case.notional)
        gained = 0.0 if case.held_back is None else self.fraction * case.held_back
        last = first if self.patient else first & (counts + gained >= need - part)
        behind = before(last.astype(case.notional.dtype), place) > 0
        turn = reached(counts < need, place) & ~behind
        share = jnp.where(turn, jnp.where(last, self.fraction, 1.0), 0.0)
        return jnp.where(cooling, 0.0, share) if self.patient else share
