"""Maintenance requirement and the share that restores a target."""

from __future__ import annotations

import math

from tests.reference.rules import Rules, Tiers


def requirement(notional: float, tiers: Tiers) -> float:
    """Maintenance requirement in USD of a position's notional >= 0: each rate holds for its slab, as in a tax table."""
    total, lower = 0.0, 0.0
    for upper, rate in tiers:
        total += rate * max(0.0, min(notional, upper) - lower)
        lower = upper
    return total


def restoring_share(equity: float, notionals: list[float], rules: Rules) -> float:
    """Smallest share x in [0, 1] of every position whose closing restores the target; 1 when none does.

    Closing x costs fee * x * N and leaves equity - fee x N >= target_multiple * MM((1 - x) positions). Equity is in
    USD and below the target, notionals [A] in USD, both at the oracle price. The surplus is linear in x between the
    points where a shrinking position crosses a tier's bound, so the first sign change is found piece by piece.
    """
    total = sum(notionals)

    def surplus(x: float) -> float:
        left = sum(requirement((1 - x) * n, tiers) for n, tiers in zip(notionals, rules.tiers, strict=True))
        return equity - rules.fee * x * total - rules.target_multiple * left

    bounds = [1 - upper / n for n, tiers in zip(notionals, rules.tiers, strict=True) if n > 0 for upper, _ in tiers
              if math.isfinite(upper)]
    start = 0.0  # the surplus is negative here
    for end in [*sorted(x for x in bounds if 0 < x < 1), 1.0]:
        if surplus(end) >= 0:
            return start + (end - start) * surplus(start) / (surplus(start) - surplus(end))
        start = end
    return 1.0
