"""Margin requirements that change from tick to tick (``protocol.adaptive``), for an engine that looks where it must.

Screens and fronts bound what accounts can bear at the requirements of their look. Lower ones leave them true; a row
whose requirements rise beyond them has all accounts looked at anew.
"""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp

from stress.engine.batches import Packed, pack
from stress.engine.front import Front
from stress.engine.loops import by_rows, when
from stress.engine.rows import Rows
from stress.engine.state import Row
from stress.protocol.margin.scaled import Scaled
from stress.protocol.venue import Venue
from stress.types import Array


def requiring(venue: Venue, factor: Array) -> Venue:
    """The venue with requirements times ``factor`` [..., A]."""
    assert isinstance(venue.maintenance, Scaled)  # as it is built
    return replace(venue, maintenance=replace(venue.maintenance, factor=factor))


def with_requirements(venue: Venue, opened: Row, rows: Rows, main: Array) -> tuple[Packed, Rows, Array]:
    """Venue of a tick, rows without the fronts that no longer hold, and the rows [rows] whose requirements rose.

    ``main`` [rows] is each row's own number, or of a companion that sleeps that of its main row.
    """
    state = opened.adaptive
    assert state is not None  # the caller's branch
    raised = (state.factor > state.boxed).any(1)

    def without(books: Packed) -> Packed:
        tree = books.unpack()
        front: Front = tree["front"]
        low, high = (by_rows(raised, jnp.full_like(edge, end), edge)
                     for edge, end in ((front.low, jnp.inf), (front.high, -jnp.inf)))
        return pack(tree | {"front": replace(front, low=low, high=high)}, books.large)

    books = when(raised.any(), without, rows.books)
    return pack(requiring(venue, state.factor[main])), replace(rows, books=books), raised


def looked_at(opened: Row, look: Array) -> Row:
    """Rows whose screens stand for the requirements of now, where accounts are looked at: ``look`` [rows]."""
    state = opened.adaptive
    assert state is not None  # the caller's branch
    return replace(opened, adaptive=replace(state, boxed=by_rows(look, state.factor, state.boxed)))


def follow(venue: Venue, opened: Row) -> Venue:
    """The venue of a tick, of rows that are looked at whatever happens."""
    return venue if opened.adaptive is None else jax.vmap(requiring)(venue, opened.adaptive.factor)
