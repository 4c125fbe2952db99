"""Dense engine: every margin account of the rows that need a look, over a block of rows.

Rows are variants x paths. A tick touches the accounts of a row only when its screen says so, and then those in
front (``engine.front``) where they can stand for everybody; such rows are gathered in batches of fixed size,
checked, and, where somebody is liquidatable, taken through the rounds.
Branches are taken per batch ("anyone?"), since under ``vmap`` a ``cond`` would run both sides for everybody.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from stress.engine import step
from stress.engine.batches import Packed, in_batches, pack
from stress.engine.front import (
    Front,
    accounts_in_front,
    beyond,
    choose_front,
    kept_from,
    nobody_in_front,
    within,
    written_back,
)
from stress.engine.loops import when
from stress.engine.screen import outside, screen
from stress.engine.state import ROUNDS_EXHAUSTED, Accounts, Ledger, Row
from stress.engine.step import Check, Closing, Round, Settlement, Tick
from stress.protocol.venue import Venue
from stress.types import Array

BATCH = 1
"""Rows that are taken through the rounds together: one, since few rows of a tick need a look."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Rows:
    """All rows of a block: what every tick changes as it is, what only looks change packed."""

    clock: dict[str, Any]  # fields of Row that every tick touches: z, displacement, mark, oracle, breaker, screen
    books: Packed  # outcome, purse (the ledger without accounts), front
    holdings: Packed  # quote, size, flagged of all accounts, those in front out of date

    def row(self) -> Row:
        """All rows with a leading axis."""
        books = self.books.unpack()
        row = _row(self.clock, books, self.holdings.unpack())
        return jax.vmap(written_back)(row, books["front"])


CLOCK = ("z", "displacement", "mark", "oracle", "breaker", "screen")
PURSE = ("outside_quote", "outside_size", "fund_flow", "keepers")


def pack_rows(rows: Row, width: int) -> Rows:
    """Rows [rows, ...] packed, with a front of ``width`` accounts at most."""
    front = jax.vmap(partial(nobody_in_front, width=width))(rows)
    return Rows(*_packed(rows, front))


def _packed(rows: Row, front: Front) -> tuple[dict[str, Any], Packed, Packed]:
    clock, books, holdings = _parts(rows, front)
    return clock, pack(books), pack(holdings)


def _parts(rows: Row, front: Front) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Clock, books and holdings of rows."""
    ledger = rows.ledger
    purse = {name: getattr(ledger, name) for name in PURSE}
    return (
        {name: getattr(rows, name) for name in CLOCK},
        {"outcome": rows.outcome, "purse": purse, "front": front},
        {"quote": ledger.quote, "size": ledger.size, "flagged": rows.flagged},
    )


def _row(clock: dict[str, Any], books: dict[str, Any], holdings: dict[str, Any]) -> Row:
    """Rows of their parts; the front is not written back."""
    ledger = Ledger(quote=holdings["quote"], size=holdings["size"], **books["purse"])
    return Row(ledger=ledger, flagged=holdings["flagged"], outcome=books["outcome"], **clock)


def advance(
    venue: Packed, accounts: Accounts, rows: Rows, fundamental: Array, multiplier: Array, number: Array, companion: int
) -> Rows:
    """One tick of all rows; venue packed [rows], fundamental [rows, A], multiplier [rows], number [].

    ``companion`` is how many rows behind its main row the one with the unlimited fund lies, 0 without. Both are the
    same until the fund is depleted, so the companion sleeps until then: in the tick of depletion it becomes a copy of
    its main row from before the tick's liquidations, and goes through them itself.
    """
    rules = venue.unpack()
    stale = _row(rows.clock, rows.books.unpack(), rows.holdings.unpack())
    opened, tick = open_rows(rules, stale, fundamental, multiplier, number)
    pays = rules.funding.due(number).any()
    books, holdings = when(
        pays, lambda parts: _all_paid(rules, opened, Rows(rows.clock, *parts), tick), (rows.books, rows.holdings)
    )
    look = jax.vmap(outside)(rules, opened, tick) | pays
    clock = {name: getattr(opened, name) for name in CLOCK}
    if companion:
        awake = awakened(books.unpack()["outcome"].depletion_tick < number, companion)
        look, tick = look & awake, _ticks_of_sleepers(tick, awake, companion)

    def mate(index: Array, new: list[dict[str, Any]]) -> Array:
        del new
        return jnp.where(index < look.shape[0] - companion, index + companion, index)

    def wake(index: Array, new: list[dict[str, Any]]) -> Array:
        return jnp.where(new[0]["wakes"], mate(index, new), index)

    given, known = [venue, pack(tick)], fundamental[0, 0] > 0
    far = look & jax.vmap(beyond)(rules, books.unpack()["front"], opened, tick)
    books, holdings = in_batches(
        partial(_new_front, accounts), [books, holdings], [*given, pack(clock)], far, BATCH, known
    )
    far = look & jax.vmap(beyond)(rules, books.unpack()["front"], opened, tick)
    waker, main = (wake if companion else None), jnp.arange(look.shape[0]) < look.shape[0] - companion
    state = [pack(clock | {"undone": far, "wakes": jnp.zeros_like(far)}), books]
    state = in_batches(partial(_look_at_front, accounts, companion > 0), state, given, look & ~far, BATCH, known, waker)
    flags = state[0].unpack()
    if companion:
        (holdings,) = in_batches(_unchanged, [holdings], [], flags["wakes"] & main, BATCH, known, mate)
    state = in_batches(
        partial(_look_at_all, accounts), [*state, holdings], given, flags["undone"], BATCH, known, waker
    )
    clock = state[0].unpack()
    return Rows({name: clock[name] for name in CLOCK}, *state[1:])


def _all_paid(venue: Venue, opened: Row, rows: Rows, tick: Tick) -> tuple[Packed, Packed]:
    """Phase 3 of all rows: books and holdings, with nobody in front."""
    row, width = rows.row(), rows.books.unpack()["front"].index.shape[1]
    row = paid(venue, replace(opened, ledger=row.ledger, flagged=row.flagged), tick)
    return _packed(row, jax.vmap(partial(nobody_in_front, width=width))(row))[1:]


def _ticks_of_sleepers(tick: Tick, awake: Array, companion: int) -> Tick:
    """The tick, for companions that sleep that of their main rows."""
    main = jnp.maximum(jnp.arange(awake.shape[0]) - companion, 0)
    return jax.tree.map(lambda leaf: jnp.where(awake.reshape(-1, *[1] * (leaf.ndim - 1)), leaf, leaf[main]), tick)


def awakened(depleted: Array, companion: int) -> Array:
    """Rows [rows] that live: all but companions whose main row is not ``depleted`` [rows]."""
    main = jnp.arange(depleted.shape[0]) - companion
    return (main < 0) | depleted[main]


def open_rows(venue: Venue, rows: Row, fundamental: Array, multiplier: Array, number: Array) -> tuple[Row, Tick]:
    """Phases 1, 2 and 4 of all rows."""
    return jax.vmap(step.open_tick, in_axes=(0, 0, 0, 0, None))(venue, rows, fundamental, multiplier, number)


def paid(venue: Venue, rows: Row, tick: Tick) -> Row:
    """Phase 3 of all rows."""
    return replace(rows, ledger=jax.vmap(step.pay_funding)(venue, rows, tick))


def liquidation_round(
    accounts: Accounts, venue: Venue, rows: Row, tick: Tick, acted: Array
) -> tuple[Row, Array, Check]:
    """Phases 5 and 6 of a batch: flags and screens renewed, the share to close [batch, N], the check."""
    seen = jax.vmap(step.check)(venue, accounts, rows, tick)
    share, flagged = jax.vmap(step.size)(venue, rows, tick, seen, acted)
    if venue.keepers.limited:
        demand = (share * seen.notional.sum(1)).sum(1)
        share = jax.lax.cond(
            (demand > tick.capacity).any(),
            lambda: jax.vmap(step.limit_to_capacity)(seen, share, tick.capacity),
            lambda: share,
        )
    box = jax.vmap(screen)(venue, accounts, rows, seen, share)
    return replace(rows, flagged=flagged, screen=box), share, seen


def execute(accounts: Accounts, venue: Venue, rows: Row, tick: Tick, seen: Check, share: Array) -> tuple[Row, Round]:
    """Phases 7 to 9 and 11 of a batch."""
    closing = jax.vmap(step.book_closing)(rows, share)
    full = jax.vmap(step.settle)(venue, rows, tick, closing)
    closing, settled = _deleveraged(accounts, venue, rows, tick, seen, closing, full)
    paid = jax.vmap(step.insure)(venue, rows, settled)
    levied = _levied(accounts, venue, full, settled, paid)
    done = Round(full=full, settled=settled, closing=closing, paid=paid, levied=levied)
    return jax.vmap(step.book_round)(venue, accounts, rows, tick, done), done


def _deleveraged(
    accounts: Accounts, venue: Venue, rows: Row, tick: Tick, seen: Check, closing: Closing, full: Settlement
) -> tuple[Closing, Settlement]:
    """Closing and settlement of a batch after ADL took what the fund cannot carry."""
    if venue.adl is None:
        return closing, full
    unpaid = jax.vmap(step.shortfall)(venue, rows, full)

    def deleveraged() -> tuple[Closing, Settlement]:
        matched = jax.vmap(step.deleverage)(venue, accounts, rows, seen, full, closing, unpaid)
        return matched, jax.vmap(step.settle)(venue, rows, tick, matched)

    return jax.lax.cond((unpaid > 0).any(), deleveraged, lambda: (closing, full))


def _levied(accounts: Accounts, venue: Venue, full: Settlement, settled: Settlement, paid: Array) -> Array:
    """Levies [batch, N] for what the fund left."""
    if not venue.socialised:
        return jnp.zeros_like(settled.quote)
    rest = settled.deficit.sum(1) - paid
    rest = jnp.where(rest > step.DUST * full.deficit.sum(1), rest, 0.0)
    return jax.lax.cond(
        (rest > 0).any(),
        lambda: jax.vmap(step.socialise)(accounts, settled, rest),
        lambda: jnp.zeros_like(settled.quote),
    )


def _look_at_front(
    accounts: Accounts, companion: bool, state: list[dict[str, Any]], given: list[Any]
) -> list[dict[str, Any]]:
    """A look at the accounts in front. Where it turns out not to be enough, only the flag ``undone`` is changed.

    That is where prices went beyond what the front stands for, somebody else has to pay, or the companion wakes
    (flag ``wakes``).
    """
    (clock, books), (venue, tick) = state, given
    front: Front = books["front"]
    holdings = {"quote": front.quote, "size": front.size, "flagged": front.flagged}
    before = _row({name: clock[name] for name in CLOCK}, books, holdings)
    bare = replace(venue, adl=None, socialised=False)
    mine = jax.vmap(accounts_in_front, in_axes=(None, 0))(accounts, front)
    end = _rounds(mine, bare, before, tick, front)
    undone, out = end.beyond, end.rows.outcome
    if venue.adl is not None or venue.socialised:
        undone = undone | (out.uncovered > before.outcome.uncovered)
    wakes = (out.depletion_tick == tick.number) if companion else jnp.zeros_like(undone)
    undone = undone | wakes
    outcome = jax.vmap(step.conserve, in_axes=(0, 0, 0, 0))(mine, end.rows, front.rest_quote, front.rest_size)
    rows = replace(end.rows, outcome=outcome, screen=jax.vmap(within)(end.rows.screen, front))
    new = _parts(rows, jax.vmap(kept_from)(rows, front))[:2]
    pick = partial(jax.tree.map, lambda old, late: jnp.where(undone.reshape(-1, *[1] * (old.ndim - 1)), old, late))
    now = pick({name: clock[name] for name in CLOCK}, new[0])
    return [now | {"undone": undone, "wakes": wakes}, pick(books, new[1])]


def _new_front(accounts: Accounts, state: list[dict[str, Any]], given: list[Any]) -> list[dict[str, Any]]:
    """The front written back and chosen anew, at prices that are beyond what it stands for."""
    (books, holdings), (venue, tick, clock) = state, given
    rows = jax.vmap(written_back)(_row(clock, books, holdings), books["front"])
    choose = partial(choose_front, width=books["front"].index.shape[1])
    return list(_parts(rows, jax.vmap(choose, in_axes=(0, None, 0, 0))(venue, accounts, rows, tick))[1:])


def _look_at_all(accounts: Accounts, state: list[dict[str, Any]], given: list[Any]) -> list[dict[str, Any]]:
    """A look at all accounts, after which nobody is in front: the next look chooses."""
    (clock, books, holdings), (venue, tick) = state, given
    rows = _row({name: clock[name] for name in CLOCK}, books, holdings)
    rows = jax.vmap(written_back)(rows, books["front"])
    many = jax.tree.map(lambda leaf: leaf[None], accounts)
    rows = _rounds(many, venue, rows, tick, None).rows
    rows = replace(rows, outcome=jax.vmap(step.conserve, in_axes=(None, 0))(accounts, rows))
    nobody = partial(nobody_in_front, width=books["front"].index.shape[1])
    parts = _parts(rows, jax.vmap(nobody)(rows))
    # a companion that a look at the front woke is under way
    wakes = (rows.outcome.depletion_tick == tick.number) & ~clock["wakes"]
    return [parts[0] | {"undone": clock["undone"], "wakes": wakes}, *parts[1:]]


def _unchanged(state: list[Any], given: list[Any]) -> list[Any]:
    """No work: rows are only copied."""
    del given
    return state


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Rounds:
    """State of a batch between the rounds of a tick."""

    rows: Row
    tick: Tick
    acted: Array  # [batch, N] bool, liquidated earlier in this tick
    count: Array  # [batch] int32 rounds with a liquidation
    settled: Array  # [batch] bool, nobody new can act
    beyond: Array  # [batch] bool, prices went beyond what the front stands for


def _rounds(accounts: Accounts, venue: Venue, rows: Row, tick: Tick, front: Front | None) -> Rounds:
    """Phase 10: rounds of a batch until nobody new acts or the rounds are used up."""

    def one_round(state: Rounds) -> Rounds:
        rows, share, seen = liquidation_round(accounts, venue, state.rows, state.tick, state.acted)
        exhausted = (state.count >= venue.max_rounds) & (share > 0).any(1)
        share = jnp.where((exhausted | state.settled)[:, None], 0.0, share)
        flagged = (
            jnp.where(exhausted[:, None], state.rows.flagged, rows.flagged) if venue.keepers.delayed else rows.flagged
        )
        # a look that only sets the status starts no delay, and whoever could not act is looked at in the next tick
        box = replace(rows.screen, always=rows.screen.always | exhausted)
        rows = replace(rows, flagged=flagged, screen=box)
        rows, others = jax.lax.cond(
            (share > 0).any(),
            lambda: _executed(accounts, venue, rows, state.tick, seen, share),
            lambda: (rows, jnp.zeros_like(exhausted)),
        )
        status = jnp.where(exhausted, jnp.maximum(rows.outcome.status, ROUNDS_EXHAUSTED), rows.outcome.status)
        rows = replace(rows, outcome=replace(rows.outcome, status=status))
        acts = (share > 0).any(1)
        tick = replace(state.tick, capacity=state.tick.capacity - (share * seen.notional.sum(1)).sum(1))
        again = acts & (others | jax.vmap(outside)(venue, rows, tick))
        far = state.beyond if front is None else state.beyond | jax.vmap(beyond)(venue, front, rows, tick)
        return Rounds(rows, tick, state.acted | (share > 0), state.count + acts, state.settled | ~again | far, far)

    lanes = rows.z.shape[0]
    none = jnp.zeros(lanes, bool)
    start = Rounds(rows, tick, jnp.zeros(rows.ledger.quote.shape, bool), jnp.zeros(lanes, jnp.int32), none, none)
    end = jax.lax.while_loop(lambda state: ~state.settled.all(), one_round, start)
    outcome = replace(end.rows.outcome, rounds=jnp.maximum(end.rows.outcome.rounds, end.count))
    return replace(end, rows=replace(end.rows, outcome=outcome))


def _executed(accounts: Accounts, venue: Venue, rows: Row, tick: Tick, seen: Check, share: Array) -> tuple[Row, Array]:
    """Rows after a round, and which of them [batch] changed accounts other than those that were closed."""
    rows, done = execute(accounts, venue, rows, tick, seen, share)
    return rows, (done.closing.adl != 0).any((1, 2)) | (done.levied != 0).any(1)
