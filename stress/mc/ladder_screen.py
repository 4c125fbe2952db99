"""The screen of the ladder engine: in float32, whether anybody might be liquidatable, of many ticks or paths at once.

The next account of each side names an oracle price. Compared are logarithms, so that what a tick adds is all that a
tick costs: the log price of the tick, and that of one plus the displacement by a polynomial. A price that stays within
the two thresholds by more than all rounding needs no look; else doubles decide.

With ``u`` = 2^-24, the rounding of float32, and thresholds ``t``, the errors where price and threshold meet are: of
the trigger and its logarithm ``2 u (1 + |t|)``, of the log price and the sum ``2 u (1 + |t|)``, of the displacement,
its decay and the polynomial, whose terms add up to less than ``|t| + 3``, ``4 u (|t| + 3)``. Together they are below
``20 u (1 + |t|)``: SLACK has room for a third more. What the polynomial leaves out, and what the cap changes, is added
for each path (:func:`drawn_in`).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.engine.ladder.book import Ladders
from stress.engine.ladder.crowd import Crowd, triggers
from stress.mc.float32 import polynomial
from stress.protocol.venue import Venue
from stress.types import Array

SLACK = 1.6e-6
"""Of a threshold, absolute and relative."""
SERIES = (1 / 5, -1 / 4, 1 / 3, -1 / 2, 1.0)
"""Of log(1 + x) / x, the highest power first."""
FAR = 0.25
"""The largest relative move of a price without a look."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Limits:
    """Log oracle prices over those at time zero between which nobody can be liquidatable, float32 of one shape."""

    low: Array
    high: Array

    def passed(self, log_price: Array, displacement: Array) -> Array:
        """Whether a float32 log price with a ``displacement`` that the oracle sees is beyond one, shapes broadcast."""
        seen = log_price + displacement * polynomial(SERIES, displacement)
        return (seen < self.low) | (seen > self.high)


def thresholds(ladders: Ladders, venue: Venue, row: Crowd, price: Array, log_price: Array) -> Limits:
    """Limits [A] of one path at fundamental prices [A] in USD, ``log_price`` [A] being theirs; none is beyond FAR.

    The series ends with an odd power, so it exceeds what it stands for: both limits err to the safe side.
    """
    far = jnp.maximum(triggers(ladders, venue, row), 0.0)
    here = log_price.astype(jnp.float32)
    slack = jnp.float32(SLACK) * (1 + jnp.abs(here))
    return Limits(here + (_log_ratio(far[:, 0], price) + slack), here - (_log_ratio(price, far[:, 1]) + slack))


def _log_ratio(x: Array, y: Array) -> Array:
    """log(x / y), at least -FAR or so."""
    less = jnp.maximum(x / y - 1.0, -FAR).astype(jnp.float32)
    return less * polynomial(SERIES, less)


def drawn_in(limits: Limits, free: Array, cap: Array, share: Array, left: Array) -> tuple[Limits, Array]:
    """Limits for ticks in which the displacement decays, and what the oracle sees of it in the first, of any shape.

    Parameters:
        free: displacement before the ``cap`` in the first tick.
        share: of the displacement that the oracle sees.
        left: share of ``free`` that is left in the last tick.

    Taken for the displacement ``n`` ticks later is the first one's, decayed. That is short by what the cap held back,
    at most by what of the cap decays; and the series of log(1 + x) ends after the fifth power.
    """
    seen = (share * jnp.clip(free, -cap, cap)).astype(jnp.float32)
    held_back = jnp.minimum(jnp.maximum(jnp.abs(free) - cap, 0.0), cap * (1.0 - left)) * share
    size = jnp.abs(seen)
    square = size * size
    slack = (square * square * square / (len(SERIES) + 1) + held_back.astype(jnp.float32)) / (1 - size)
    return Limits(limits.low + slack, limits.high - slack), seen
