"""Screening: prices between which no account can become liquidatable, so nobody is looked at.

Let an account have slack = equity - requirement > 0 at prices O. If every market moves by less than a share x
against it, it loses less than x sum_a w_a, with w = notional for longs (a lower price also lowers the requirement)
and w = notional (1 + m) for shorts, m its steepest marginal rate. So it is safe while every market it is long
stays above O (1 - slack / sum w) and every market it is short stays below O (1 + slack / sum w); favourable moves
only help, since no marginal rate reaches one. The nearest account on each side bounds the box. Whatever changes
the accounts themselves (funding, a round) makes a new box. Of inverse contracts all of this is mirrored; there the
requirement is convex in the price, so reaches end where that has doubled. Coins, after their haircuts, are a long
without a requirement (``protocol.coins.hurt_by``): a short that its coins outweigh is safe above, and watched below.

Unrealised gains that count at a weight g: what counts of a position's profit p is min(p, g p), which grows with p at
a rate between g and one. Losses are as before, so w holds for moves against the account. A favourable move by a
share x brings a short at least nothing (its requirement falls), and a long at least (g - m) x notional: it only helps
where g >= m. Else a long loses less than x notional (m - g) when the price rises, which is less than it loses when the
price falls as far, so the reach is the same, and its market is watched above, too.
"""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp

from stress.engine.check import oracle_price
from stress.engine.ladder.book import Ladders
from stress.engine.ladder.crowd import Crowd, triggers
from stress.engine.state import Accounts, Row, Screen
from stress.engine.tick import Check, Tick
from stress.protocol.coins import hurt_by
from stress.protocol.venue import Venue
from stress.types import Array

MARGIN = 1e-9
"""The box is smaller by this share, far above the rounding of the sums behind it."""
DOUBLED = 1.0
"""The longest reach with inverse contracts, as a share of the price."""


def reaches(venue: Venue, accounts: Accounts, held: Array, seen: Check) -> Array:
    """How far [N] markets may move against each account before it can be liquidatable, as a share of their prices.

    ``held`` [A, N] are the sizes it is left with; infinite for accounts that hold nothing and the residual one.
    """
    steep = steepest(venue, held, seen.notional)
    weight = jnp.where(held != 0, seen.notional * jnp.where(held < 0, 1.0 + steep, 1.0), 0.0).sum(0)
    watched = (weight > 0) & ~accounts.residual
    if weighs(venue, accounts):
        below, above = hurt(venue, accounts, held, steep)
        weight = (jnp.maximum(below, above) * seen.price[:, None]).sum(0)
        watched = watched & (weight > 0)
    reach = (seen.equity - seen.requirement) / jnp.where(watched, weight, 1.0)
    return jnp.where(watched, reach if venue.contract is None else jnp.minimum(reach, DOUBLED), jnp.inf)


def weighs(venue: Venue, accounts: Accounts) -> bool:
    """Whether something else than positions, or not all that they gain, counts."""
    return accounts.coins is not None or venue.gain_weight is not None


def hurt(venue: Venue, accounts: Accounts, held: Array, steep: Array) -> tuple[Array, Array]:
    """Units [A, N] by which a lower and by which a higher price hurts accounts that hold ``held`` [A, N], at most."""
    counted = 0.0 if accounts.coins is None else accounts.coins.counted
    return hurt_by(held, steep, counted, 1.0 if venue.gain_weight is None else venue.gain_weight[:, None])


def steepest(venue: Venue, held: Array, notional: Array) -> Array:
    """Largest growth [A, N] of the requirement with the notional [A, N], at any price that the reach allows.

    A rate that grows with the coins in a position grows with their number, too: its slope is that of twice as many.
    """
    if venue.contract is None:
        return venue.maintenance.steepest(jnp.abs(held))
    twice = (1.0 + DOUBLED) * notional
    return venue.maintenance.marginal(venue.size_units(held, twice), twice)


def screen(venue: Venue, accounts: Accounts, size: Array, seen: Check, share: Array) -> Screen:
    """The box around the prices of a check, of sizes [A, N] less the positions that ``share`` [1 or A, N] closes."""
    held = jnp.where(share >= 1.0, 0.0, size)
    reach, falls, rises = reaches(venue, accounts, held, seen), held > 0, held < 0
    if weighs(venue, accounts):
        below, above = hurt(venue, accounts, held, steepest(venue, held, seen.notional))
        falls, rises = below > 0, above > 0
    down = jnp.where(falls, reach, jnp.inf).min(1) * (1.0 - MARGIN) - MARGIN
    up = jnp.where(rises, reach, jnp.inf).min(1) * (1.0 - MARGIN) - MARGIN
    if venue.contract is not None:  # favourable moves only help as far as the reach is right
        up = jnp.minimum(up, DOUBLED)
    waits = seen.liquidatable & (held != 0).any(0)
    return Screen(low=seen.price * (1.0 - down), high=seen.price * (1.0 + up), always=waits.any())


def within_triggers(box: Screen, ladders: Ladders, venue: Venue, crowd: Crowd) -> Screen:
    """The box cut to prices at which nobody on the ladders is liquidatable."""
    limits = triggers(ladders, venue, crowd)
    low, high = limits[:, 0] * (1.0 + MARGIN), limits[:, 1] * (1.0 - MARGIN)
    return replace(box, low=jnp.maximum(box.low, low), high=jnp.minimum(box.high, high))


def outside(venue: Venue, row: Row, tick: Tick) -> Array:
    """Whether the accounts of this row have to be looked at []."""
    price = oracle_price(venue, row, tick)
    return row.screen.always | (price <= row.screen.low).any() | (price >= row.screen.high).any()
