"""The screen of the ladder engine: float32 prices between which nobody can be liquidatable, for a look at many paths.

The next account of each side names a price. A float32 oracle price that stays within the two by more than its own
rounding needs no look; else doubles decide.
"""

from __future__ import annotations

import jax.numpy as jnp

from stress.engine.ladder.book import Ladders
from stress.engine.ladder.crowd import Crowd, triggers
from stress.protocol.venue import Venue
from stress.types import Array

SLACK = 4e-6
"""Relative; more than the rounding of a float32 price (below 2e-6 while its logarithm stays within REACH)."""
REACH = 16.0
"""Log of fundamental over initial price beyond which every tick is looked at."""


def thresholds(ladders: Ladders, venue: Venue, row: Crowd, prices: Array) -> tuple[Array, Array]:
    """Low and high [A] in float32, oracle prices over those at time zero, of one path."""
    far = triggers(ladders, venue, row) / prices[:, None]
    return (far[:, 0] * (1.0 + SLACK)).astype(jnp.float32), (far[:, 1] * (1.0 - SLACK)).astype(jnp.float32)
