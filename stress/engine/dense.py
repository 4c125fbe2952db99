"""Dense engine: every margin account of the rows that need a look, over a block of rows.

Rows are variants x paths. A tick touches the accounts of a row only when its screen says so, and then those in
front (``engine.front``) where they can stand for everybody; such rows are gathered in batches of fixed size,
checked, and, where somebody is liquidatable, taken through the rounds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from stress.engine import step
from stress.engine.adapt import looked_at, with_requirements
from stress.engine.batches import Packed, in_batches, pack
from stress.engine.check import price_seen
from stress.engine.front import beyond, nobody_in_front
from stress.engine.ladder.state import after_funding
from stress.engine.looks import glance, look_at_all, look_at_front, new_fronts, new_fronts_together, unchanged
from stress.engine.loops import by_rows, when
from stress.engine.pool import watched
from stress.engine.rows import CLOCK, Rows, pack_holdings, parts_of, row_of
from stress.engine.screen import outside
from stress.engine.state import Accounts, Row
from stress.engine.tick import Tick
from stress.engine.withdrawals import withdraw
from stress.protocol.backstop import Vault
from stress.protocol.venue import Venue
from stress.protocol.withdrawals import WithdrawalState
from stress.types import Array

Purses = tuple[Packed, Packed, Vault | None, WithdrawalState | None]
"""Books and holdings of rows, and what else phase 3 changes."""


def advance(
    venue: Packed,
    accounts: Accounts,
    rows: Rows,
    fundamental: Array,
    multiplier: Array,
    number: Array,
    companion: int,
    batch: int,
    normal: Array | None = None,
) -> Rows:
    """One tick of all rows; venue packed [rows], fundamental [rows, A], multiplier [rows], number [].

    ``normal`` [rows, A] is the noise of the funding premium, where that is a process.


    ``batch`` rows are looked at together: on a CPU one, since few rows of a tick need a look.

    ``companion`` is how many rows behind its main row the one with the unlimited fund lies, 0 without. Both are the
    same until the fund is depleted, so the companion sleeps until then: in the tick of depletion it becomes a copy of
    its main row from before the liquidations that did it, and goes through them itself.
    """
    rules = venue.unpack()
    stale = row_of(rows.clock, rows.books.unpack(), rows.holdings.unpack())
    opened, tick = open_rows(rules, stale, fundamental, multiplier, number)
    if normal is not None:
        opened = premium_moved(rules, opened, number, normal)
    raised = None
    if rules.adaptive is not None:
        venue, rows, raised = with_requirements(rules, opened, rows, _main(rows.books, number, companion))
    pays = step.moves_cash(rules, number).any()
    if opened.withdrawals is not None:
        pays = pays | (opened.withdrawals.share > 0).any()

    def pay(parts: Purses) -> Purses:
        return _all_paid(accounts, rules, opened, Rows(rows.clock, *parts[:2]), tick, batch > 1)

    own = (rows.books, rows.holdings, opened.vault, opened.withdrawals)
    books, holdings, vault, left = when(pays, pay, own)
    opened = replace(opened, vault=vault, withdrawals=left)
    look = jax.vmap(outside)(rules, opened, tick) | pays
    due = None
    if opened.pool is not None:
        opened, due = jax.vmap(watched)(rules, opened, tick)
        look = look | due
    if raised is not None:
        look = look | raised
        opened = looked_at(opened, look)
    clock = {name: getattr(opened, name) for name in CLOCK}
    if companion:
        awake = awakened(books.unpack()["outcome"].depletion_tick < number, companion)
        look, tick = look & awake, _ticks_of_sleepers(tick, awake, companion)
    none = jnp.zeros_like(look)
    undone = none if due is None else look & due
    marks = {"todo": look & ~undone, "undone": undone, "wakes": none, "count": jnp.zeros(look.shape, jnp.int32)}
    looks = _Looks(accounts, venue, tick, companion, batch, true=fundamental[0, 0] > 0)
    state = [pack(clock | marks), books, holdings]
    state = jax.lax.while_loop(lambda now: now[0].unpack()["todo"].any(), looks.at_fronts, state)
    clock, books, holdings = looks.at_all(state)
    return Rows({name: clock.unpack()[name] for name in CLOCK}, books, holdings)


@dataclass(frozen=True)
class _Looks:
    """The looks of a tick. State: clock with marks (``engine.looks``), books, holdings."""

    accounts: Accounts
    venue: Packed
    tick: Tick
    companion: int
    batch: int
    true: Array  # [] true, which the compiler does not know

    def at_fronts(self, state: list[Packed]) -> list[Packed]:
        """New fronts for the rows that need one; then a look at the front of all rows that have it to do."""
        clock, books, holdings = state
        now, given = clock.unpack(), [self.venue, pack(self.tick)]
        price = self._prices(now)
        far = now["todo"] & _beyond(books, price)
        books, holdings = self._new_fronts(books, holdings, price, far)
        far = now["todo"] & _beyond(books, price)
        now = self._glanced(now | {"todo": now["todo"] & ~far, "undone": now["undone"] | far}, books, price)
        look = partial(look_at_front, self.accounts, self.companion > 0)
        clock, books = in_batches(
            look, [pack(now), books], given, now["todo"], self.batch, self.true, self._wake if self.companion else None
        )
        if self.companion:
            woken = clock.unpack()["wakes"] & now["todo"]
            (holdings,) = in_batches(unchanged, [holdings], [], woken, self.batch, self.true, self._mate)
        return [clock, books, holdings]

    def at_all(self, state: list[Packed]) -> list[Packed]:
        """Looks at all accounts of the rows that the front was not enough for."""
        given, undone = [self.venue, pack(self.tick)], state[0].unpack()["undone"]
        look = partial(look_at_all, self.accounts)
        return in_batches(look, state, given, undone, self.batch, self.true, self._wake if self.companion else None)

    def _new_fronts(self, books: Packed, holdings: Packed, price: Array, far: Array) -> tuple[Packed, Packed]:
        """Books and holdings with new fronts in the rows that are ``far`` [rows] beyond the old ones."""
        if self.batch == 1:
            return new_fronts(self.accounts, self.venue, books, holdings, price, far, self.true)
        work, there = partial(new_fronts_together, self.accounts), pack({"price": price})
        books, holdings = in_batches(work, [books, holdings], [self.venue, there], far, self.batch, self.true)
        return books, holdings

    def _prices(self, clock: dict[str, Any]) -> Array:
        """Oracle prices [rows, A]."""
        venue = self.venue.unpack()
        return jax.vmap(price_seen)(venue, clock["oracle"], self.tick.fundamental, clock["displacement"])

    def _glanced(self, clock: dict[str, Any], books: Packed, price: Array) -> dict[str, Any]:
        """The clock after a glance at the front, with nothing to do where nobody is liquidatable."""
        there = pack({"price": price} | {name: books.unpack()[name] for name in ("front", "crowd")})
        now = pack({name: clock[name] for name in ("screen", "todo")})
        wanted = clock["todo"] & ~clock["screen"].always
        (now,) = in_batches(partial(glance, self.accounts), [now], [self.venue, there], wanted, self.batch, self.true)
        return clock | now.unpack()

    def _mate(self, index: Array, new: list[Any]) -> Array:
        """The companions [batch] of main rows, itself of any other."""
        del new
        rows = self.tick.capacity.shape[0]
        return jnp.where(index < rows - self.companion, index + self.companion, index)

    def _wake(self, index: Array, new: list[Any]) -> Array:
        return jnp.where(new[0]["wakes"], self._mate(index, new), index)


def _beyond(books: Packed, price: Array) -> Array:
    """Rows [rows] whose oracle prices [rows, A] are beyond what their front stands for."""
    return jax.vmap(beyond)(books.unpack()["front"], price)


def _all_paid(
    accounts: Accounts, venue: Venue, opened: Row, rows: Rows, tick: Tick, together: bool
) -> Purses:
    """Phase 3 of all rows: books and holdings, with nobody in front, vaults and withdrawals."""
    row, width = rows.row(together), rows.books.unpack()["front"].index.shape[1]
    row = paid(accounts, venue, replace(opened, ledger=row.ledger, marks=row.marks, crowd=row.crowd), tick)
    if accounts.ladders is not None and row.crowd is not None:
        status = jax.vmap(partial(after_funding, accounts.ladders))(row.crowd, row.outcome.status)
        row = replace(row, outcome=replace(row.outcome, status=status))
    _, books, holdings = parts_of(row, jax.vmap(partial(nobody_in_front, width=width))(row))
    return pack(books), pack_holdings(holdings), row.vault, row.withdrawals


def _ticks_of_sleepers(tick: Tick, awake: Array, companion: int) -> Tick:
    """The tick, for companions that sleep that of their main rows."""
    main = jnp.maximum(jnp.arange(awake.shape[0]) - companion, 0)
    return jax.tree.map(lambda leaf: by_rows(awake, leaf, leaf[main]), tick)


def _main(books: Packed, number: Array, companion: int) -> Array:
    """The rows [rows] that rows follow: themselves, companions that sleep their main rows."""
    own = jnp.arange(books.arrays[0].shape[0])
    if not companion:
        return own
    awake = awakened(books.unpack()["outcome"].depletion_tick < number, companion)
    return jnp.where(awake, own, own - companion)


def awakened(depleted: Array, companion: int) -> Array:
    """Rows [rows] that live: all but companions whose main row is not ``depleted`` [rows]."""
    main = jnp.arange(depleted.shape[0]) - companion
    return (main < 0) | depleted[main]


def open_rows(venue: Venue, rows: Row, fundamental: Array, multiplier: Array, number: Array) -> tuple[Row, Tick]:
    """Phases 1, 2 and 4 of all rows."""
    return jax.vmap(step.open_tick, in_axes=(0, 0, 0, 0, None))(venue, rows, fundamental, multiplier, number)


def premium_moved(venue: Venue, rows: Row, number: Array, normal: Array) -> Row:
    """Phase 3 of all rows, before anybody pays; ``normal`` [rows, A]."""
    return jax.vmap(step.move_premium, in_axes=(0, 0, None, 0))(venue, rows, number, normal)


def paid(accounts: Accounts, venue: Venue, rows: Row, tick: Tick) -> Row:
    """Phase 3 of all rows."""
    rows = jax.vmap(step.pay_funding, in_axes=(0, None, 0, 0))(venue, accounts, rows, tick)
    if venue.depegs:
        rows = jax.vmap(step.revalue, in_axes=(0, None, 0, 0))(venue, accounts, rows, tick)
    if venue.withdrawals is not None:
        rows = jax.vmap(withdraw, in_axes=(0, None, 0, 0))(venue, accounts, rows, tick)
    return rows
