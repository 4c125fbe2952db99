"""What happens to a run of accounts of one ladder that are closed at one price: differences of running sums.

Equity falls along the key, so the run splits at two places: first those below zero, then those who cannot pay the
whole fee, then the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.engine.ladder.aside import Aside
from stress.engine.ladder.book import SIGN, Index, Ladders, entry
from stress.engine.ladder.crowd import Crowd, worth
from stress.engine.ladder.state import LadderRow
from stress.protocol.venue import Fees, Venue
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Closed:
    """Sums over the closed accounts, [L] or of all ladders []."""

    fee: Array  # USD
    deficit: Array  # USD
    remainder: Array  # USD that goes to the fund
    left: Array  # USD that stays with the accounts
    insolvent: Array  # USD of notional whose accounts have a deficit

    def __add__(self, other: Closed) -> Closed:
        return jax.tree.map(jnp.add, self, other)

    def total(self) -> Closed:
        """Over all ladders."""
        return jax.tree.map(jnp.sum, self)


@dataclass(frozen=True)
class Run:
    """Accounts ``start`` to ``end`` (exclusive) of a ladder, ``share`` of each sold on the book at ``fill``."""

    ladder: Index
    start: Array  # [] int32
    end: Array  # [] int32
    share: Array | float  # []
    fill: Array  # [] USD per unit


def nothing_closed() -> Closed:
    """The sums over nobody."""
    zero = jnp.zeros((), jnp.float64)
    return Closed(zero, zero, zero, zero, zero)


def units(ladders: Ladders, run: Run) -> Array:
    """Original units [] of the accounts of a run."""
    return entry(ladders.size, run.ladder, run.end) - entry(ladders.size, run.ladder, run.start)


def keyed(ladders: Ladders, run: Run) -> Array:
    """Sum [] of units x key."""
    return entry(ladders.value, run.ladder, run.end) - entry(ladders.value, run.ladder, run.start)


def close(ladders: Ladders, crowd: Crowd, fees: Fees, run: Run) -> Closed:
    """Fees, deficits and what is left."""
    mine = worth(crowd, run.ladder, ladders.sign()[run.ladder], run.fill)
    charge = fees.rate * crowd.scale[run.ladder] * run.fill  # an original unit's
    rich = entry(ladders.key, run.ladder, run.start) <= mine - charge  # the first has the least
    broke, poor = jax.lax.cond(rich, lambda: (run.start, run.start), lambda: _splits(ladders, run, mine, charge))
    size = [entry(ladders.size, run.ladder, place) for place in (run.start, broke, poor, run.end)]
    value = [entry(ladders.value, run.ladder, place) for place in (run.start, broke, poor, run.end)]
    deficit = (value[1] - value[0]) - mine * (size[1] - size[0])
    partial = mine * (size[2] - size[1]) - (value[2] - value[1])
    fee = charge * (size[3] - size[2])
    rest = mine * (size[3] - size[2]) - (value[3] - value[2]) - fee
    remainder = rest * fees.remainder_to_fund
    insolvent = crowd.scale[run.ladder] * run.fill * (size[1] - size[0])
    parts = (partial + fee, deficit, remainder, rest - remainder, insolvent)
    return Closed(*(jnp.maximum(part, 0.0) * run.share for part in parts))


def _splits(ladders: Ladders, run: Run, worth: Array, charge: Array) -> tuple[Array, Array]:
    """Places [] behind the last of a run with less than nothing, and the last with less than the fee ``charge`` []."""
    broke = jnp.minimum(ladders.first_not_above(run.ladder, run.start, worth), run.end)
    return broke, jnp.minimum(ladders.first_not_above(run.ladder, broke, worth - charge), run.end)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Sale:
    """One closing of a round's runs, at the prices of one flow."""

    closed: Closed  # sums over all ladders
    z: Array  # [A] absorbed flow over depth, afterwards
    fill: Array  # [L] USD per unit
    book: Array  # [L] units sold on the book
    kept: Aside | None  # accounts aside afterwards

    def bought(self) -> Array:
        """Units [L] that the market buys, less than zero where shorts are closed."""
        return jnp.tile(jnp.asarray(SIGN), self.book.shape[0] // 2) * self.book


def inflow(venue: Venue, sale: Sale) -> Array:
    """What a round's fees and remainders bring the fund [] in USD."""
    return venue.fees.split(sale.closed.fee)[1] + sale.closed.remainder


def available(venue: Venue, row: LadderRow, sale: Sale) -> Array:
    """The fund [] in USD after the round's inflow; zero where the waterfall has none."""
    if not venue.insured:
        return jnp.zeros(())
    return venue.fund + row.fund_flow + inflow(venue, sale)
