"""A run on a fund that belongs to depositors in part: they ask once it has lost enough, and leave after a delay.

Whoever asked bears losses until the money leaves, since what leaves is a share of the fund at that moment. A run that
has begun does not end: those who leave keep the fund below its peak. So how many have asked follows from when it
began, and no queue need be remembered. Source: Drift v2 ``controller/insurance.rs`` (shares of a vault, a request,
a time of unstaking), but for the behaviour, which is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.types import NEVER, Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Queue:
    """Where a run stands."""

    peak: Array  # [] USD, the most that the fund held at the start of a tick
    began: Array  # [] int32 tick, NEVER before
    taken: Array  # [] USD that left so far


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Depositors:
    """Who may leave, when, and how fast."""

    share: Array  # [] of the fund at time zero
    below: Array  # [] of its peak
    kept: Array  # [] share of those that have not asked who do not in a tick
    delay: Array  # [] int32 ticks

    def open(self, fund: Array) -> Queue:
        """Nobody has asked."""
        return Queue(peak=fund, began=jnp.full((), NEVER, jnp.int32), taken=jnp.zeros_like(fund))

    def start_tick(self, queue: Queue, balance: Array, number: Array) -> tuple[Queue, Array]:
        """The queue and the USD [] that leave a fund of ``balance`` [] USD at the start of a tick."""
        peak = jnp.maximum(queue.peak, balance)
        began = jnp.where(balance < self.below * peak, jnp.minimum(queue.began, number), queue.began)
        stays = self.staying(number, began) / self.staying(number - 1, began)
        taken = jnp.maximum(balance, 0.0) * (1.0 - stays)
        return Queue(peak=peak, began=began, taken=queue.taken + taken), taken

    def staying(self, number: Array, began: Array) -> Array:
        """Share [] of all claims on the fund that has not left by a tick, the venue's own among them."""
        asking = jnp.maximum(jnp.maximum(number - began, 0) - self.delay, 0)
        return 1.0 - self.share * (1.0 - self.kept**asking)
