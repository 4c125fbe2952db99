"""What a tick and its rounds hand on from phase to phase (``engine.step``), for one path under one variant.

Axes: ``A`` markets, ``N`` margin accounts, ``L`` ladders.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.engine.ladder.beside import CrowdClosing
from stress.engine.ladder.pending import Due
from stress.engine.ladder.settle import Sale
from stress.protocol.coins import Coins, CoinSale
from stress.types import Array

CRUMB = 1e-12
"""Share of a position below which what is left of it is rounding: the position is closed."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Tick:
    """What is fixed within a tick."""

    number: Array  # [] int32, 1, 2, ...
    fundamental: Array  # [A] USD per unit, S
    depth: Array  # [A] USD that moves the price by 1 %
    halted: Array  # [A] bool, accounts that hold the market are not liquidated
    capacity: Array  # [] USD of notional the keepers may execute
    move: Array  # [] largest relative move of a mark from the last tick's end to this one's start


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Check:
    """The risk check of all accounts at one set of prices."""

    price: Array  # [A] oracle price
    notional: Array  # [A, N] USD
    margin: Array  # [A, N] USD maintenance requirement by market
    equity: Array  # [N] USD that counts as margin
    requirement: Array  # [N] USD
    liquidatable: Array  # [N] bool
    due: Due | None = None  # who of the ladders is liquidatable
    coins: Coins | None = None  # of the accounts
    held_back: Array | None = None  # [A, N] USD of unrealised gains that do not count, where gains have a weight
    place: Array | None = None  # [A, N] of each position in its account's queue, where they are closed in an order

    def worth(self) -> Array:
        """Equity [N] in USD without haircuts, gains at their full value."""
        worth = self.equity if self.held_back is None else self.equity + self.held_back.sum(0)
        if self.coins is None:
            return worth
        return worth + (self.coins.value(self.price) - self.coins.margin(self.price))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Closing:
    """What is closed in a round, on the book and by ADL. Units are signed like the position they close."""

    book: Array  # [A, N] units
    adl: Array  # [A, N] units, losers and winners
    adl_price: Array  # [A, N] USD per unit of the ADL part
    adl_cash: Array  # [N] USD received (paid, if negative) for the ADL part
    acted: Array  # [N] bool, the account is liquidated
    whole: Array  # [N] bool, and closed whole
    bankruptcy: Array | None = None  # [A, N] USD per unit at the check, where orders or fills are held to it
    stranded: Array | None = None  # [A, N] units that orders with limits leave to ADL
    waits: Array | None = None  # [N] bool, some of its order is not filled
    taken: Array | None = None  # [A, N] USD of notional that the backstop takes over
    taken_price: Array | None = None  # [A, N] USD per unit
    kept: Array | None = None  # [N] USD that accounts taken over keep
    paid_price: Array | None = None  # [A, N] USD per unit that accounts get from liquidators; None: what the book gives
    crowd: CrowdClosing | None = None

    def taken_over(self) -> Array:
        """Accounts [N] that the backstop takes over."""
        return jnp.zeros_like(self.whole) if self.taken is None else (self.taken > 0).any(0)

    def left_to_adl(self) -> Array:
        """Units [A, N] that no order fills."""
        return jnp.zeros_like(self.book) if self.stranded is None else self.stranded


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Settlement:
    """The ledger after a round's fills and fees, before anybody pays for deficits."""

    quote: Array  # [N] USD
    size: Array  # [A, N] units
    z: Array  # [A]
    displacement: Array  # [A]
    mark: Array  # [A] USD per unit
    fill: Array  # [A, N] USD per unit, what accounts get by position
    fee: Array  # [N] USD
    remainder: Array  # [N] USD that goes to the fund
    deficit: Array  # [N] USD
    crowd: Sale | None = None
    coins: CoinSale | None = None
    gain: Array | None = None  # [] USD that the book gives liquidators beyond what they pay

    def deficits(self) -> Array:
        """Of all accounts together [] in USD."""
        return self.deficit.sum() + (0.0 if self.crowd is None else self.crowd.closed.deficit)

    def fees(self) -> Array:
        """Of all accounts together [] in USD."""
        return self.fee.sum() + (0.0 if self.crowd is None else self.crowd.closed.fee)

    def remainders(self) -> Array:
        """Of all accounts together [] in USD."""
        return self.remainder.sum() + (0.0 if self.crowd is None else self.crowd.closed.remainder)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Payout:
    """What falls on the insurance funds in a round, where they have rules. Axis: ``G`` funds, one or one a market."""

    owed: Array  # [G, N] USD of deficits, by the fund they fall on
    asked: Array  # [G, N] USD of it that is insured
    inflow: Array  # [G] USD of fees and remainders
    paid: Array  # [G, N] USD

    def uninsured(self) -> Array:
        """Share [G, N] of what is owed that no fund pays."""
        return jnp.where(self.owed > self.paid, 1.0 - self.paid / jnp.where(self.owed > 0, self.owed, 1.0), 0.0)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Round:
    """One round: at the prices of the full flow, as it was settled, and who paid."""

    full: Settlement
    settled: Settlement
    closing: Closing
    paid: Array  # [] USD by the insurance fund
    levied: Array  # [N] USD from winners
    asked: Payout | None = None  # of the funds, where they have rules: at the prices of the full flow
    payout: Payout | None = None  # likewise, as it was settled
