"""What each account costs the insurance funds, by market: recorded where it is asked for (``mc.losses``).

Two records of a path: what was lost up to the round of a fund's drawdown, which is a maximum over rounds, and the bad
debt of all rounds. An account is only written in rounds in which something is lost or gained by it, so accounts that
stand still (``engine.front``) need no look: what was lost at the last maximum follows from when an account last
changed. With a fund for each market (``engine.insurance``) a position costs the fund of its market what that pays, and
the record ends with that fund's drawdown. An income of funds is nobody's, so it is in no record (``mc.losses``).

Axes: ``G`` funds, one or one for each market; ``A`` markets, ``N`` accounts.
"""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp

from stress.engine.state import AT_PEAK, DEBT, DRAWDOWN, LOST, Accounts, Row
from stress.engine.tick import Closing, Payout, Round, Settlement
from stress.protocol.venue import Venue
from stress.types import Array


def nothing_lost(markets: int, accounts: int, funds: int = 1) -> dict[str, Array]:
    """Marks at time zero."""
    none = jnp.zeros((markets, accounts), jnp.float64)
    return {LOST: none, AT_PEAK: none, DEBT: none, DRAWDOWN: none[:funds]}


def drawdowns(row: Row) -> Array:
    """The drawdown [G] of each fund so far, in USD."""
    return row.outcome.drawdown[None] if row.funds is None else row.funds.drawdown


def noted(accounts: Accounts, venue: Venue, before: Row, after: Row, done: Round) -> Row:
    """The row ``after`` a round with the losses of the round; ``before`` is the row at its start."""
    marks, old, new_drawdown = before.marks, drawdowns(before), drawdowns(after)
    at_full = _lost(accounts, venue, before, done.closing, done.full, done.asked)
    settled = _lost(accounts, venue, before, done.closing, done.settled, done.payout)
    debt = _by_loss(accounts, before, done.full) * done.full.deficit
    changed = (at_full != 0) | (settled != 0)
    if len(old) == 1:
        changed = changed.any(0, keepdims=True)
    last = lost_at_peak(marks, old)  # of the last maximum before this round
    now = jnp.where((new_drawdown > old)[:, None], marks[LOST] + at_full, last)
    new = {
        LOST: marks[LOST] + settled,
        AT_PEAK: jnp.where(changed, now, marks[AT_PEAK]),
        DEBT: marks[DEBT] + debt,
        DRAWDOWN: jnp.where(changed, new_drawdown[:, None], marks[DRAWDOWN]),
    }
    return replace(after, marks=after.marks | new)


def lost_at_peak(marks: dict[str, Array], drawdown: Array) -> Array:
    """USD [A, N] lost by the round in which each fund's drawdown became what it is now: ``drawdown`` [G] in USD."""
    return jnp.where(drawdown[:, None] > marks[DRAWDOWN], marks[LOST], marks[AT_PEAK])


def _lost(
    accounts: Accounts, venue: Venue, before: Row, closing: Closing, settled: Settlement, payout: Payout | None
) -> Array:
    """What unlimited funds pay of deficits [A, N], less what they got in fees and remainders, in USD.

    All of them, or where funds have rules what these let them pay; each market's fund what is its part of a deficit.
    """
    sold = jnp.abs(closing.book) * settled.fill
    closed = sold + jnp.abs(closing.adl * closing.adl_price)  # a price may be below zero
    fees, held = venue.fees.split(settled.fee)[1], _notional(before, settled)
    if payout is not None and payout.paid.shape[0] > 1:
        paid = payout.paid
    else:
        owed = settled.deficit if payout is None else payout.paid[0]
        paid = _by_loss(accounts, before, settled) * owed
    return paid - _shares(sold, held) * fees - _shares(closed, held) * settled.remainder


def _by_loss(accounts: Accounts, before: Row, settled: Settlement) -> Array:
    """Share [A, N] of a deficit by position: that of what positions held before the round lost since time zero.

    By notional where none of them lost.
    """
    assert accounts.opened is not None  # the caller's branch
    lost = before.ledger.size * (accounts.opened - settled.mark)[:, None]
    return _shares(jnp.maximum(lost, 0.0), _notional(before, settled))


def _notional(before: Row, settled: Settlement) -> Array:
    """Notional [A, N] in USD of positions before the round."""
    return jnp.abs(before.ledger.size) * settled.mark[:, None]


def _shares(weight: Array, otherwise: Array) -> Array:
    """Weights [A, N] as shares by account; by other weights where all are zero, and all zero where these are too."""
    weight = jnp.where(weight.sum(0) > 0, weight, otherwise)
    total = weight.sum(0)
    return weight / jnp.where(total > 0, total, 1.0)


def note_losses(accounts: Accounts, venue: Venue, before: Row, after: Row, done: Round) -> Row:
    """:func:`noted` for a batch of rows."""
    return jax.vmap(noted)(accounts, venue, before, after, done)
