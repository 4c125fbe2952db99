"""Who of the ladders is open, and what they own: the part of a path's state that every engine with ladders has.

Axes: ``L`` ladders, ``A`` markets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import jax
import jax.numpy as jnp

from stress.engine.ladder.aside import Aside, nobody_aside
from stress.engine.ladder.book import Index, Ladders, each, entry, flat_rates
from stress.engine.ladder.pending import Due, Pending, due, nobody_waits
from stress.protocol.keepers import Keepers
from stress.protocol.venue import Venue
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Crowd:
    """The accounts from ``next`` on are open, those before it are closed."""

    next: Array  # [L] int32, place of the next account to be liquidated
    scale: Array  # [L] g, share of every original unit that is left
    shift: Array  # [L] c, USD an original unit owes
    closed_quote: Array  # [] USD, what closed accounts own (owe, if negative)
    pending: Pending | None  # who waits for keepers, None where they act at once
    aside: Aside | None  # who was closed in part, None where keepers have no capacity to run out of


Paying = TypeVar("Paying", bound=Crowd)


def everybody(markets: int, keepers: Keepers) -> Crowd:
    """All accounts open."""
    count = 2 * markets
    return Crowd(
        next=jnp.zeros(count, jnp.int32),
        scale=jnp.ones(count, jnp.float64),
        shift=jnp.zeros(count, jnp.float64),
        closed_quote=jnp.zeros((), jnp.float64),
        pending=nobody_waits(keepers, count),
        aside=nobody_aside(keepers),
    )


def worth(crowd: Crowd, ladder: Index, sign: Array, price: Array) -> Array:
    """Worth [] in USD of an original unit at ``price``, before its key is taken off."""
    return sign * (crowd.scale[ladder] * price - crowd.shift[ladder])


def quotes(ladders: Ladders, crowd: Crowd) -> Array:
    """Quote balances [] in USD of all accounts together."""
    last = ladders.size.shape[1] - 1
    units = ladders.size[:, last] - at(ladders.size, crowd.next) + ladders.residual
    value = ladders.value[:, last] - at(ladders.value, crowd.next)
    owed = (ladders.sign() * crowd.shift * units + value).sum()
    if (aside := crowd.aside) is not None:
        owed = owed + (aside.units * (aside.sign() * aside.of(crowd.shift) + aside.key)).sum()
    return ladders.flat_quote + crowd.closed_quote - owed


def contracts(ladders: Ladders, crowd: Crowd) -> Array:
    """Sizes [A] of all accounts together."""
    units = ladders.size[:, -1] - at(ladders.size, crowd.next) + ladders.residual
    if crowd.aside is not None:
        units = units + crowd.aside.sums(crowd.aside.units, units.shape[0])
    return (ladders.sign() * crowd.scale * units).reshape(-1, 2).sum(1)


def at(table: Array, place: Array) -> Array:
    """Entries [L] of a table [L, n + 1] at places [L]."""
    return jnp.stack([entry(table, ladder, place[ladder]) for ladder in range(table.shape[0])])


def triggers(ladders: Ladders, venue: Venue, crowd: Crowd) -> Array:
    """Oracle prices [A, 2] in USD: below the first of a market a long, above the second a short is liquidatable."""
    sign, rate = ladders.sign(), jnp.repeat(flat_rates(venue.maintenance), 2)
    # liquidatable iff sign (g p - c) - rate g p < key
    key, held = at(ladders.key, crowd.next), crowd.scale > 0
    if crowd.aside is not None:
        key = jnp.maximum(key, crowd.aside.largest_key(key.shape[0]))
    price = (sign * key + crowd.shift) / jnp.where(held, crowd.scale * (1.0 - sign * rate), 1.0)
    return jnp.where(held, price, -sign * jnp.inf).reshape(-1, 2)


def look(ladders: Ladders, venue: Venue, crowd: Crowd, seen: Array, tick: Array) -> Due:
    """Phases 5 and 6 at oracle prices [A]: who is liquidatable, and whom keepers take."""
    return due(venue.keepers, crowd.pending, crowd.next, reached(ladders, venue, crowd, seen), tick)


def reached(ladders: Ladders, venue: Venue, crowd: Crowd, seen: Array) -> Array:
    """The place [L] up to which accounts are liquidatable at oracle prices [A]."""

    def end(ladder: Index) -> Array:
        price, rate = seen[ladder // 2], flat_rates(venue.maintenance)[ladder // 2]
        mine = worth(crowd, ladder, ladders.sign()[ladder], price)
        limit = mine - rate * crowd.scale[ladder] * price
        return ladders.first_not_above(ladder, crowd.next[ladder], limit)

    return each(end, ladders.key.shape[0])


def pay_crowd(crowd: Paying, price: Array) -> Paying:
    """Phase 3, with ``price`` [A] in USD a unit."""
    return replace(crowd, shift=crowd.shift + crowd.scale * jnp.repeat(price, 2))
