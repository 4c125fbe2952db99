"""ADL where traders' profit is too much for the pool that owes it: GMX v2's trigger.

Each side of a market (longs, shorts) has a pool of its own. With Pi the open profit of all its traders and W what the
pool is worth without it, f = Pi / W; above the largest factor, profitable positions are closed at the oracle price
until f is the target. Of profits the pool pays at most a share C of its worth, c = min(1, C / f) of each. Closing
positions with a profit of p leaves (Pi - p) / (W - c p), so

    p = (f - target) W / (1 - c target)

Source: GMX v2 (``AdlUtils.sol``, ``AdlHandler.sol``, ``MarketUtils.sol``: ``getPnlToPoolFactor``, ``getCappedPnl``).
Axes: ``A`` markets, ``N`` accounts, 2 sides (long, short).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from stress.protocol.adl.base import AdlCase, AdlPolicy, Standing
from stress.protocol.adl.trigger import exceeds_pool, pnl_factor, share_paid
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PoolBook:
    """What the pool and its traders have with each other. The residual account is not one of them."""

    coins: Array  # [A] units of the market that back the profits of longs
    units: Array  # [A, 2] that traders hold, >= 0
    cost: Array  # [A, 2] USD, units times entry prices
    realised: Array  # [A, 2] USD that traders gained by what the pool closed of theirs, below zero: lost
    due: Array  # [] bool, a side is to be deleveraged in this tick

    def profit(self, price: Array) -> Array:
        """Open profit [A, 2] in USD of each side at prices [A], losers' losses taken off."""
        return (self.units * price[:, None] - self.cost) * jnp.array([1.0, -1.0])

    def closed(self, units: Array, cost: Array, gained: Array) -> PoolBook:
        """After traders closed units [A, 2] of that ``cost`` [A, 2] in USD, and ``gained`` [A, 2] from the pool."""
        return replace(self, units=self.units - units, cost=self.cost - cost, realised=self.realised + gained)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PoolTrigger:
    """When profits are too much for the pool, and how far they are brought down."""

    backing: Array  # [A, 2] USD at time zero
    largest: Array  # [] factor above which a side is deleveraged
    target: Array  # [] factor that it is brought down to, below 1
    paid: Array  # [] factor that is paid at most, inf for all
    policy: AdlPolicy  # in whose order

    def open(self, size: Array, entry: Array, traders: Array, price: Array) -> PoolBook:
        """At time zero: sizes and entry prices [A, N], who of the accounts are ``traders`` [N], prices [A]."""
        held = by_side(jnp.where(traders, size, 0.0))
        return PoolBook(
            coins=self.backing[:, 0] / price,
            units=held.sum(-1),
            cost=(held * entry[:, None]).sum(-1),
            realised=jnp.zeros_like(self.backing),
            due=jnp.zeros((), bool),
        )

    def worth(self, book: PoolBook, price: Array) -> Array:
        """What is behind each side [A, 2] in USD, without open profits, at prices [A]."""
        return jnp.stack([book.coins * price, self.backing[:, 1]], axis=1) - book.realised

    def factor(self, book: PoolBook, price: Array) -> Array:
        """Open profit over pool [A, 2]."""
        return pnl_factor(book.profit(price), self.worth(book, price))

    def exceeded(self, book: PoolBook, price: Array) -> Array:
        """Sides [A, 2] to be deleveraged."""
        return exceeds_pool(self.factor(book, price), self.largest)

    def share_paid(self, factor: Array) -> Array:
        """Share [A, 2] of profits that the pool pays."""
        return share_paid(factor, self.paid)

    def excess(self, book: PoolBook, price: Array) -> Array:
        """Profit p [A, 2] in USD of what has to be closed."""
        factor = self.factor(book, price)
        return (factor - self.target) * self.worth(book, price) / (1.0 - self.share_paid(factor) * self.target)


def by_side(size: Array) -> Array:
    """Units [A, 2, N] >= 0 of sizes [A, N]."""
    return jnp.stack([jnp.maximum(size, 0.0), jnp.maximum(-size, 0.0)], axis=1)


def shares_closed(policy: AdlPolicy, standing: Standing, profit: Array, excess: Array) -> Array:
    """Share [A, N] of every position that is closed for its side to give up ``excess`` [A, 2] in USD of profit.

    ``profit`` [A, 2, N] >= 0 in USD is that of the positions that may be closed. A policy shares out profit here as
    it shares out units elsewhere: in its queue, or one fraction of each.
    """
    need = jnp.zeros_like(profit).at[..., 0].set(excess)  # one claim on all of a side
    rooms, needs = (jnp.moveaxis(x, 1, 0)[::-1] for x in (profit, need))  # winners of side 0 are short
    one = jnp.ones_like(standing.size)
    taken = policy.match(AdlCase(need=needs, price=one, room=rooms, standing=standing)).taken
    return (taken / jnp.where(rooms > 0, rooms, 1.0)).sum(0)
