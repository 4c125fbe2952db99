"""Phases 5 to 11 of a batch of rows, and the rounds of a tick.

Branches are taken per batch ("anyone?"), since under ``vmap`` a ``cond`` would run both sides for everybody.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp

from stress.engine.auction import paid_price
from stress.engine.check import check, limit_to_capacity, oracle_price, wanted
from stress.engine.cover import covered_now
from stress.engine.deleverage import deleverage
from stress.engine.fairness import judge_adl, note_need
from stress.engine.front import Front, beyond
from stress.engine.insurance import payout, uninsured
from stress.engine.ledger import book_round
from stress.engine.loops import by_rows
from stress.engine.losses import note_losses
from stress.engine.orders import book_closing, place_orders, take_over
from stress.engine.screen import outside, screen, within_triggers
from stress.engine.settle import settle
from stress.engine.state import GIVEN_UP, ROUNDS_EXHAUSTED, Accounts, Row
from stress.engine.tick import Check, Closing, Payout, Round, Settlement, Tick
from stress.engine.waterfall import insure, shortfall, socialise
from stress.engine.window import limit_to_window
from stress.engine.withdrawals import note_under_water
from stress.protocol.liquidation.cover_shortage import CoverShortage
from stress.protocol.venue import Venue
from stress.protocol.waterfall.socialised_loss import owed
from stress.types import Array


def liquidation_round(
    accounts: Accounts, venue: Venue, rows: Row, tick: Tick, acted: Array
) -> tuple[Row, Array, Check]:
    """Phases 5 and 6 of a batch: marks and screens renewed, the share to close [batch, 1 or A, N], the check."""
    seen = jax.vmap(check)(venue, accounts, rows, tick)
    share, marks = jax.vmap(wanted)(venue, rows, tick, seen, acted)
    if venue.keepers.limited:
        demand = (share * seen.notional).sum((1, 2))
        share = jax.lax.cond(
            (demand > tick.capacity).any(),
            lambda: jax.vmap(limit_to_capacity)(seen, share, tick.capacity),
            lambda: share,
        )
    if venue.window is not None:
        share = jax.vmap(limit_to_window)(venue, rows, seen, share)
    box = jax.vmap(screen)(venue, accounts, rows.ledger.size, seen, share)
    if accounts.ladders is not None and rows.crowd is not None and seen.due is not None:
        left = replace(rows.crowd, next=seen.due.ends)
        box = jax.vmap(within_triggers)(box, accounts.ladders, venue, left)
        waits = seen.due.waits()
        box = box if waits is None else replace(box, always=box.always | waits.any(1))
        rows = replace(rows, crowd=replace(rows.crowd, pending=seen.due.pending))
    if venue.withdrawals is not None:
        rows = jax.vmap(note_under_water)(venue, rows, tick, seen)
    return replace(rows, marks=marks, screen=box), share, seen


def execute(accounts: Accounts, venue: Venue, rows: Row, tick: Tick, seen: Check, share: Array) -> tuple[Row, Round]:
    """Phases 7 to 9 and 11 of a batch."""
    closing = jax.vmap(book_closing)(accounts, rows, seen, share)
    if venue.backstop is not None:
        closing = jax.vmap(take_over)(venue, rows, seen, closing)
    if venue.auction is not None:
        closing = replace(closing, paid_price=jax.vmap(paid_price)(venue, rows, tick, seen))
    if venue.limit is not None or venue.by_fill:
        closing = jax.vmap(place_orders)(venue, rows, tick, seen, closing)
    if isinstance(venue.rule, CoverShortage):
        rows = jax.vmap(covered_now)(venue, rows, tick, seen, closing)
    full = jax.vmap(settle)(venue, accounts, rows, tick, closing)
    asked = _payout(venue, rows, seen, closing, full)
    closing, settled = _deleveraged(accounts, venue, rows, tick, seen, closing, full, asked)
    final = _payout(venue, rows, seen, closing, settled)
    paid = jax.vmap(insure)(venue, rows, settled) if final is None else final.paid.sum((1, 2))
    done = Round(full, settled, closing, paid, jnp.zeros_like(settled.quote), asked, final)
    done = replace(done, levied=_levied(accounts, venue, seen, done))
    after = jax.vmap(book_round)(venue, accounts, rows, tick, done)
    if venue.adl is not None and rows.fairness is not None:
        after = _judged(accounts, venue, rows, after, done)
    if accounts.opened is not None:
        after = note_losses(accounts, venue, rows, after, done)
    return after, done


def _judged(accounts: Accounts, venue: Venue, before: Row, after: Row, done: Round) -> Row:
    """Rows of a batch after a round, with what its ADL does to winners."""
    fairness = jax.vmap(note_need)(venue, before, done)
    given_up, fairness = jax.lax.cond(
        (done.closing.adl != 0).any(),
        lambda: jax.vmap(judge_adl)(accounts, before, fairness, done),
        lambda: (before.marks[GIVEN_UP], fairness),
    )
    return replace(after, marks=after.marks | {GIVEN_UP: given_up}, fairness=fairness)


def _payout(venue: Venue, rows: Row, seen: Check, closing: Closing, settled: Settlement) -> Payout | None:
    """What funds with rules of their own pay of a settlement, for a batch."""
    return None if venue.insurance is None else jax.vmap(payout)(venue, rows, seen, closing, settled)


def _deleveraged(
    accounts: Accounts, venue: Venue, rows: Row, tick: Tick, seen: Check, closing: Closing, full: Settlement,
    asked: Payout | None,
) -> tuple[Closing, Settlement]:
    """Closing and settlement of a batch after ADL took what the fund cannot carry."""
    if venue.adl is None:
        return closing, full
    unpaid = jax.vmap(shortfall)(venue, rows, full) if asked is None else jax.vmap(uninsured)(venue, rows, asked)
    needed = (unpaid > 0).any()
    if closing.stranded is not None:
        needed = needed | (closing.stranded != 0).any()

    def deleveraged() -> tuple[Closing, Settlement]:
        matched = jax.vmap(deleverage)(venue, accounts, rows, tick, seen, full, closing, unpaid)
        return matched, jax.vmap(settle)(venue, accounts, rows, tick, matched)

    return jax.lax.cond(needed, deleveraged, lambda: (closing, full))


def _levied(accounts: Accounts, venue: Venue, seen: Check, done: Round) -> Array:
    """Levies [batch, N] for what the fund left."""
    settled = done.settled
    if not venue.socialised or settled.crowd is not None:  # who levies beside ladders gets a status
        return jnp.zeros_like(settled.quote)
    rest = owed(done.full.deficit.sum(1), settled.deficit.sum(1) - done.paid)
    return jax.lax.cond(
        (rest > 0).any(),
        lambda: jax.vmap(socialise)(venue, accounts, seen, done, rest),
        lambda: jnp.zeros_like(settled.quote),
    )


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
    stranded: Array  # [batch] bool, orders left something to ADL


def run_rounds(accounts: Accounts, venue: Venue, rows: Row, tick: Tick, count: Array, front: Front | None) -> Rounds:
    """Phase 10: rounds of a batch until nobody new acts or the rounds are used up, ``count`` [batch] of them already.

    With a ``front``, whose accounts these are, also until prices are beyond what it stands for.
    """

    def one_round(state: Rounds) -> Rounds:
        rows, share, seen = liquidation_round(accounts, venue, state.rows, state.tick, state.acted)
        exhausted = (state.count >= venue.max_rounds) & _acts(rows, seen, share)
        share = jnp.where((exhausted | state.settled)[:, None, None], 0.0, share)
        if rows.crowd is not None and seen.due is not None:
            ends = by_rows(exhausted | state.settled, rows.crowd.next, seen.due.ends)
            seen = replace(seen, due=replace(seen.due, ends=ends))
        acts = _acts(rows, seen, share)
        if venue.keepers.delayed:  # a look that only sets the status starts no delay
            rows = _not_waiting(exhausted, state.rows, rows)
        # whoever could not act is looked at in the next tick
        rows = replace(rows, screen=replace(rows.screen, always=rows.screen.always | exhausted))
        none = jnp.zeros_like(exhausted)
        rows, others, stranded = jax.lax.cond(
            acts.any(),
            lambda: _executed(accounts, venue, rows, state.tick, seen, share),
            lambda: (rows, none, none),
        )
        status = jnp.where(exhausted, jnp.maximum(rows.outcome.status, ROUNDS_EXHAUSTED), rows.outcome.status)
        rows = replace(rows, outcome=replace(rows.outcome, status=status))
        tick = replace(state.tick, capacity=state.tick.capacity - (share * seen.notional).sum((1, 2)))
        again = acts & (others | jax.vmap(outside)(venue, rows, tick))
        far = state.beyond if front is None else state.beyond | _beyond(venue, front, rows, tick)
        acted = state.acted | (share > 0).any(1)
        settled = state.settled | ~again | far
        return Rounds(rows, tick, acted, state.count + acts, settled, far, state.stranded | stranded)

    none = jnp.zeros(count.shape, bool)
    start = Rounds(rows, tick, jnp.zeros(rows.ledger.quote.shape, bool), count, none, none, none)
    end = jax.lax.while_loop(lambda state: ~state.settled.all(), one_round, start)
    outcome = replace(end.rows.outcome, rounds=jnp.maximum(end.rows.outcome.rounds, end.count))
    return replace(end, rows=replace(end.rows, outcome=outcome))


def _executed(
    accounts: Accounts, venue: Venue, rows: Row, tick: Tick, seen: Check, share: Array
) -> tuple[Row, Array, Array]:
    """Rows after a round; which of them [batch] changed other accounts than those closed, and left some to ADL."""
    rows, done = execute(accounts, venue, rows, tick, seen, share)
    others = (done.closing.adl != 0).any((1, 2)) | (done.levied != 0).any(1)
    if done.closing.waits is not None:
        rows = replace(rows, screen=replace(rows.screen, always=rows.screen.always | done.closing.waits.any(1)))
    if done.closing.crowd is not None:
        others = others | (done.closing.crowd.match.share > 0).any(1)
    left = done.closing.stranded
    return rows, others, jnp.zeros_like(others) if left is None else (left != 0).any((1, 2))


def _not_waiting(where: Array, before: Row, rows: Row) -> Row:
    """Rows [batch], some of them as if accounts had not been looked at."""
    rows = replace(rows, marks={name: by_rows(where, before.marks[name], now) for name, now in rows.marks.items()})
    if before.crowd is None or rows.crowd is None:
        return rows
    pending = jax.tree.map(partial(by_rows, where), before.crowd.pending, rows.crowd.pending)
    return replace(rows, crowd=replace(rows.crowd, pending=pending))


def _acts(rows: Row, seen: Check, share: Array) -> Array:
    """Rows [batch] in which somebody is to be closed."""
    acts = (share > 0).any((1, 2))
    return acts if rows.crowd is None or seen.due is None else acts | (seen.due.ends > rows.crowd.next).any(1)


def _beyond(venue: Venue, front: Front, rows: Row, tick: Tick) -> Array:
    """Rows [batch] whose prices are beyond what their front stands for."""
    return jax.vmap(beyond)(front, jax.vmap(oracle_price)(venue, rows, tick))
