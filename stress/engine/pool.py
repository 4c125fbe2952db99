"""ADL of winners whose profits are too much for the pool, at the end of phase 4 of ``engine.step``.

The backstop is that pool: it takes what it closes into its inventory, at the price that it pays. Everybody else's
positions stay, so a tick's prices, rounds and deficits know nothing of it. Axes: ``A`` markets, ``N`` accounts, 2
sides (long, short).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from stress.engine.check import check_at, oracle_price
from stress.engine.state import Accounts, Row
from stress.engine.tick import CRUMB, Closing, Tick
from stress.protocol.adl.base import Standing
from stress.protocol.adl.pool import PoolBook, by_side, shares_closed
from stress.protocol.venue import Venue
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PoolClosing:
    """What the pool closes. Units are signed like the position."""

    units: Array  # [A, N]
    price: Array  # [A, N] USD per unit, the part of the profit included that is not paid


def exceeded(venue: Venue, row: Row, tick: Tick) -> Array:
    """Sides [A, 2] whose profits are too much for the pool, of markets that trade."""
    assert venue.pool is not None and row.pool is not None  # the caller's branch
    return venue.pool.exceeded(row.pool, oracle_price(venue, row, tick)) & ~tick.halted[:, None]


def watched(venue: Venue, row: Row, tick: Tick) -> tuple[Row, Array]:
    """The row that knows whether its pool has something to do in this tick, and whether it has []."""
    assert row.pool is not None  # the caller's branch
    due = exceeded(venue, row, tick).any()
    return replace(row, pool=replace(row.pool, due=due)), due


def deleveraged_rows(venue: Venue, accounts: Accounts, rows: Row, tick: Tick) -> Row:
    """Rows of a batch after the pools closed what they have to; ``accounts`` have a leading axis, too."""
    assert rows.pool is not None  # the caller's branch

    def one(venue: Venue, accounts: Accounts, row: Row, tick: Tick) -> Row:
        return after_closing(venue, accounts, row, tick, pool_closing(venue, accounts, row, tick))

    return jax.lax.cond(rows.pool.due.any(), lambda: jax.vmap(one)(venue, accounts, rows, tick), lambda: rows)


def pool_closing(venue: Venue, accounts: Accounts, row: Row, tick: Tick) -> PoolClosing:
    """What is closed of winners, in the policy's order, at the oracle price less what the pool cannot pay.

    Nobody is closed who would be left with less than nothing by what is not paid.
    """
    trigger, book, held, entry = venue.pool, row.pool, row.ledger.size, accounts.entry
    assert trigger is not None and book is not None  # the caller's branch
    seen = check_at(venue, accounts, row.ledger.quote, held, oracle_price(venue, row, tick))
    acts = exceeded(venue, row, tick) & book.due
    paid = trigger.share_paid(trigger.factor(book, seen.price))
    gain = (seen.price[:, None] - entry)[:, None] * jnp.array([1.0, -1.0])[:, None] * by_side(held)  # [A, 2, N]
    profit = jnp.where(acts[..., None] & ~accounts.residual, jnp.maximum(gain, 0.0), 0.0)
    unpaid = ((1.0 - paid)[..., None] * profit).sum((0, 1))
    profit = jnp.where(seen.worth() > unpaid, profit, 0.0)
    standing = Standing(
        size=held,
        entry=entry,
        quote=row.ledger.quote,
        residual=accounts.residual,
        mark=row.mark,
        oracle=seen.price,
        margin=seen.margin,
        loser_order=jnp.arange(held.shape[1]),
        tick=tick.number,
        coins=accounts.coins,
    )
    excess = jnp.where(acts, trigger.excess(book, seen.price), 0.0)
    share = shares_closed(trigger.policy, standing, profit, excess)
    part = jnp.where(held > 0, paid[:, :1], paid[:, 1:])
    return PoolClosing(
        units=jnp.where(share >= 1.0 - CRUMB, held, held * share),
        price=entry + part * (seen.price[:, None] - entry),
    )


def after_closing(venue: Venue, accounts: Accounts, row: Row, tick: Tick, closing: PoolClosing) -> Row:
    """The row after it: what accounts get, what the backstop has, and what is recorded."""
    row = with_skew(venue, row, tick, closing.units.sum(1))
    vault, book, ledger = row.vault, row.pool, row.ledger
    assert vault is not None and book is not None  # the caller's branch
    value, hit = closing.units * closing.price, closing.units != 0
    sides = by_side(closing.units)
    cost = (sides * accounts.entry[:, None]).sum(-1)
    gained = ((sides * closing.price[:, None]).sum(-1) - cost) * jnp.array([1.0, -1.0])
    return replace(
        row,
        ledger=replace(ledger, quote=ledger.quote + value.sum(0), size=ledger.size - closing.units),
        vault=replace(vault, quote=vault.quote - value.sum(), size=vault.size + closing.units.sum(1)),
        pool=replace(book.closed(sides.sum(-1), cost, gained), due=jnp.zeros((), bool)),
        outcome=row.outcome.add(
            adl_notional=jnp.abs(value).sum(), adl_accounts=hit.any(0).sum(dtype=jnp.int32)
        ),
    )


def with_skew(venue: Venue, row: Row, tick: Tick, closed: Array) -> Row:
    """The row, with its mark where it follows the book, after traders ``closed`` [A] units, longs less shorts."""
    if venue.liquidity.curve is None:
        return row
    z = row.z + closed
    displacement = venue.liquidity.displacement(z)
    return replace(row, z=z, displacement=displacement, mark=venue.liquidity.displaced(tick.fundamental, displacement))


def pool_after(row: Row, accounts: Accounts, left: Array, closing: Closing) -> PoolBook | None:
    """What pool and traders have with each other after a round that leaves sizes [A, N]."""
    if row.pool is None:
        return None
    held = jnp.where(accounts.residual, 0.0, row.ledger.size)
    closed = by_side(jnp.where(accounts.residual, 0.0, row.ledger.size - left))
    entry, gained = accounts.entry[:, None], jnp.zeros_like(row.pool.units)
    if closing.taken is not None and closing.taken_price is not None:
        taken = by_side(jnp.where(closing.taken > 0, held, 0.0))
        paid = jnp.where(taken > 0, closing.taken_price[:, None], entry)  # it is not a number of who is not taken
        gained = (taken * (paid - entry)).sum(-1) * jnp.array([1.0, -1.0])
    return row.pool.closed(closed.sum(-1), (closed * entry).sum(-1), gained)
