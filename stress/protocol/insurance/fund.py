"""An insurance fund as venues run it: one or one for each market, an income, a limit on payments, and depositors.

Axis: ``G`` funds, one for all markets or one for each.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp

from stress.protocol.insurance.delta import payable
from stress.protocol.insurance.depositors import Depositors, Queue
from stress.types import NEVER, Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Funds:
    """What the funds have taken in and paid out so far."""

    flow: Array  # [G] USD, net flow of each
    outside: Array  # [] USD of the outside market: what depositors took less what it paid in
    paid: Array  # [G] USD in this block of time
    depleted: Array  # [G] int32 ticks, NEVER if not depleted
    drawdown: Array  # [G] USD, the most that each was asked for beyond its net flow, floored at 0
    queue: Queue | None  # of the depositors
    peak: Array | None = None  # [G] USD, the most that each held so far, where ADL looks at it


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PayLimit:
    """The most that is paid in a block of time: by each fund, or by all of them to one account."""

    most: Array  # [] USD, or [G] of each fund
    ticks: Array  # [] int32, length of a block
    by_account: bool = field(metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Insurance:
    """The rules of the funds."""

    shares: Array  # [G] of the fund at time zero
    income: Array  # [G] USD a tick
    limit: PayLimit | None = None
    depositors: Depositors | None = None

    def open(self, fund: Array, watched: bool = False) -> Funds:
        """The funds at time zero, of ``fund`` [] USD together; ``watched``: their peaks are followed."""
        none = jnp.zeros_like(self.shares)
        return Funds(
            flow=none,
            outside=jnp.zeros_like(fund),
            paid=none,
            depleted=jnp.full(self.shares.shape, NEVER, jnp.int32),
            drawdown=none,
            queue=None if self.depositors is None else self.depositors.open(fund),
            peak=jnp.where(self.shares > 0, fund * self.shares, 0.0) if watched else None,
        )

    def balance(self, fund: Array, funds: Funds) -> Array:
        """What each fund holds [G] in USD."""
        # of an unlimited fund, too, a market without open interest has nothing
        return jnp.where(self.shares > 0, fund * self.shares, 0.0) + funds.flow

    def start_tick(self, fund: Array, funds: Funds, number: Array) -> Funds:
        """The funds after the income of a tick and what depositors took."""
        return self.seen(fund, self._started(fund, funds, number))

    def seen(self, fund: Array, funds: Funds, inflow: Array | float = 0.0) -> Funds:
        """The funds with the peaks of now, when an ``inflow`` [G] in USD comes on top, where they are followed."""
        if funds.peak is None:
            return funds
        return replace(funds, peak=jnp.maximum(funds.peak, self.balance(fund, funds) + inflow))

    def _started(self, fund: Array, funds: Funds, number: Array) -> Funds:
        funds = replace(funds, flow=funds.flow + self.income, outside=funds.outside - self.income.sum())
        if self.limit is not None:
            begins = (number - 1) % self.limit.ticks == 0
            funds = replace(funds, paid=jnp.where(begins, 0.0, funds.paid))
        if self.depositors is None or funds.queue is None:
            return funds
        queue, taken = self.depositors.start_tick(funds.queue, self.balance(fund, funds).sum(), number)
        return replace(funds, flow=funds.flow - taken, outside=funds.outside + taken, queue=queue)

    def room(self, funds: Funds) -> Array:
        """What each fund may still pay [G] in USD."""
        if self.limit is None or self.limit.by_account:
            return jnp.full_like(funds.paid, jnp.inf)
        return jnp.maximum(self.limit.most - funds.paid, 0.0)

    def insured(self, deficit: Array) -> Array:
        """Share [N] of deficits [N] in USD that is insured at all."""
        if self.limit is None or not self.limit.by_account:
            return jnp.ones_like(deficit)
        return payable(deficit, self.limit.most) / jnp.where(deficit > 0, deficit, 1.0)
