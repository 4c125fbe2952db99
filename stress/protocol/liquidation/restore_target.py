"""The smallest liquidation after which an account is healthy again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from stress.protocol.liquidation.base import RiskCase
from stress.protocol.liquidation.order.base import before
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class RestoreTarget:
    """Close the smallest share after which equity, fee paid, is a multiple of the maintenance requirement."""

    whole: ClassVar[bool] = False
    waits: ClassVar[bool] = False
    bankrupt_whole: ClassVar[bool] = True

    multiple: Array  # []
    whole_below: Array  # [] USD of account notional
    fee: Array  # [] liquidation fee rate

    def share(self, case: RiskCase) -> Array:
        """Root of f(x) = equity + x H - fee x N - multiple MM((1 - x) positions), or one where there is none.

        H are unrealised gains that do not count as margin before they are realised. f is concave, so Newton's method
        from x = 0 climbs to the root from below.
        """
        total, curve, fee = case.notional.sum(0), case.curve, case.fee(self.fee)
        gains = case.held_back

        def newton(_: int, x: Array) -> Array:
            units, left = (1.0 - x) * case.units, (1.0 - x) * case.notional
            gap = case.equity_after(x) - fee * x * total - self.multiple * curve.requirement(units, left).sum(0)
            slope = self.multiple * (curve.marginal(units, left) * case.notional).sum(0) - fee * total
            slope = slope if gains is None else slope + gains.sum(0)
            step = jnp.where(slope > 0, -gap / jnp.where(slope > 0, slope, 1.0), 1.0)
            return jnp.clip(jnp.where(gap < 0, x + step, x), 0.0, 1.0)

        x = jax.lax.fori_loop(0, curve.newton_steps, newton, jnp.zeros_like(case.equity))
        return jnp.where(total < self.whole_below, 1.0, x)[None]

    def share_in_order(self, case: RiskCase, place: Array) -> Array:
        """Shares [A, N] by ``place`` [A, N]: of each position the root of f when those before it are closed whole.

        Zero where those before are enough, one where it is not enough itself.
        """
        curve, fee, total = case.curve, case.fee(self.fee), case.notional.sum(0)
        margin = curve.requirement(case.units, case.notional)
        others = case.requirement - before(margin, place) - margin
        spare = case.equity - fee * before(case.notional, place) - self.multiple * others
        gains = case.held_back
        spare = spare if gains is None else spare + before(gains, place)

        def newton(_: int, x: Array) -> Array:
            units, left = (1.0 - x) * case.units, (1.0 - x) * case.notional
            gap = spare - fee * x * case.notional - self.multiple * curve.requirement(units, left)
            slope = (self.multiple * curve.marginal(units, left) - fee) * case.notional
            gap, slope = (gap, slope) if gains is None else (gap + x * gains, slope + gains)
            step = jnp.where(slope > 0, -gap / jnp.where(slope > 0, slope, 1.0), 1.0)
            return jnp.clip(jnp.where(gap < 0, x + step, x), 0.0, 1.0)

        x = jax.lax.fori_loop(0, curve.newton_steps, newton, jnp.zeros_like(case.notional))
        return jnp.where(total < self.whole_below, 1.0, x)
