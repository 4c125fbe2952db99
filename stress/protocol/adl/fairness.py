"""How ADL treats those in profit: whom it hits, what they give up of their profit, and how unequally.

What a position gives up is units x (mark - price of ADL), with units signed like the position: a loss of the account is
positive. A haircut is what an account gave up over the profit it would have without ADL.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.types import Array

UNTOUCHED = float("inf")
"""What an account gave up that was never deleveraged."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Fairness:
    """Of a path, as of its last round with ADL; not a number before the first."""

    hit_share: Array  # [] of the accounts in profit, those that ADL has closed something of
    largest: Array  # [] haircut
    gini: Array  # [] of the haircuts, not a number while nobody gave up anything
    cost: Array  # [] USD that accounts gave up, less none of what others gained
    needed: Array  # [] USD of deficits that the fund could not pay


def nobody_hit() -> Fairness:
    """Of a path on which ADL has not happened."""
    none, zero = jnp.full((), jnp.nan, jnp.float64), jnp.zeros((), jnp.float64)
    return Fairness(hit_share=none, largest=none, gini=none, cost=zero, needed=zero)


def cost_of(units: Array, mark: Array, price: Array) -> Array:
    """USD [N] that accounts give up, of units [A, N] closed at prices [A, N], at the mark [A]."""
    return (units * (mark[:, None] - price)).sum(0)


def given_up_after(given_up: Array, hit: Array, cost: Array) -> Array:
    """USD [N] that accounts gave up so far, after a round with ADL that ``hit`` [N] some at a ``cost`` [N]."""
    return jnp.where(hit, paid_by(given_up) + cost, given_up)


def paid_by(given_up: Array) -> Array:
    """USD [N] that accounts gave up, nothing of those never deleveraged."""
    return jnp.where(jnp.isinf(given_up), 0.0, given_up)


def haircuts(given_up: Array, profit: Array) -> Array:
    """Share [N] of its ``profit`` [N] in USD, without ADL, that an account gave up; between 0 and 1.

    One that gained from ADL has none, and one that gave up more than its profit all of it.
    """
    return jnp.clip(paid_by(given_up) / jnp.where(profit > 0, profit, 1.0), 0.0, 1.0)


def gini(values: Array, member: Array) -> Array:
    """The Gini coefficient [] of the ``values`` [N] >= 0 of members [N]: 0 where all are equal, not a number at zero.

    sum_i (2 i - n - 1) x_i / (n sum x), with the n members in ascending order, i = 1, ..., n.
    """
    count = member.sum()
    ordered = jnp.sort(jnp.where(member, values, -1.0))  # others first
    place = jnp.arange(1, len(values) + 1) - (len(values) - count)
    total = jnp.where(member, values, 0.0).sum()
    spread = jnp.where(place > 0, (2.0 * place - count - 1.0) * ordered, 0.0).sum()
    return jnp.where(total > 0, spread / jnp.where(total > 0, count * total, 1.0), jnp.nan)


def fairness_after(before: Fairness, given_up: Array, profit: Array, counted: Array) -> Fairness:
    """After a round with ADL, of accounts that are ``counted`` [N] and have a ``profit`` [N] in USD without ADL."""
    winner = counted & (profit > 0)
    share = jnp.where(winner, haircuts(given_up, profit), 0.0)
    hit, all_winners = (winner & ~jnp.isinf(given_up)).sum(), winner.sum()
    some = all_winners > 0
    return Fairness(
        hit_share=jnp.where(some, hit / jnp.where(some, all_winners, 1), jnp.nan),
        largest=jnp.where(some, share.max(), jnp.nan),
        gini=gini(share, winner),
        cost=jnp.maximum(paid_by(given_up), 0.0).sum(),
        needed=before.needed,
    )
