"""Phase 7 of ``engine.step``: what goes to the book, what the backstop takes, and what orders with limits fill."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp

from stress.engine.ladder.beside import book_crowd
from stress.engine.state import Accounts, Row
from stress.engine.tick import CRUMB, Check, Closing, Tick
from stress.liquidity.limit_orders import filled
from stress.protocol.liquidation.limits import OrderCase
from stress.protocol.liquidation.prices import bankruptcy_price
from stress.protocol.venue import Venue
from stress.types import Array


def book_closing(accounts: Accounts, row: Row, seen: Check, share: Array) -> Closing:
    """Everything that is closed goes to the book."""
    held = row.ledger.size
    book = jnp.where(share >= 1.0, held, held * share)
    none = jnp.zeros_like(book)
    crowd = None
    if accounts.ladders is not None and row.crowd is not None and seen.due is not None:
        crowd = book_crowd(row.crowd, seen.due)
    acted = (share > 0).any(0)
    whole = acted & ((share >= 1.0) | (held == 0)).all(0)
    return Closing(book=book, adl=none, adl_price=none, adl_cash=none[0], acted=acted, whole=whole, crowd=crowd)


def take_over(venue: Venue, row: Row, seen: Check, closing: Closing) -> Closing:
    """Phase 7: accounts that the backstop takes over, instead of the book."""
    backstop, vault = venue.backstop, row.vault
    assert backstop is not None and vault is not None  # the caller's branch
    worth = seen.worth()
    taken = closing.acted & backstop.takes(vault, seen.price, seen.equity, worth, seen.requirement)
    total, held = seen.notional.sum(0), row.ledger.size
    kept = backstop.left(worth, total)
    part = seen.notional / jnp.where(total > 0, total, 1.0)
    return replace(
        closing,
        book=jnp.where(taken, 0.0, closing.book),
        whole=closing.whole | taken,
        taken=jnp.where(taken, seen.notional, 0.0),
        taken_price=bankruptcy_price(seen.price[:, None], held, worth - kept, part),
        kept=kept,
    )


def place_orders(venue: Venue, row: Row, tick: Tick, seen: Check, closing: Closing) -> Closing:
    """Phase 7: what orders with limits fill; the rest waits, but of bankrupt accounts that get nothing ADL takes it."""
    held = row.ledger.size
    case = OrderCase(seen.price[:, None], held, seen.margin, seen.worth(), seen.requirement)
    closing = replace(closing, bankruptcy=case.bankruptcy())
    if venue.limit is None:
        return closing
    done = filled(venue.liquidity, closing.book, venue.limit.price(case), row.z, tick.fundamental, tick.depth)
    left = closing.book - done
    left = jnp.where(jnp.abs(left) <= CRUMB * jnp.abs(held), 0.0, left)
    stranded = jnp.where((seen.worth() < 0) & (done == 0).all(0), left, 0.0)
    return replace(
        closing,
        book=closing.book - left,
        acted=closing.acted & ((left == 0) | (done != 0)).any(0),
        whole=closing.whole & (left == 0).all(0),
        stranded=stranded,
        waits=(left != 0).any(0),
    )
