"""Positions are brought down to a lower tier of the maintenance requirement.

Sources: help pages of Binance (one order to a lower bracket), Bybit and BitMEX (the next lower risk limit, until the
margin suffices; from the lowest all is taken over), OKX (two tiers at a time, from the third on).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

import jax
import jax.numpy as jnp

from stress.protocol.liquidation.base import RiskCase
from stress.protocol.liquidation.order.base import before, equity_then, reached
from stress.protocol.margin.base import Line, MarginCurve, Values, namespace
from stress.types import Array

NOISE = 1e-9
"""Share of a position's notional by which a line must be above another to be so, and not by rounding."""


def tier_floor(curve: MarginCurve, units: Values, notional: Values) -> Values:
    """Notional [A, ...] in USD at which the tiers of positions [A, ...] begin; the lowest begins at zero.

    A tier is the line that gives the requirement; it begins where it overtakes the last of the flatter ones. A
    position at a bound is in the tier below.
    """
    xp, lines = namespace(notional), curve.lines(units)
    rate, deduction = _active(lines, notional)
    floors = [_crossing(rate, deduction, flatter, lower) for flatter, lower in lines]
    return reduce(xp.maximum, floors)


def _active(lines: list[Line], notional: Values) -> Line:
    """Rate and deduction [A, ...] of the line that gives the requirement, of equals the flattest."""
    xp = namespace(notional)
    rate, deduction = (xp.broadcast_to(number, notional.shape) for number in lines[0])
    for steeper, lower in lines[1:]:
        above = steeper * notional - lower > rate * notional - deduction + NOISE * notional
        rate, deduction = xp.where(above, steeper, rate), xp.where(above, lower, deduction)
    return rate, deduction


def _crossing(rate: Values, deduction: Values, flatter: Values, lower: Values) -> Values:
    """Notional [A, ...] at which a line overtakes a flatter one; zero if that one is not flatter."""
    xp = namespace(rate)
    is_flatter = flatter < rate
    return xp.where(is_flatter, (deduction - lower) / xp.where(is_flatter, rate - flatter, 1.0), 0.0)


def target(curve: MarginCurve, units: Values, notional: Values, steps: int = 1) -> Values:
    """Notional [A, ...] that is left of positions [A, ...] after ``steps`` tiers down; none from the lowest tier."""
    xp, left = namespace(notional), notional
    for _ in range(steps):
        ratio = left / xp.where(notional > 0, notional, 1.0)
        left = tier_floor(curve, ratio * units, left)
    return left


def share(curve: MarginCurve, units: Values, notional: Values, steps: int = 1) -> Values:
    """Share [A, N] of positions of ``units`` and ``notional`` [A, N] that brings them ``steps`` tiers down."""
    xp, held = namespace(notional), notional > 0
    left = target(curve, units, notional, steps)
    return xp.where(held, 1.0 - left / xp.where(held, notional, 1.0), 0.0)


def share_until_healthy(
    curve: MarginCurve, equity: Values, units: Values, notional: Values, tiers: int, held_back: Values | None = None
) -> Values:
    """Share [A, N] after which ``equity`` [N] covers the requirement: by the fewest steps of all positions at once.

    Closed at the prices of ``notional`` and without a fee. ``tiers`` is the number of tiers of the largest market; an
    account that is not healthy in the lowest closes whole. What is ``held_back`` [A, N] in USD of unrealised gains
    counts once they are realised.
    """
    gain = 0.0 if held_back is None else held_back

    def enough(need: Values, closed: Values) -> Values:
        return equity + (closed * gain).sum(0) >= need.sum(0)

    return _share_until(curve, units, notional, tiers, enough)


def share_of_each(
    curve: MarginCurve, spare: Values, units: Values, notional: Values, tiers: int, held_back: Values | None = None
) -> Values:
    """The same of positions by themselves: share [A, N] after which ``spare`` [A, N] USD cover each requirement."""
    gain = 0.0 if held_back is None else held_back
    return _share_until(curve, units, notional, tiers, lambda need, closed: spare + closed * gain >= need)


def _share_until(
    curve: MarginCurve, units: Values, notional: Values, tiers: int, enough: Callable[[Values, Values], Values]
) -> Values:
    """Share [A, N] by the fewest steps after which there is ``enough``.

    That is [N] or [A, N], of the requirement [A, N] and of the share that is closed [A, N].
    """
    xp, held = namespace(notional), notional > 0

    def down(_: int, state: tuple[Values, Values]) -> tuple[Values, Values]:
        left, healthy = state
        ratio = left / xp.where(held, notional, 1.0)
        lower = xp.where(healthy, left, tier_floor(curve, ratio * units, left))
        ratio = lower / xp.where(held, notional, 1.0)
        return lower, healthy | enough(curve.requirement(ratio * units, lower), 1.0 - ratio)

    state = (notional, xp.zeros_like(enough(notional, xp.zeros_like(notional))))
    if xp is jnp:
        state = jax.lax.fori_loop(0, tiers, down, state)
    else:
        for step in range(tiers):
            state = down(step, state)
    left, healthy = state
    left = xp.where(healthy, left, 0.0)
    return xp.where(held, 1.0 - left / xp.where(held, notional, 1.0), 0.0)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class StepDown:
    """To the highest lower tier in which the account is healthy."""

    whole: ClassVar[bool] = False
    waits: ClassVar[bool] = False
    bankrupt_whole: ClassVar[bool] = True

    def share(self, case: RiskCase) -> Array:
        """Shares [A, N]."""
        tiers = len(case.curve.lines(case.units))
        return share_until_healthy(case.curve, case.equity, case.units, case.notional, tiers, case.held_back)

    def share_in_order(self, case: RiskCase, place: Array) -> Array:
        """Shares [A, N] by ``place`` [A, N]: a position goes down tier by tier, from the lowest whole, before the next.

        No fee counts, as in :meth:`share`.
        """
        margin = case.curve.requirement(case.units, case.notional)
        need, counts = case.requirement - before(margin, place), equity_then(case, place)
        spare = counts - (need - margin)  # for the position, when those before it are closed whole
        tiers = len(case.curve.lines(case.units))
        share = share_of_each(case.curve, spare, case.units, case.notional, tiers, case.held_back)
        return jnp.where(reached(counts < need, place), share, 0.0)
