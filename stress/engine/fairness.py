"""What a round's ADL does to those in profit (``protocol.adl.fairness``), for one path under one variant."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp

from stress.engine.state import GIVEN_UP, STAKE, Accounts, Row
from stress.engine.tick import Round
from stress.engine.waterfall import available
from stress.protocol.adl.fairness import Fairness, cost_of, fairness_after, given_up_after, paid_by
from stress.protocol.venue import Venue
from stress.types import Array


def note_need(venue: Venue, before: Row, done: Round) -> Fairness:
    """Fairness after a round: with what of its deficits the fund could not pay at the prices of the full flow."""
    assert before.fairness is not None  # the caller's branch
    if done.asked is None:
        short = jnp.maximum(done.full.deficits() - available(venue, before, done.full), 0.0)
    else:
        short = (done.asked.owed - done.asked.paid).sum()
    return replace(before.fairness, needed=before.fairness.needed + short)


def judge_adl(accounts: Accounts, before: Row, fairness: Fairness, done: Round) -> tuple[Array, Fairness]:
    """What accounts gave up [N] in USD, and fairness, after a round of which ``before`` is the row at its start.

    Profit is equity at the mark then, less the cash at time zero that the trader did not take out, with what ADL took
    earlier added back. The residual account is nobody in particular and not counted.
    """
    assert accounts.cash is not None  # the caller's branch
    adl, ledger, given_up = done.closing.adl, before.ledger, before.marks[GIVEN_UP]
    hit = (adl != 0).any(0) & ~done.closing.acted
    equity = ledger.quote + (ledger.size * before.mark[:, None]).sum(0)
    profit = equity - before.marks.get(STAKE, accounts.cash) + paid_by(given_up)
    cost = cost_of(jnp.where(hit, adl, 0.0), before.mark, done.closing.adl_price)
    after = given_up_after(given_up, hit, cost)
    now = fairness_after(fairness, after, profit, ~accounts.residual)
    return after, jax.tree.map(partial(jnp.where, hit.any()), now, fairness)
