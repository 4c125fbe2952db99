"""Ranked ADL: winners in descending score until the quantity is filled."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import ClassVar

import jax
import jax.numpy as jnp

from stress.protocol.adl.base import AdlCase, AdlMatch, Standing, matched_share
from stress.types import Array


class RankedPolicy(ABC):
    """The contract of a ranking: a score, and whether a position has to be in profit."""

    profitable_only: ClassVar[bool]
    ranked: ClassVar[bool] = True
    name: str

    @abstractmethod
    def score(self, standing: Standing) -> Array:
        """Rank [A, N] of a winner's position: higher is deleveraged first, ties by the order of accounts."""

    def match(self, case: AdlCase) -> AdlMatch:
        """Fill every market and side in rank order."""
        return fill_by_rank(case, self.score(case.standing))


def fill_by_rank(case: AdlCase, score: Array) -> AdlMatch:
    """Winners by ``score`` [A, N]; losers, riskiest first, laid end to end against them."""
    _, share = matched_share(case)
    need = case.need * share[..., None]
    by_market = jax.vmap(_fill, in_axes=(0, 0, 0, 0, None))
    by_side = jax.vmap(by_market, in_axes=(0, None, 0, None, None))
    taken, paid = by_side(need, case.price, case.room, score, case.standing.loser_order)
    return AdlMatch(matched=share, taken=taken, paid=paid)


def closed_of_queue(units: Array, price: Array, room: Array, score: Array) -> tuple[Array, Array]:
    """Units [N] and USD [N] of winners that one loser's ``units`` [] > 0 close at ``price`` [], USD per unit.

    Winners have ``room`` [N] >= 0 in units; the highest ``score`` [N] comes first, of equals the first in the list.
    """
    return _fill(jnp.atleast_1d(units), jnp.atleast_1d(price), room, score, jnp.zeros(1, jnp.int32))


def only(case: AdlCase, eligible: Array) -> AdlCase:
    """The case with fewer winners: those ``eligible`` [2, A, N]."""
    return replace(case, room=jnp.where(eligible, case.room, 0.0))


def _fill(need: Array, price: Array, room: Array, score: Array, loser_order: Array) -> tuple[Array, Array]:
    """Units and USD of every winner [N] in one market and side."""
    rank = jnp.argsort(jnp.where(room > 0, -score, jnp.inf), stable=True)
    queued = room[rank]
    start = jnp.cumsum(queued) - queued
    units = jnp.cumsum(need[loser_order])
    value = jnp.cumsum((need * price)[loser_order])
    knots, values = jnp.append(0.0, units), jnp.append(0.0, value)
    begin = jnp.minimum(start, units[-1])
    end = jnp.minimum(start + queued, units[-1])
    paid = jnp.interp(end, knots, values) - jnp.interp(begin, knots, values)
    taken = jnp.where(start + queued <= units[-1], queued, end - begin)
    back = jnp.zeros_like(room)
    return back.at[rank].set(taken), back.at[rank].set(paid)
