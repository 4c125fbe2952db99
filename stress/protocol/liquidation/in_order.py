"""Positions of an account one after another, in the order of their places, until it is healthy.

Everything is decided at the prices of the risk check: what is closed pays its fee and frees its margin, at no impact.
``place`` [A, N] counts from 0 on (``order.base.places``).
"""

from __future__ import annotations

import jax.numpy as jnp

from stress.protocol.keepers import DUST
from stress.protocol.liquidation.base import LiquidationRule, RiskCase
from stress.protocol.liquidation.order.base import before
from stress.protocol.liquidation.portion import Portion
from stress.protocol.liquidation.restore_target import RestoreTarget
from stress.protocol.margin.health import falls_short
from stress.types import Array


def share_in_order(rule: LiquidationRule, case: RiskCase, place: Array, fee: Array) -> Array:
    """Share [A, N] of every position that ``rule`` closes in order; ``fee`` [] is of notional.

    A rule with an order of its own, as ``restore_target`` and ``portion``, says how much; any other closes its share of
    a position when that one's turn comes.
    """
    match rule:
        case RestoreTarget() | Portion():
            return rule.share_in_order(case, place)
        case _:
            return until_healthy(case, rule.share(case), place, fee)


def until_healthy(case: RiskCase, share: Array, place: Array, fee: Array) -> Array:
    """``share`` [1 or A, N] of the positions whose turn comes while equity is below the requirement."""
    share = jnp.broadcast_to(share, case.notional.shape)
    left, curve = 1.0 - share, case.curve
    freed = curve.requirement(case.units, case.notional) - curve.requirement(left * case.units, left * case.notional)
    cost = case.fee(fee) * share * case.notional
    cost = cost if case.held_back is None else cost - share * case.held_back  # gains count once realised
    short = falls_short(case.equity - before(cost, place), case.requirement - before(freed, place))
    healthy_at_or_before = ((place[None] <= place[:, None]) & ~short[None]).any(1)
    return jnp.where(healthy_at_or_before, 0.0, share)


def within_budget(share: Array, notional: Array, place: Array, budget: Array) -> Array:
    """Shares [A, N] cut to ``budget`` [N] USD of notional for each account, the last position to its places."""
    demand = share * notional
    fits = (budget - before(demand, place)) / jnp.where(demand > 0, demand, 1.0)
    fits = jnp.where(fits < DUST, 0.0, jnp.where(fits > 1.0 - DUST, 1.0, fits))
    return share * fits
