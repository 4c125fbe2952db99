"""The contract of closing orders: which position of a liquidated cross account is closed first.

With an order, positions are closed one after another, each as far as the rule closes it, until the account is healthy
(``liquidation.in_order``); without one all are closed together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp

from stress.protocol.liquidation.base import RiskCase
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Entered:
    """What never changes about positions, of use to some orders. Axes: ``A`` markets, ``N`` accounts."""

    entry: Array  # [A, N] USD per unit, 0 without a position
    number: Array  # [N] int32 of the account in the book

    def of(self, index: Array) -> Entered:
        """Those of accounts ``index`` [M]; the last ones' for an index beyond the last."""
        return Entered(jnp.take(self.entry, index, axis=1, mode="clip"), jnp.take(self.number, index, mode="clip"))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class OrderCase:
    """What an order sees: positions at the risk check. Axes: ``A`` markets, ``N`` accounts."""

    size: Array  # [A, N] base units, long > 0
    price: Array  # [A] USD per unit, of the risk check
    notional: Array  # [A, N] USD
    margin: Array  # [A, N] USD, maintenance requirement
    tick: Array  # [] int32
    entered: Entered | None  # for orders that ask for it


class ClosingOrder(Protocol):
    """The contract: a number for every position."""

    @property
    def name(self) -> str:
        """A static field: JAX tells trees apart by those, not by their class."""
        ...

    def priority(self, case: OrderCase) -> Array:
        """Numbers [A, N]: in each account the position with the highest is closed first."""
        ...


def places(priority: Array, held: Array) -> Array:
    """Place [A, N] of every position in its account's queue from 0 on; equals by market, those not ``held`` last."""
    queue = jnp.argsort(jnp.where(held, -priority, jnp.inf), axis=0, stable=True)
    return jnp.argsort(queue, axis=0)


def before(values: Array, place: Array) -> Array:
    """Sum [A, N] of the ``values`` [A, N] of the account's positions whose place is before each one's."""
    return jnp.where(place[None] < place[:, None], values[None], 0.0).sum(1)


def reached(short: Array, place: Array) -> Array:
    """Positions [A, N] whose turn comes: the account is ``short`` [A, N] at theirs and at each one's before.

    ``short`` at a position is what holds when all before it are closed as far as they go.
    """
    enough_at_or_before = ((place[None] <= place[:, None]) & ~short[None]).any(1)
    return ~enough_at_or_before


def equity_then(case: RiskCase, place: Array) -> Array:
    """Equity [N] or [A, N] that counts at each position's turn, those before it being closed whole at no cost.

    Gains that are held back count once they are realised.
    """
    return case.equity if case.held_back is None else case.equity + before(case.held_back, place)
