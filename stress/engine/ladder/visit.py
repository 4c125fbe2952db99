"""What a tick does to one path of the ladder engine, for engines that go from path to path on their own."""

from __future__ import annotations

import jax.numpy as jnp

from stress.engine.ladder.book import Ladders
from stress.engine.ladder.rounds import LadderTick, run_rounds
from stress.engine.ladder.screen import thresholds
from stress.engine.ladder.state import LadderRow, pay_funding
from stress.protocol.venue import Venue
from stress.types import Array


def visit(
    ladders: Ladders,
    venue: Venue,
    prices: Array,
    row: LadderRow,
    free: Array,
    log_price: Array,
    multiplier: Array,
    number: Array,
) -> tuple[LadderRow, Array, Array, Array, Array]:
    """The rounds of a path that is at a threshold.

    ``prices`` [A] are those at time zero in USD, ``log_price`` [A] the log of fundamental over initial price, ``free``
    [A] the displacement before the cap, ``multiplier`` [] that of depth. Returns row, ``free`` and both thresholds [A]
    after the rounds, and what was liquidated [] in USD.
    """
    liquidity = venue.liquidity
    z = liquidity.impact.absorbed(free)
    depth = liquidity.depth_now(multiplier, liquidity.impact.displacement(z))
    tick = LadderTick(number=number, fundamental=prices * jnp.exp(log_price), depth=depth)
    after, z, sold = run_rounds(ladders, venue, row, z, tick)
    return after, liquidity.impact.uncapped(z), *thresholds(ladders, venue, after, prices), sold


def pay(
    ladders: Ladders, venue: Venue, prices: Array, row: LadderRow, free: Array, log_price: Array, number: Array
) -> tuple[LadderRow, Array, Array]:
    """Phase 3 of a path, where it is due: the row, and both thresholds [A] afterwards."""
    displacement = jnp.clip(free, -venue.liquidity.impact.cap, venue.liquidity.impact.cap)
    mark = prices * jnp.exp(log_price) * (1.0 + displacement)
    row = pay_funding(ladders, venue, row, mark, displacement, number)
    return row, *thresholds(ladders, venue, row, prices)
