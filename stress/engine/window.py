"""Phase 6 of ``engine.step`` where a market has a window of what may be liquidated, and what it remembers."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from stress.engine.state import Row
from stress.engine.tick import Check, Closing
from stress.protocol.keepers import risk_order, within_capacity
from stress.protocol.venue import Venue
from stress.types import Array


def limit_to_window(venue: Venue, row: Row, seen: Check, share: Array) -> Array:
    """Shares [A, N] of ``share`` [1 or A, N] that the windows leave, the riskiest first in every market."""
    assert venue.window is not None and row.window is not None  # the caller's branch
    share = jnp.where(row.ledger.size != 0, share, 0.0)
    wanted = share * jnp.abs(row.ledger.size)
    left = venue.window.left(row.window, seen.price, wanted.sum(1))
    order = risk_order(seen.equity, seen.requirement, (share > 0).any(0))
    return jax.vmap(within_capacity, in_axes=(0, 0, None, 0))(share, wanted, order, left)


def window_after(row: Row, closing: Closing) -> Array | None:
    """Units [A, ticks] liquidated in the window after a round: what goes to the book and what the backstop takes."""
    if row.window is None:
        return None
    units = jnp.abs(closing.book) + jnp.where(closing.taken_over(), jnp.abs(row.ledger.size), 0.0)
    return row.window.at[:, -1].add(units.sum(1))
