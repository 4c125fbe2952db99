"""A backstop that takes whole accounts over: a vault of liquidity providers, a pool that is everybody's counterparty.

What it takes is its inventory, at its own profit and loss, and is worked off through the book or kept. It takes the
margin, too: coins in it are sold at once, and what they bring is the backstop's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from stress.liquidity.book import Liquidity
from stress.protocol.insurance.penalty import remainder
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Vault:
    """What the backstop owns beyond its capital, and what the outside market bought of it. Axis: ``A`` markets."""

    quote: Array  # [] USD, as of accounts: worth is quote + sum(size x price)
    size: Array  # [A] base units
    sold_quote: Array  # [] USD of the outside market
    sold_size: Array  # [A] base units of the outside market
    low: Array  # [] USD, the least that it was worth at the end of a tick, at most zero
    taken: Array  # [] USD of notional taken over

    def worth(self, price: Array) -> Array:
        """Profit and loss [] in USD so far at prices [A]."""
        return self.quote + (self.size * price).sum()

    def marked(self, price: Array) -> Vault:
        """With the low of now, at prices [A]."""
        return replace(self, low=jnp.minimum(self.low, self.worth(price)))

    def paid(self, per_unit: Array) -> Vault:
        """After every unit long [A] paid ``per_unit`` [A] in USD, the outside market's too."""
        return replace(
            self,
            quote=self.quote - (per_unit * self.size).sum(),
            sold_quote=self.sold_quote - (per_unit * self.sold_size).sum(),
        )


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Backstop:
    """Whom it takes, what accounts keep, and how fast it sells."""

    capital: Array  # [] USD at time zero, inf without limit
    below: Array  # [] equity over requirement under which it takes accounts
    bankrupt: Array  # [] bool, it takes those without equity, too
    charge: Array  # [] of notional, inf for all that is left
    kept: Array  # [] share of the inventory that is left after a tick

    def open(self, markets: int) -> Vault:
        """The vault at time zero."""
        none, zero = jnp.zeros(markets, jnp.float64), jnp.zeros((), jnp.float64)
        return Vault(quote=zero, size=none, sold_quote=zero, sold_size=none, low=zero, taken=zero)

    def takes(self, vault: Vault, price: Array, equity: Array, worth: Array, requirement: Array) -> Array:
        """Accounts [N] that it takes, by equity and requirement [N] in USD, while it is solvent at prices [A].

        ``worth`` [N] in USD is equity without haircuts: below zero an account is bankrupt.
        """
        solvent = self.capital + vault.worth(price) > 0
        return solvent & (equity < self.below * requirement) & (self.bankrupt | (worth >= 0))

    def left(self, equity: Array, notional: Array) -> Array:
        """USD [N] that accounts keep, of equity and notional [N]; the loss of bankrupt ones is the backstop's."""
        return remainder(equity, self.charge * notional)[0]

    def sell(
        self, vault: Vault, liquidity: Liquidity, z: Array, fundamental: Array, depth: Array, halted: Array
    ) -> tuple[Vault, Array]:
        """The vault and the absorbed flow [A] after this tick's share of the inventory went through the book."""
        flow = jnp.where(halted, 0.0, vault.size * (1.0 - self.kept))
        price, after = liquidity.walk(z, flow, fundamental, depth)
        value = (flow * price * liquidity.spread(flow > 0)).sum()
        sold = replace(
            vault,
            quote=vault.quote + value,
            size=vault.size - flow,
            sold_quote=vault.sold_quote - value,
            sold_size=vault.sold_size + flow,
        )
        return sold, after
