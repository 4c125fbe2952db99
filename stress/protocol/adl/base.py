"""The contract of auto-deleveraging, and what all policies share.

Losers are bankrupt accounts whose quantity the fund cannot carry; it is closed against opposite positions of
winners at the losers' bankruptcy prices. Side 0 are losing longs (winners are short), side 1 losing shorts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp

from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class AdlCase:
    """What a policy sees. Axes: 2 sides, ``A`` markets, ``N`` accounts."""

    need: Array  # [2, A, N] units to be closed of every loser
    price: Array  # [A, N] bankruptcy price of every loser
    room: Array  # [2, A, N] units of every eligible winner
    score: Array  # [A, N] rank of a winner's position (higher is deleveraged first)
    loser_order: Array  # [N] permutation, riskiest first ([0] for policies that are not ranked)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class AdlMatch:
    """Who is closed against whom."""

    matched: Array  # [2, A] share of the losers' quantity that found winners
    taken: Array  # [2, A, N] units taken from every winner
    paid: Array  # [2, A, N] USD, units times price


class AdlPolicy(Protocol):
    """The contract: which winners qualify and how the quantity is shared among them."""

    profitable_only: bool
    ranked: bool  # reads the score and the losers' order

    def match(self, case: AdlCase) -> AdlMatch:
        """Share the losers' quantity among the winners."""
        ...


def matched_share(case: AdlCase) -> tuple[Array, Array]:
    """Units to be matched [2, A] and the share of the need they are."""
    need, room = case.need.sum(-1), case.room.sum(-1)
    share = jnp.where(need > room, room / jnp.where(need > 0, need, 1.0), 1.0)
    return jnp.minimum(need, room), share
