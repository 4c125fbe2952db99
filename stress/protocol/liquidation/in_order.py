"""Positions of an account one after another, in the order of their places, until the rule's target is reached.

Each position is closed as far as the rule goes before the next one's turn comes. Everything is decided at the prices of
the risk check, at no impact. ``place`` [A, N] counts from 0 on (``order.base.places``).
"""

from __future__ import annotations

import jax.numpy as jnp

from stress.protocol.keepers import DUST
from stress.protocol.liquidation.base import LiquidationRule, RiskCase
from stress.protocol.liquidation.cover_shortage import CoverShortage
from stress.protocol.liquidation.first_fraction import FirstFraction
from stress.protocol.liquidation.order.base import before, reached
from stress.protocol.liquidation.portion import Portion
from stress.protocol.liquidation.restore_target import RestoreTarget
from stress.protocol.liquidation.step_down import StepDown
from stress.protocol.margin.health import falls_short
from stress.types import Array


def share_in_order(rule: LiquidationRule, case: RiskCase, place: Array, fee: Array) -> Array:
    """Share [A, N] of every position that ``rule`` closes in order; ``fee`` [] is of notional.

    A rule with a target of its own says how much; any other closes its share of a position when that one's turn comes,
    until the account is healthy.
    """
    match rule:
        case RestoreTarget() | Portion() | FirstFraction() | StepDown() | CoverShortage():
            return rule.share_in_order(case, place)
        case _:
            return until_healthy(case, rule.share(case), place, fee)


def until_healthy(case: RiskCase, share: Array, place: Array, fee: Array) -> Array:
    """``share`` [1 or A, N] of the positions whose turn comes while equity, fee paid, is below the requirement."""
    share = jnp.broadcast_to(share, case.notional.shape)
    left, curve = 1.0 - share, case.curve
    freed = curve.requirement(case.units, case.notional) - curve.requirement(left * case.units, left * case.notional)
    cost = case.fee(fee) * share * case.notional
    cost = cost if case.held_back is None else cost - share * case.held_back  # gains count once realised
    short = falls_short(case.equity - before(cost, place), case.requirement - before(freed, place))
    return jnp.where(reached(short, place), share, 0.0)


def within_budget(share: Array, notional: Array, place: Array, budget: Array) -> Array:
    """Shares [A, N] cut to ``budget`` [N] USD of notional for each account, the last position to its places."""
    demand = share * notional
    fits = (budget - before(demand, place)) / jnp.where(demand > 0, demand, 1.0)
    fits = jnp.where(fits < DUST, 0.0, jnp.where(fits > 1.0 - DUST, 1.0, fits))
    return share * fits
