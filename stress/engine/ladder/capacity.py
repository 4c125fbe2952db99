"""Keepers' capacity on ladders: of all who are ready, the riskiest are taken first, the last of them in part.

Risk is equity over requirement. Under one margin rate it falls with the key, so a ladder is a queue in risk order; of
all ladders and of the accounts aside, those below one ratio are taken. Halving finds it: the ratio at which capacity
is used up, between two doubles next to each other.

Axes: ``S`` slots, ``L`` ladders, ``A`` markets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp

from stress.engine.ladder.aside import Aside, equity
from stress.engine.ladder.book import Index, Ladders, each, entry, flat_rates
from stress.engine.ladder.crowd import Crowd, at, worth
from stress.engine.ladder.pending import Due, Taken
from stress.protocol.keepers import DUST
from stress.protocol.venue import Venue
from stress.types import NEVER, Array

HALVINGS = 80
"""Steps from any two ratios to doubles next to each other."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Front:
    """The riskiest of a queue."""

    ratio: Array  # [] they are below
    places: Array  # [L] int32, behind the last of each ladder
    slots: Array  # [S] bool


@dataclass(frozen=True)
class Queue:
    """Everybody who is ready."""

    ladders: Ladders
    first: Array  # [L] int32
    ends: Array  # [L] int32
    worth: Array  # [L] USD of an original unit before its key
    need: Array  # [L] USD, requirement of an original unit
    notional: Array  # [L] USD of an original unit
    slots: Array  # [S] USD, notional of accounts aside that are ready, 0 for others
    ratio: Array  # [S] of accounts aside

    def front(self, ratio: Array) -> Front:
        """Those below a ratio []."""

        def one(ladder: Index) -> Array:
            limit = self.worth[ladder] - ratio * self.need[ladder]
            return self.ladders.first_not_above(ladder, self.first[ladder], limit)

        places = jnp.minimum(each(one, self.first.shape[0]), self.ends)
        return Front(ratio, places, (self.slots > 0) & (self.ratio < ratio))

    def amount(self, front: Front) -> Array:
        """Notional [] in USD."""
        units = at(self.ladders.size, front.places) - at(self.ladders.size, self.first)
        return (self.notional * units).sum() + jnp.where(front.slots, self.slots, 0.0).sum()


def limited(ladders: Ladders, venue: Venue, crowd: Crowd, found: Due, seen: Array, tick: Array, left: Array) -> Due:
    """Phase 6: what is ``found`` to be due at oracle prices [A], cut to the capacity ``left`` [] in USD."""
    assert crowd.aside is not None  # the caller's branch
    price, count = jnp.repeat(seen, 2), ladders.key.shape[0]
    notional = crowd.scale * price
    need = jnp.repeat(flat_rates(venue.maintenance), 2) * notional
    aside, ratio, liquidatable = _look_aside(venue, crowd, crowd.aside, price, need, tick)
    ready = venue.keepers.ready(aside.flagged, liquidatable, tick)
    slots = jnp.where(ready, aside.units * aside.of(notional), 0.0)
    unit = worth(crowd, jnp.arange(count), ladders.sign(), price)
    queue = Queue(ladders, crowd.next, found.ends, unit, need, notional, slots, ratio)
    all_of_it = queue.amount(Front(jnp.ones(()), found.ends, ready))
    ends, moved, part, share = jax.lax.cond(
        all_of_it > left,
        lambda: _cut(queue, left),
        lambda: (found.ends, jnp.zeros(count, jnp.int32), jnp.zeros(()), ready.astype(float)),
    )
    waits = (found.reached > ends) | (aside.sums(jnp.where(liquidatable & (share < 1.0), 1.0, 0.0), count) > 0)
    taken = Taken(aside, share, moved, part, waits, used=jnp.minimum(all_of_it, left))
    return Due(ends=ends, reached=found.reached, pending=found.pending, taken=taken)


def _look_aside(
    venue: Venue, crowd: Crowd, aside: Aside, price: Array, need: Array, tick: Array
) -> tuple[Aside, Array, Array]:
    """Accounts aside with their flags renewed, equity over requirement [S], and who is liquidatable [S]."""
    mine, required = equity(aside, crowd.scale, crowd.shift, price), aside.of(need)
    liquidatable = (aside.units > 0) & (mine < required)
    flagged = aside.flagged
    if crowd.pending is not None:  # without a look nobody was liquidatable
        flagged = jnp.where(crowd.pending.missed(tick), NEVER, flagged)
    flagged = venue.keepers.flag(flagged, liquidatable, tick)
    return replace(aside, flagged=flagged), mine / jnp.where(required > 0, required, 1.0), liquidatable


def _cut(queue: Queue, left: Array) -> tuple[Array, Array, Array, Array]:
    """Places [L], the ladder whose next account is taken in part [L], its share [], shares of accounts aside [S]."""
    count = queue.first.shape[0]
    ratios = (queue.worth - at(queue.ladders.key, queue.first)) / jnp.where(queue.need > 0, queue.need, 1.0)
    waiting = (queue.ends > queue.first) & (queue.need > 0)
    least = jnp.minimum(jnp.where(waiting, ratios, 1.0).min(), jnp.where(queue.slots > 0, queue.ratio, 1.0).min())

    def several(bounds: tuple[Front, Front, Array]) -> Array:
        low, high, step = bounds
        between = (high.places - low.places).sum() + (high.slots & ~low.slots).sum()
        return (between > 1) & (step < HALVINGS)

    def halve(bounds: tuple[Front, Front, Array]) -> tuple[Front, Front, Array]:
        low, high, step = bounds
        middle = queue.front(0.5 * (low.ratio + high.ratio))
        fits = queue.amount(middle) <= left
        low, high = (jax.tree.map(partial(jnp.where, fits), *pair) for pair in ((middle, low), (high, middle)))
        return low, high, step + 1

    low, high, _ = jax.lax.while_loop(several, halve, (queue.front(least), queue.front(jnp.ones(())), jnp.int32(0)))
    places, rest = low.places, left - queue.amount(low)
    moved, part = jnp.zeros(count, jnp.int32), jnp.zeros(())
    for ladder in range(count):  # of those at the ratio, as many as fit
        place, rest, share = _fill(queue, ladder, places[ladder], high.places[ladder], rest)
        places = places.at[ladder].set(place)
        moved, part = moved.at[ladder].set((share > 0).astype(jnp.int32)), part + share
    amounts = jnp.where(high.slots & ~low.slots, queue.slots, 0.0)
    before = jnp.cumsum(amounts) - amounts
    share = _rounded((rest - before) / jnp.where(amounts > 0, amounts, 1.0))
    return places, moved, part, jnp.where(low.slots, 1.0, jnp.where(amounts > 0, share, 0.0))


def _fill(queue: Queue, ladder: int, start: Array, end: Array, left: Array) -> tuple[Array, Array, Array]:
    """How far USD ``left`` [] go from ``start`` []: place, what is left then, share [] of the account there."""
    sizes, unit = queue.ladders.size, queue.notional[ladder]
    base = entry(sizes, ladder, start)

    def halve(state: tuple[Array, Array]) -> tuple[Array, Array]:
        place, room = state
        half = (room + 1) // 2
        fits = unit * (entry(sizes, ladder, place + half) - base) <= left
        return jnp.where(fits, place + half, place), jnp.where(fits, room - half, half - 1)

    place, _ = jax.lax.while_loop(lambda state: state[1] > 0, halve, (start, end - start))
    rest = left - unit * (entry(sizes, ladder, place) - base)
    there = jnp.minimum(place + 1, sizes.shape[1] - 1)
    amount = unit * (entry(sizes, ladder, there) - entry(sizes, ladder, place))
    share = jnp.where(place < end, _rounded(rest / jnp.where(amount > 0, amount, 1.0)), 0.0)
    place = jnp.where(share >= 1.0, place + 1, place)
    rest = jnp.where(place < end, 0.0, rest)
    return place, rest, jnp.where(share >= 1.0, 0.0, share)


def _rounded(share: Array) -> Array:
    """In [0, 1]; what is rounding of either end is that end."""
    share = jnp.clip(share, 0.0, 1.0)
    return jnp.where(share < DUST, 0.0, jnp.where(share > 1.0 - DUST, 1.0, share))
