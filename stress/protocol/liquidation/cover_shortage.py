"""Close what covers a shortage of margin, at a pace; tiny shortages and small accounts at once.

Closing a USD of notional releases its margin ratio and costs the liquidator's and the fund's fee. An account that
enters liquidation must come out of it with a buffer, a share of notional, above its requirement. Source: Drift v2
``math/liquidation.rs``, ``state/margin_calculation.rs``, ``controller/liquidation.rs``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from stress.protocol.liquidation.base import RiskCase
from stress.protocol.liquidation.order.base import before, reached
from stress.protocol.margin.base import Values, namespace
from stress.protocol.rounding import round_down, round_up
from stress.types import Array


def shortage(
    equity: Values, requirement: Values, notional: Values, loss: Values, buffer: Values, step: float = 0.0
) -> Values:
    """USD [...] that are missing for an account to come out of liquidation, not below zero.

    ``requirement`` without buffer, ``notional`` and unrealised ``loss`` >= 0 are those of all positions, all [...] in
    USD. What is to be covered counts losses with the buffer on top; an account comes out once nothing is missing
    without that (a ``loss`` of zero). Drift knows USD in steps.
    """
    missing = requirement + buffer * notional - (equity - buffer * loss)
    return namespace(missing).maximum(round_down(missing, step), 0.0)


def cover_units(
    short: Values, price: Values, ratio: Values, fee: Values, fund_fee: Values, quote_price: Values = 1.0
) -> Values:
    """Units [...] of a position that cover the shortage ``short`` [...] in USD, infinite where closing frees nothing.

    ``ratio`` [...] is the margin ratio with the buffer, ``quote_price`` the USD price of what margin is paid in.
    """
    xp = namespace(short)
    freed = price * (quote_price * (ratio - fee) - fund_fee)
    works = (ratio > fee) & (freed > 0)
    return xp.where(works, short / xp.where(works, freed, 1.0), xp.inf)


def pace(
    short: Values,
    freed: Values,
    elapsed: Values,
    initial: Values,
    duration: Values,
    small: Values = 50.0,
    step: float = 0.0,
) -> Values:
    """Share [...] of the shortage ``short`` [...] that may be covered now; all of one below ``small`` USD.

    Of what was short at first, ``initial`` plus ``elapsed`` [...] over ``duration`` may have been freed by now;
    ``freed`` [...] USD have been. Drift rounds shares down to ``step``.
    """
    xp = namespace(short)
    ramp = xp.where(duration > 0, elapsed / xp.where(duration > 0, duration, 1.0), 1.0)
    due = xp.minimum(round_down(ramp, step) + initial, 1.0)
    allowed = due * short - (1.0 - due) * freed
    part = xp.maximum(allowed, 0.0) / xp.where(short > 0, short, 1.0)
    return xp.where(short < small, 1.0, round_down(part, step))


def units_now(
    held: Values, price: Values, cover: Values, part: Values, whole_up_to: Values = 50.0, step: float = 0.0
) -> Values:
    """Units [...] of ``held`` [...] >= 0 that are closed now: the part [...] of what covers, rounded up to ``step``.

    A position of at most ``whole_up_to`` USD closes whole, as does one that nothing covers; none while the part is 0.
    """
    xp = namespace(held)
    whole = xp.isinf(cover) | (held * price <= whole_up_to)
    units = round_up(round_up(xp.where(whole, 0.0, cover), step) * part, step)
    return xp.where(part > 0, xp.where(whole, held, xp.minimum(units, held)), 0.0)


def share(
    short: Values,
    margin: Values,
    notional: Values,
    buffer: Values,
    fee: Values,
    fund_fee: Values,
    part: Values,
    whole_up_to: Values,
) -> Values:
    """Share [N] of all positions, that covers the part [N] of the shortage ``short`` [N] in USD.

    ``margin`` [A, N] in USD is the requirement of each position, without the buffer, ``notional`` [A, N] in USD,
    ``fund_fee`` [N] or []. Accounts of at most ``whole_up_to`` USD of notional close whole, as do those in which
    closing frees nothing; none while the part is zero.
    """
    xp = namespace(short)
    total = notional.sum(0)
    freed = margin.sum(0) + (buffer - fee - fund_fee) * total
    paced = xp.clip(short / xp.where(freed > 0, freed, 1.0) * part, 0.0, 1.0)
    return xp.where((freed > 0) & (total > whole_up_to), paced, xp.where(part > 0, 1.0, 0.0))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CoverShortage:
    """All positions alike, at a pace; what losses add to Drift's buffer is left out.

    Closing releases also what does not count of unrealised gains (``RiskCase.held_back``).
    """

    whole: ClassVar[bool] = False
    waits: ClassVar[bool] = False
    bankrupt_whole: ClassVar[bool] = True

    buffer: Array  # [] of notional
    initial: Array  # [] share of the shortage that is covered at once
    duration: Array  # [] ticks in which the rest is
    small: Array  # [] USD: shortages below are covered at once, accounts of at most that much closed whole
    fee: Array  # [] liquidation fee rate

    def share(self, case: RiskCase) -> Array:
        """Shares [1, N]."""
        short, part = self._due(case)
        fee, released = case.fee(self.fee), case.requirement
        if case.held_back is not None:  # gains count once they are realised
            released = released + case.held_back.sum(0)
        return share(short, released[None], case.notional, self.buffer, fee, 0.0, part, self.small)[None]

    def share_in_order(self, case: RiskCase, place: Array) -> Array:
        """Shares [A, N] by ``place`` [A, N]: of each position what covers as much as those before it leave to cover.

        A position in which closing frees nothing goes whole when its turn comes, as in Drift's ``liquidate_perp``,
        which closes one position at a time.
        """
        short, part = self._due(case)
        freed = self._freed(case, case.curve.requirement(case.units, case.notional))
        left, frees = short * part - before(freed, place), freed > 0
        some = jnp.where(frees, jnp.clip(left / jnp.where(frees, freed, 1.0), 0.0, 1.0), 1.0)
        whole = (case.notional.sum(0) <= self.small) & (part > 0)
        return jnp.where(whole, 1.0, jnp.where(reached(left > 0, place), some, 0.0))

    def _due(self, case: RiskCase) -> tuple[Array, Array]:
        """Shortage [N] in USD, and the share [N] of it that is to be covered now."""
        assert case.age is not None and case.freed is not None  # the engine remembers them for this rule
        short = shortage(case.equity, case.requirement, case.notional.sum(0), 0.0, self.buffer)
        return short, pace(short, case.freed, case.age, self.initial, self.duration, self.small)

    def _freed(self, case: RiskCase, margin: Array) -> Array:
        """USD [A, N] of the shortage that closing each position whole covers; ``margin`` [A, N] is its requirement."""
        freed = margin + (self.buffer - case.fee(self.fee)) * case.notional
        return freed if case.held_back is None else freed + case.held_back

    def covered(self, case: RiskCase, margin: Array, closed: Array) -> Array:
        """USD [N] of the shortage that is covered by the share ``closed`` [A, N] of positions of ``margin`` [A, N]."""
        return (closed * self._freed(case, margin)).sum(0)
