"""Funding as an index in USD per unit that rates move; positions pay what it moved while they were open.

Source: dYdX v4 (funding index), Nibiru perp v2 (cumulative premium fractions).
"""

from __future__ import annotations

from stress.protocol.margin.base import namespace
from stress.types import Array

ROUNDING = 1e-9
"""Multiples of a step this near to the next whole one are it: the rest is rounding of doubles."""


def index_change(rate: Array, elapsed: Array, period: Array, price: Array, step: float = 0.0) -> Array:
    """Growth [...] of the funding index in USD per unit: rate x elapsed / period x price.

    Parameters:
        rate: [...] for one ``period`` (which has the unit of ``elapsed``).
        step: the venue's smallest amount, to which it rounds toward zero; 0 for none.
    """
    return toward_zero(rate * elapsed / period * price, step)


def payment(size: Array, change: Array) -> Array:
    """What positions of ``size`` [...] units, long > 0, pay in USD while the index grows by ``change`` [...]."""
    return size * change


def toward_zero(amount: Array, step: float) -> Array:
    """``amount`` [...] in whole steps, without what is left over; unchanged for a step of zero."""
    if step == 0.0:
        return amount
    xp = namespace(amount)
    return xp.sign(amount) * xp.floor(xp.abs(amount) / step + ROUNDING) * step
