"""Maintenance requirement and the share that restores a target."""

from __future__ import annotations

import math
from collections.abc import Callable

from tests.reference.rates import SizeRate, Tiers
from tests.reference.rules import Rules

STEPS = 200
"""Halvings of an interval: more than doubles can tell apart."""


def requirement(notional: float, tiers: Tiers) -> float:
    """Maintenance requirement in USD of a position's notional >= 0: each rate holds for its slab, as in a tax table."""
    total, lower = 0.0, 0.0
    for upper, rate in tiers:
        total += rate * max(0.0, min(notional, upper) - lower)
        lower = upper
    return total


def position_requirement(notional: float, price: float, margin: Tiers | SizeRate) -> float:
    """Maintenance requirement in USD of a position's notional >= 0 at ``price``."""
    if not isinstance(margin, SizeRate):
        return requirement(notional, margin)
    units = notional / price
    if margin.root:
        return notional * max(margin.base, 0.8 * margin.base + margin.growth * math.sqrt(units))
    return notional * (margin.base + margin.growth * units)


def tier_floor(notional: float, tiers: Tiers | SizeRate) -> float:
    """Where the tier of a notional begins; a notional at a bound is in the tier below. Tiers of one rate are one."""
    assert not isinstance(tiers, SizeRate)
    begin = 0.0
    for (upper, rate), (_, after) in zip(tiers, tiers[1:], strict=False):
        if upper < notional and after > rate:
            begin = upper
    return begin


def restoring_share(equity: float, notionals: list[float], rules: Rules, prices: list[float] | None = None,
                    discount: float = 0.0, gains: float = 0.0) -> float:
    """Smallest share x in [0, 1] of every position whose closing restores the target; 1 when none does.

    Closing x costs fee * x * N and leaves equity - fee x N >= target_multiple * MM((1 - x) positions). Equity is in
    USD and below the target, notionals [A] in USD, both at the oracle price; rates that grow with the units need it.
    ``discount`` is what liquidators take besides, of notional; ``gains`` are USD that count once all is closed.
    """
    total, prices = sum(notionals), prices or [math.nan] * len(notionals)

    def surplus(x: float) -> float:
        left = sum(position_requirement((1 - x) * n, p, margin)
                   for n, p, margin in zip(notionals, prices, rules.tiers, strict=True))
        return equity + x * gains - (rules.fee + discount) * x * total - rules.target_multiple * left

    if any(isinstance(margin, SizeRate) for margin in rules.tiers):
        return _concave_root(surplus)
    return _piecewise_root(surplus, [1 - upper / n for n, tiers in zip(notionals, rules.tiers, strict=True) if n > 0
                                     for upper, _ in tiers if math.isfinite(upper)])


def _piecewise_root(surplus: Callable[[float], float], bounds: list[float]) -> float:
    """The surplus is linear between the points where a shrinking position crosses a tier's bound."""
    start = 0.0  # the surplus is negative here
    for end in [*sorted(x for x in bounds if 0 < x < 1), 1.0]:
        if surplus(end) >= 0:
            return start + (end - start) * surplus(start) / (surplus(start) - surplus(end))
        start = end
    return 1.0


def _concave_root(surplus: Callable[[float], float]) -> float:
    """Where a concave surplus is first zero: below its maximum, found by thirds, the root is by halves."""
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        low, high = (left, high) if surplus(left) < surplus(right) else (low, right)
    end = 1.0 if surplus(1.0) >= surplus(high) else high
    if surplus(end) < 0:
        return 1.0
    low, high = 0.0, end
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if surplus(middle) >= 0 else (middle, high)
    return high
