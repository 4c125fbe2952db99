"""What a tick does to one path of the ladder engine that is looked at: its rounds, its funding, its next limits."""

from __future__ import annotations

import jax.numpy as jnp

from stress.engine.ladder.book import Ladders
from stress.engine.ladder.rounds import LadderTick, run_rounds
from stress.engine.ladder.state import LadderRow, pay_funding
from stress.mc.ladder_screen import Limits, drawn_in, thresholds
from stress.protocol.venue import Venue
from stress.types import Array


def visit(
    ladders: Ladders,
    venue: Venue,
    prices: Array,
    row: LadderRow,
    free: Array,
    log_price: Array,
    depth: Array,
    number: Array,
) -> tuple[LadderRow, Array, Limits, Array]:
    """The rounds of a path that is at a limit.

    Parameters:
        prices: at time zero [A] in USD per unit.
        free: displacement [A] before the cap.
        log_price: of fundamental over initial price [A].
        depth: of the order book [] relative to ``liquidity.depth_usd``.

    Returns the row, ``free`` and limits [A] after the rounds, and what was liquidated [] in USD.
    """
    liquidity = venue.liquidity
    z = liquidity.impact.absorbed(free)
    tick = LadderTick(
        number=number,
        fundamental=prices * jnp.exp(log_price),
        depth=liquidity.depth_now(depth, liquidity.impact.displacement(z)),
    )
    row, z, sold = run_rounds(ladders, venue, row, z, tick)
    limits = thresholds(ladders, venue, row, tick.fundamental, log_price)
    return row, liquidity.impact.uncapped(z), limits, sold


def pay(
    ladders: Ladders, venue: Venue, prices: Array, row: LadderRow, free: Array, log_price: Array, number: Array
) -> tuple[LadderRow, Limits]:
    """Phase 3 of a path, where it is due: the row, and limits [A] afterwards."""
    displacement = jnp.clip(free, -venue.liquidity.impact.cap, venue.liquidity.impact.cap)
    fundamental = prices * jnp.exp(log_price)
    row = pay_funding(ladders, venue, row, fundamental * (1.0 + displacement), displacement, number)
    return row, thresholds(ladders, venue, row, fundamental, log_price)


def at_limit(limits: Limits, venue: Venue, free: Array, log_price: Array) -> Array:
    """Whether a path [] is at one of its limits [A] in this tick alone."""
    drawn, seen = drawn_in(limits, free, venue.liquidity.impact.cap, venue.oracle.impact_share, jnp.ones(()))
    return drawn.passed(log_price.astype(jnp.float32), seen).any()
