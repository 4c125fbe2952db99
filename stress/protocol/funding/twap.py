"""Funding by the difference of average prices: USD per unit, a part of the day's difference at each payment.

Source: Drift v2 (``math/funding.rs``), Perpetual Protocol Curie (``Exchange.sol``).
"""

from __future__ import annotations

from math import inf

from stress.protocol.funding.index import toward_zero
from stress.protocol.margin.base import namespace
from stress.types import Array

DIVISORS = {"A": 33.0, "B": 33.0, "C": 20.0}
"""Drift v2: the difference is at most the oracle's average divided by this, by contract tier."""
OTHER_DIVISOR = 10.0
"""For the tiers that follow."""


def twap_rate(
    mark: Array, index: Array, payments: Array | float, limit: Array | float = inf, step: float = 0.0
) -> Array:
    """USD per unit [...] that longs pay at one of ``payments`` a day, for average prices [...] of mark and index.

    ``limit`` [...] in USD per unit bounds the day's difference on either side (``largest_difference``). ``step`` is the
    smallest amount, to which the venue rounds toward zero (Drift's 1e-9); 0 for none.
    """
    return toward_zero(namespace(mark).clip(mark - index, -limit, limit) / payments, step)


def largest_difference(index: Array, tier: str, step: float = 0.0) -> Array:
    """The limit [...] in USD per unit of Drift's contract tiers, in whole steps of the price (1e-6; 0 for none).

    ``tier`` is "A", "B" or "C", or any other name for those that follow.
    """
    return toward_zero(index / DIVISORS.get(tier, OTHER_DIVISOR), step)


def sided_rates(
    rate: Array, longs: Array, shorts: Array, pool: Array, floor: Array | float = 0.0, share: float = 1.0 / 3.0
) -> tuple[Array, Array, Array]:
    """Rates [...] of longs and of shorts and the pool [...] in USD after a payment in which it takes the difference.

    The payers' side pays ``rate`` [...] USD per unit, long > 0. The other side receives it in full if it is smaller,
    the rest is the pool's; else the pool adds at most a ``share`` of what it has above its ``floor``, and the rate of
    those who receive is what there is for each unit. ``longs`` and ``shorts`` [...] are units > 0.
    """
    xp = namespace(rate)
    paying, receiving = xp.where(rate > 0, longs, shorts), xp.where(rate > 0, shorts, longs)
    paid, due = xp.abs(rate) * paying, xp.abs(rate) * receiving
    added = xp.minimum(due - paid, share * xp.maximum(pool - floor, 0.0))
    received = xp.sign(rate) * (paid + added) / xp.where(receiving > 0, receiving, 1.0)
    return xp.where(rate > 0, rate, received), xp.where(rate > 0, received, rate), pool - added
