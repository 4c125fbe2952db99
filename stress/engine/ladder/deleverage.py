"""Pro-rata ADL on ladders: one fraction of every eligible position of a side, at the volume-weighted bankruptcy price.

Losers of one ladder are matched with the accounts of the ladder on the other side of the market that stay open.
Closing a fraction ``d`` of that side at price ``b`` leaves ``g (1 - d)`` of every unit and turns ``c`` into
``c - d g b``, so the order of its keys stays what it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.engine.ladder.book import Index, Ladders, each, entry
from stress.engine.ladder.settle import Run, keyed, units, worth
from stress.engine.ladder.state import LadderRow
from stress.types import Array

WHOLE = 1.0 - 1e-12
"""From this fraction on a side is closed altogether."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Match:
    """Who is closed against whom. Axis ``L``: the losers' ladder, but for the last five fields the winners'."""

    losers: Array  # [L] int32, place behind the last loser
    share: Array  # [L] of each loser's quantity that ADL closes
    paid: Array  # [L] USD, units x price of what ADL closes
    scale: Array  # [L] of the winners, afterwards
    shift: Array  # [L] of the winners, afterwards
    accounts: Array  # [L] int32 winners, the residual account apart
    residual: Array  # [L] USD of ``paid`` that the residual account takes
    beyond: Array  # [] bool, a side was closed altogether and somebody on it is left below zero, which is not followed


def nobody(ladders: Ladders, row: LadderRow) -> Match:
    """The match of a round without ADL."""
    count = ladders.key.shape[0]
    none, zero = jnp.zeros(count, jnp.float64), jnp.zeros(count, jnp.int32)
    return Match(row.next, none, none, row.scale, row.shift, zero, none, jnp.zeros((), bool))


def deleverage(ladders: Ladders, row: LadderRow, ends: Array, fill: Array, unpaid: Array) -> Match:
    """``unpaid`` [] is the share of the losers' quantity to be matched; losers are below zero at ``fill`` [L]."""
    sides = each(lambda i: _one_side(ladders, row, ends, fill[i], unpaid, i), ladders.key.shape[0])
    # what a ladder does to its winners is found while its losers' ladder is looked at
    winning = [side.reshape(-1, 2)[:, ::-1].reshape(-1) for side in sides[3:7]]
    return Match(*sides[:3], *winning, beyond=sides[7].any())


def _one_side(
    ladders: Ladders, row: LadderRow, ends: Array, fill: Array, unpaid: Array, ladder: Index
) -> tuple[Array, ...]:
    """Losers of a ladder, their share and its value; winners' scale, shift, number, the residual's part; beyond."""
    other = ladder ^ 1
    sign = ladders.sign()[ladder]
    mine = worth(row, ladder, sign, fill)
    losers = jnp.minimum(ladders.first_not_above(ladder, row.next[ladder], mine), ends[ladder])
    run = Run(ladder, row.next[ladder], losers, 1.0, fill)
    need = unpaid * row.scale[ladder] * units(ladders, run)
    open_units = ladders.size[other, -1] - entry(ladders.size, other, ends[other]) + ladders.residual[other]
    room = row.scale[other] * open_units
    share = unpaid * jnp.where(need > room, room / jnp.where(need > 0, need, 1.0), 1.0)
    paid = share * (row.shift[ladder] * units(ladders, run) + sign * keyed(ladders, run))
    safe = jnp.where(room > 0, room, 1.0)
    fraction = jnp.minimum(need, room) / safe
    taken = (need > 0) & (room > 0)
    shift = row.shift[other] - row.scale[other] * paid / safe
    below = (entry(ladders.key, other, ends[other]) > sign * shift) | (ladders.residual[other] > 0)
    return (
        losers,
        share,
        paid,
        row.scale[other] * (1.0 - fraction),
        shift,
        jnp.where(taken, ladders.accounts[other] - ends[other], 0),
        paid * row.scale[other] * ladders.residual[other] / safe,
        taken & (fraction >= WHOLE) & below,
    )
