"""What happens to accounts aside in a round: they are closed one by one, whole or in part.

Axes: ``S`` slots, ``L`` ladders.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax.numpy as jnp

from stress.engine.ladder.aside import Aside, equity
from stress.engine.ladder.crowd import Crowd
from stress.engine.ladder.settle import Closed
from stress.protocol.insurance.penalty import remainder
from stress.protocol.venue import Fees
from stress.types import NEVER, Array


@dataclass(frozen=True)
class Parting:
    """A closing of accounts aside."""

    aside: Aside
    share: Array  # [S] of each that is closed
    on_book: Array  # [S] share of that which is sold on the book
    fill: Array  # [L] USD per unit
    mark: Array  # [L] USD per unit, afterwards


def sides_aside(crowd: Crowd, aside: Aside, share: Array, fill: Array) -> tuple[Array, Array, Array, Array]:
    """Losers [S]; by ladder [L] their units, those times bankruptcy prices in USD, and units of all who stay open."""
    count, units = fill.shape[0], aside.units * aside.of(crowd.scale)
    losers = (share >= 1.0) & (equity(aside, crowd.scale, crowd.shift, fill) < 0)
    value = aside.units * (aside.of(crowd.shift) + aside.sign() * aside.key)
    amounts = (jnp.where(losers, units, 0.0), jnp.where(losers, value, 0.0), jnp.where(share > 0, 0.0, units))
    lost, worth, room = (aside.sums(amount, count) for amount in amounts)
    return losers, lost, worth, room


def close_aside(crowd: Crowd, fees: Fees, parting: Parting) -> tuple[Closed, Aside]:
    """Fees, deficits and what is left of those closed whole; the slots afterwards.

    A fee takes at most the equity after the closing: of what is left, at the mark.
    """
    aside, share, whole = parting.aside, parting.share, parting.share >= 1.0
    scale = aside.of(crowd.scale)
    received = aside.sign() * (scale * aside.of(parting.fill) - aside.of(crowd.shift))  # a whole original unit's
    kept = equity(aside, crowd.scale, crowd.shift, parting.mark)
    after = jnp.where(whole, received - aside.key, kept + share * (received - kept - aside.key))
    fee = fees.charged(share * scale * aside.of(parting.fill), after)
    rest, deficit = (jnp.where(whole, amount, 0.0) for amount in remainder(after, fee))
    insolvent = jnp.where(deficit > 0, scale * aside.of(parting.fill), 0.0)
    to_fund = rest * fees.remainder_to_fund
    units = aside.units * parting.on_book
    left = rest * (1.0 - fees.remainder_to_fund)
    totals = [(units * amount).sum() for amount in (fee, deficit, to_fund, left, insolvent)]
    return Closed(*totals), closed_in_part(aside, share, share * received, fee)


def closed_in_part(aside: Aside, share: Array, received: Array, fee: Array) -> Aside:
    """The slots after a ``share`` [S] of each was closed for USD ``received``, less ``fee`` [S], an original unit.

    Those closed whole leave. Equity of a unit is what it is worth less its key, so what the closed share brought
    changes the key of what is left.
    """
    left, acted = jnp.where(share < 1.0, 1.0 - share, 0.0), share > 0
    key = (aside.key - received + fee) / jnp.where(left > 0, left, 1.0)
    return replace(
        aside,
        units=aside.units * left,
        key=jnp.where(acted, key, aside.key),
        flagged=jnp.where(acted, NEVER, aside.flagged),
    )
