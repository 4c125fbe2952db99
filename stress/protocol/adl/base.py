"""The contract of auto-deleveraging, and what all policies share.

Losers are bankrupt accounts whose quantity the fund cannot carry; it is closed against opposite positions of
winners, at the losers' bankruptcy prices unless the venue says otherwise. Side 0 are losing longs (winners are short),
side 1 losing shorts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import jax
import jax.numpy as jnp

from stress.protocol.coins import Coins
from stress.types import Array

ROUNDING = 1e-12
"""Share of a sum of positions that the order of its terms may matter to."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Standing:
    """How accounts stand when ADL begins. Axes: ``A`` markets, ``N`` accounts."""

    size: Array  # [A, N] units, long > 0
    entry: Array  # [A, N] USD per unit, 0 without a position
    quote: Array  # [N] USD, equity is quote + sum(size x price)
    residual: Array  # [N] bool, the account of unlimited means
    mark: Array  # [A] USD per unit
    oracle: Array  # [A] USD per unit, the price of the risk check
    margin: Array  # [A, N] USD, maintenance requirement at the check
    loser_order: Array  # [N] permutation, riskiest losers first ([0] for policies that are not ranked)
    tick: Array  # [] int32
    coins: Coins | None = None  # collateral

    def profit(self) -> Array:
        """Unrealised profit [A, N] in USD per unit, at the mark."""
        return (self.mark[:, None] - self.entry) * jnp.sign(self.size)

    def notional(self) -> Array:
        """USD [A, N] at the mark."""
        return jnp.abs(self.size) * self.mark[:, None]

    def worth(self, price: Array) -> Array:
        """USD [N] at prices [A]."""
        owned = self.quote + (self.size * price[:, None]).sum(0)
        return owned if self.coins is None else owned + self.coins.value(price)

    def equity(self) -> Array:
        """USD [N] at the mark."""
        return self.worth(self.mark)

    def means(self) -> Array:
        """Equity [N] in USD at the mark that leverage is measured by.

        The residual account, and who has none, counts as at a leverage of one: its means are its notional.
        """
        equity, total = self.equity(), self.notional().sum(0)
        return jnp.where(~self.residual & (equity > 0), equity, total)

    def leverage(self) -> Array:
        """Notional over means [N], one for accounts without a position."""
        means = self.means()
        return jnp.where(means > 0, self.notional().sum(0) / jnp.where(means > 0, means, 1.0), 1.0)

    def return_on_entry(self) -> Array:
        """Profit over the entry price [A, N]."""
        return self.profit() / jnp.where(self.entry > 0, self.entry, 1.0)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class AdlCase:
    """What a policy sees. Axes: 2 sides, ``A`` markets, ``N`` accounts."""

    need: Array  # [2, A, N] units to be closed of every loser
    price: Array  # [A, N] price of every loser's units
    room: Array  # [2, A, N] units of every eligible winner
    standing: Standing  # of the same accounts, less those that ladders add


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class AdlMatch:
    """Who is closed against whom."""

    matched: Array  # [2, A] share of the losers' quantity that found winners
    taken: Array  # [2, A, N] units taken from every winner
    paid: Array  # [2, A, N] USD, units times price


class AdlPolicy(Protocol):
    """The contract: which winners qualify and how the quantity is shared among them."""

    profitable_only: ClassVar[bool]
    ranked: ClassVar[bool]  # reads the losers' order

    @property
    def name(self) -> str:
        """A static field: JAX tells trees apart by those, not by their class."""
        ...

    def match(self, case: AdlCase) -> AdlMatch:
        """Share the losers' quantity among the winners."""
        ...


def matched_share(case: AdlCase) -> tuple[Array, Array]:
    """Units to be matched [2, A] and the share of the need they are; what lacks by the rounding of sums is there."""
    need, room = case.need.sum(-1), case.room.sum(-1)
    share = jnp.where(need * (1.0 - ROUNDING) > room, room / jnp.where(need > 0, need, 1.0), 1.0)
    return jnp.minimum(need, room), share


def at_one_price(case: AdlCase, taken: Array) -> AdlMatch:
    """The match in which winners give ``taken`` [2, A, N] units at the losers' volume-weighted price."""
    _, share = matched_share(case)
    need = case.need.sum(-1)
    mean = (case.need * case.price).sum(-1) / jnp.where(need > 0, need, 1.0)
    return AdlMatch(matched=share, taken=taken, paid=taken * mean[..., None])
