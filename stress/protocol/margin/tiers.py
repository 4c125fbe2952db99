"""Margin requirements by marginal tiers on the notional of a position.

The requirement of a position of notional ``x`` is ``max_k (rate_k * x - deduction_k)``: with rates that do not
fall from tier to tier this is the slab-by-slab sum, continuous and convex in ``x`` (Binance's and Bybit's
"maintenance amount" is the deduction).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np

from stress.protocol.margin.base import Line, MarginCurve, Values, namespace, spread
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class MarginTable(MarginCurve):
    """Tiers of every market. Axes: ``A`` markets, ``K`` tiers."""

    rate: Array  # [A, K] decimal
    deduction: Array  # [A, K] USD

    def lines(self, units: Values) -> list[Line]:
        """A line a tier, whatever the size."""
        tiers = range(self.rate.shape[-1])
        return [(spread(self.rate[:, k], units), spread(self.deduction[:, k], units)) for k in tiers]

    def marginal(self, units: Values, notional: Values) -> Values:
        """Marginal rate [A, ...]; at a tier's bound that of the tier below."""
        xp, ((rate, deduction), *others) = namespace(notional), self.lines(units)
        best = rate * notional - deduction
        for steeper, lower in others:
            level = steeper * notional - lower
            rate = xp.where(level > best, steeper, rate)
            best = xp.maximum(best, level)
        return xp.broadcast_to(rate, notional.shape)

    @property
    def newton_steps(self) -> int:
        """One for every bound that is crossed."""
        markets, tiers = self.rate.shape[-2:]
        return markets * (tiers - 1) + 2


def margin_table(bounds: list[np.ndarray], rates: list[np.ndarray]) -> MarginTable:
    """Tiers per market (upper bounds in USD, the last infinite; marginal rates) as one padded table."""
    width = max(len(r) for r in rates)
    rate = np.zeros((len(rates), width))
    deduction = np.zeros((len(rates), width))
    for a, (bound, r) in enumerate(zip(bounds, rates, strict=True)):
        cuts = np.concatenate([[0.0], bound[:-1]])
        steps = np.diff(np.concatenate([[0.0], r])) * cuts
        rate[a] = np.pad(r, (0, width - len(r)), mode="edge")
        deduction[a] = np.pad(np.cumsum(steps), (0, width - len(r)), mode="edge")
    return MarginTable(rate=rate, deduction=deduction)  # type: ignore[arg-type]


def leverage_table(bounds: list[np.ndarray], leverages: list[np.ndarray], share: np.ndarray) -> MarginTable:
    """Tiers per market by the most leverage that each allows; rates are ``share`` [A] / leverage.

    Hyperliquid, "Margin tiers": initial margin with share 1, maintenance margin with half.
    """
    return margin_table(bounds, [part / most for part, most in zip(share, leverages, strict=True)])
