"""State of one path under one variant in the ladder engine. Axes: ``L`` ladders, ``A`` markets."""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from stress.engine.ladder.book import Ladders
from stress.engine.ladder.crowd import Crowd, everybody, pay_crowd
from stress.engine.state import BEYOND_LADDER, Outcome, empty_outcome
from stress.protocol.keepers import Keepers
from stress.protocol.venue import Venue
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LadderRow(Crowd):
    """Who owns what."""

    outside_quote: Array  # [] USD, the market that absorbs liquidations
    outside_size: Array  # [A] base units
    fund_flow: Array  # [] USD, W: cumulative net flow of the insurance fund
    keepers: Array  # [] USD, fees paid to keepers
    outcome: Outcome


def first_row(markets: int, keepers: Keepers) -> LadderRow:
    """Everybody open."""
    zero, crowd = jnp.zeros((), jnp.float64), everybody(markets, keepers)
    return LadderRow(
        next=crowd.next,
        scale=crowd.scale,
        shift=crowd.shift,
        closed_quote=zero,
        pending=crowd.pending,
        aside=crowd.aside,
        outside_quote=zero,
        outside_size=jnp.zeros(markets, jnp.float64),
        fund_flow=zero,
        keepers=zero,
        outcome=empty_outcome(markets),
    )


def pay_funding(
    ladders: Ladders, venue: Venue, row: LadderRow, mark: Array, displacement: Array, number: Array
) -> LadderRow:
    """Phase 3: everyone pays rate x mark [A] x size, the outside market included, so it sums to zero."""
    price = jnp.where(venue.funding.due(number), venue.funding.rate(displacement), 0.0) * mark
    row = pay_crowd(row, price)
    return replace(
        row,
        outside_quote=row.outside_quote - (price * row.outside_size).sum(),
        outcome=replace(row.outcome, status=after_funding(ladders, row, row.outcome.status)),
    )


def after_funding(ladders: Ladders, crowd: Crowd, status: Array) -> Array:
    """The status [] of a path on which somebody's trigger may have left the first margin tier."""
    return jnp.where((crowd.shift > ladders.room).any(), jnp.maximum(status, BEYOND_LADDER), status)
