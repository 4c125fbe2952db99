"""Rates that grow with the square root of a position's size (Drift v2, ``programs/drift/src/math/margin.rs``).

The requirement of ``q`` units at price ``P`` is ``P q max(w, 0.8 w + f sqrt(q))``: the largest of two functions that
are convex in ``q``, so it is convex.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax

from stress.protocol.margin.base import SIZE_STEPS, Line, MarginCurve, Values, namespace, spread
from stress.protocol.rounding import round_down

FLAT_SHARE = 0.8
"""Share of the base rate that the size premium is added to."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class RootSize(MarginCurve):
    """Base rates and size factors of every market. Axis: ``A`` markets."""

    base: Values  # [A] decimal, w
    factor: Values  # [A] per square root of a base unit, f

    def lines(self, units: Values) -> list[Line]:
        """The base rate's and the size's line."""
        xp, zero = namespace(units), 0.0 * units
        base, factor = spread(self.base, units), spread(self.factor, units)
        return [(base + zero, zero), (FLAT_SHARE * base + factor * xp.sqrt(units), zero)]

    def marginal(self, units: Values, notional: Values) -> Values:
        """The base rate, or that of ``q`` (0.8 w + f sqrt(q)) where it is higher."""
        xp, ((base, _), (rate, _)) = namespace(units), self.lines(units)
        premium = rate - FLAT_SHARE * base
        return xp.where(rate > base, FLAT_SHARE * base + 1.5 * premium, base)

    @property
    def newton_steps(self) -> int:
        """Each at least halves the share until it is near, then the error is squared."""
        return SIZE_STEPS


def size_premium(factor: Values, units: Values, unit: float = 0.0) -> Values:
    """What the size adds to a rate [...]; Drift floors it to ``unit`` = 1e-4."""
    return round_down(factor * namespace(units).sqrt(units), unit)


def sized_rate(base: Values, factor: Values, units: Values, unit: float = 0.0) -> Values:
    """What the size alone asks for [...]: 0.8 w + f sqrt(q). Drift takes a fifth off the base, floored to ``unit``."""
    premium = size_premium(factor, units, unit)
    if unit == 0.0:
        return FLAT_SHARE * base + premium
    return round_down(base - _fifth(base, unit) + premium, unit)


def _fifth(base: Values, unit: float) -> Values:
    """What is taken off the base rate [...]."""
    return round_down((1.0 - FLAT_SHARE) * base, unit)


def root_rate(base: Values, factor: Values, units: Values, unit: float = 0.0) -> Values:
    """Rate [...] of a position, or weight of a liability, of ``units`` [...]: max(w, 0.8 w + f sqrt(q))."""
    return namespace(units).maximum(base, sized_rate(base, factor, units, unit))


def fill_rate(initial: Values, maintenance: Values, unit: float = 0.0) -> Values:
    """Base rate [...] that a fill has to leave, between the initial and the maintenance one [...] (Drift's ``Fill``).

    The size comes afterwards: ``root_rate`` of it (``PerpMarket.get_margin_ratio``).
    """
    return round_down((initial + maintenance) / 2.0, unit)


def chosen_rate(rate: Values, account: Values = 0.0, position: Values = 0.0) -> Values:
    """Initial rate [...] of a position whose ``account`` or which itself chose a higher one [...]; 0 for no choice.

    Maintenance is never raised by a choice (Drift v2, ``max_margin_ratio``).
    """
    xp = namespace(rate)
    return xp.maximum(rate, xp.maximum(account, position))


def high_leverage_initial(normal: Values, high: Values, factor: Values, units: Values, unit: float = 0.0) -> Values:
    """Initial rate [...] in high-leverage mode: ``high`` for small positions, the normal rate for large ones.

    Between 0.8 of the normal base rate and all of it the rate is interpolated by what the size asks for. Where that is
    the normal rate itself, as it is counted, the venue's is ``high`` again
    (``calc_high_leverage_mode_initial_margin_ratio_from_size``).
    """
    xp, adjusted = namespace(units), sized_rate(normal, factor, units, unit)
    share = xp.clip(1.0 - (normal - adjusted) / _fifth(normal, unit), 0.0, 1.0)
    between = xp.where(adjusted < normal - 0.5 * unit, round_down(high + (normal - high) * share, unit), high)
    return xp.where(adjusted > normal + 0.5 * unit, adjusted, between)
