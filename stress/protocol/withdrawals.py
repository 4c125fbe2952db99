"""A run of traders on the venue: free collateral leaves accounts, unless the venue's gate is shut.

As depositors of the fund do (``insurance.depositors``), all ask at one rate once the run has begun, it does not end,
and each waits for a delay, so who has asked follows from when it began. What waits at a shut gate leaves at once when
it opens. What leaves is a share of the free collateral of that moment: whoever has lost it meanwhile takes nothing.
Source of the gate: dYdX v4 ``x/subaccounts/keeper/negative_tnc_subaccount.go`` (50 blocks after a subaccount below
zero) and ``subaccount.go`` (50 blocks from the first one after an outage of 5 minutes on); the run is behaviour, and
assumed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp

from stress.protocol.margin.base import MarginCurve
from stress.protocol.margin.weights import counted_initially
from stress.protocol.stress_index import largest_move, nothing_moved, remembered
from stress.types import NEVER, Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Withdrawn:
    """What a run leaves of a path."""

    taken: Array  # [] USD that left accounts
    began: Array  # [] int32 tick, NEVER without a run
    shut_ticks: Array  # [] int32 ticks in which the gate was shut


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class WithdrawalState:
    """Where a run and the gate stand. Axis: ``A`` markets."""

    done: Withdrawn
    peak: Array  # [] USD, the most that the fund held at the start of a tick
    memory: Array  # [window, A] indices of the last ticks (``stress_index``)
    paid: Array  # [] int32 ticks of asking that have left
    share: Array  # [] of all free collateral that leaves in this tick
    shut_until: Array  # [] int32 last tick in which the gate is shut
    stood: Array | None = None  # [] int32 ticks in a row in which the venue did nothing, where the gate looks at it


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Gate:
    """When nothing leaves."""

    fund_below: Array | None  # [] share of the fund's peak
    move_above: Array | None  # [] of the stress index
    lasts: Array  # [] int32 ticks after its reason was last seen
    outage: Array | None  # [] int32 ticks of an outage after which it is shut
    under_water: bool = field(metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class InitialGains:
    """What unrealised gains count for towards initial margin (``weights.counted_initially``). Axis: ``A`` markets."""

    weight: Array  # [A] share of a small gain
    factor: Array  # [A] per root of a USD
    most: Array  # [] USD of a position's gain, inf without a bound

    def uncounted(self, gain: Array) -> Array:
        """USD [A, N] of ``gain`` [A, N] that do not count."""
        return gain - counted_initially(gain, self.weight[:, None], self.factor[:, None], self.most)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Withdrawals:
    """Who may leave with what, when, and how fast."""

    initial: MarginCurve
    fund_below: Array | None  # [] share of the fund's peak at which the run begins
    move_above: Array | None  # [] of the stress index at which it does
    kept: Array  # [] share of those that have not asked who do not in a tick
    delay: Array  # [] int32 ticks
    every: Array  # [] int32 ticks
    gate: Gate | None
    gains: InitialGains | None  # None: they count for initial margin as they do for maintenance
    window: int = field(metadata={"static": True})  # ticks of the stress index
    unrealised_profit: bool = field(metadata={"static": True})

    def init(self, fund: Array, index: Array) -> WithdrawalState:
        """Nobody has asked; ``fund`` [] in USD and ``index`` [A] are of time zero."""
        none = jnp.zeros((), jnp.int32)
        done = Withdrawn(taken=jnp.zeros(()), began=jnp.full((), NEVER, jnp.int32), shut_ticks=none)
        memory = nothing_moved(index, self.window)
        stood = None if self.gate is None or self.gate.outage is None else none
        return WithdrawalState(
            done, peak=fund, memory=memory, paid=none, share=jnp.zeros(()), shut_until=none, stood=stood)

    def start_tick(
        self, state: WithdrawalState, fund: Array, index: Array, number: Array, still: Array | bool
    ) -> WithdrawalState:
        """The state with what leaves in a tick that starts with ``fund`` [] USD and ``index`` [A].

        ``still`` []: the venue does nothing.
        """
        peak, moved = jnp.maximum(state.peak, fund), largest_move(state.memory, index)
        begins = _falls(self.fund_below, fund, peak) | _moves(self.move_above, moved)
        began = jnp.where(begins, jnp.minimum(state.done.began, number), state.done.began)
        state = self.after_outage(state, number, still)
        until = state.shut_until
        if self.gate is not None:
            shuts = _falls(self.gate.fund_below, fund, peak) | _moves(self.gate.move_above, moved)
            until = jnp.where(shuts, jnp.maximum(until, number + self.gate.lasts), until)
        shut = number <= until
        leaves = (number % self.every == 0) & ~(shut | still)
        asked = jnp.maximum(jnp.maximum(number - began, 0) - self.delay, 0)
        return replace(
            state,
            done=replace(state.done, began=began, shut_ticks=state.done.shut_ticks + shut),
            peak=peak,
            memory=remembered(state.memory, index, number),
            paid=jnp.where(leaves, asked, state.paid),
            share=jnp.where(leaves, 1.0 - self.kept ** (asked - state.paid), 0.0),
            shut_until=until,
        )

    def after_outage(self, state: WithdrawalState, number: Array, still: Array | bool) -> WithdrawalState:
        """The state with a gate that is shut from this tick on where a long outage ended with the last one."""
        if self.gate is None or self.gate.outage is None or state.stood is None:
            return state
        ended = (state.stood >= self.gate.outage) & ~jnp.asarray(still)
        until = jnp.maximum(state.shut_until, number - 1 + jnp.maximum(self.gate.lasts, 1))
        return replace(
            state,
            shut_until=jnp.where(ended, until, state.shut_until),
            stood=jnp.where(still, state.stood + 1, 0),
        )

    def seen_under_water(self, state: WithdrawalState, anybody: Array, number: Array) -> WithdrawalState:
        """The state after a risk check at which ``anybody`` [] had less than nothing: shut from the next tick on."""
        if self.gate is None or not self.gate.under_water:
            return state
        until = jnp.maximum(state.shut_until, number + jnp.maximum(self.gate.lasts, 1))
        return replace(state, shut_until=jnp.where(anybody, until, state.shut_until))

    def free(self, equity: Array, initial: Array, cash: Array, worth: Array) -> Array:
        """Free collateral [N] in USD: ``equity`` [N] that counts as margin beyond ``initial`` margin [N].

        At most the ``cash`` [N], or with open profit what the account is ``worth`` [N] without coins: nobody borrows.
        """
        most = worth if self.unrealised_profit else cash
        return jnp.maximum(jnp.minimum(equity - initial, most), 0.0)


def _falls(below: Array | None, fund: Array, peak: Array) -> Array:
    return jnp.zeros((), bool) if below is None else fund < below * peak


def _moves(above: Array | None, moved: Array) -> Array:
    return jnp.zeros((), bool) if above is None else moved > above
