"""Margin that grows with a market's open interest, in USD; maintenance never does."""

from __future__ import annotations

from dataclasses import dataclass

import jax

from stress.protocol.margin.base import Line, MarginCurve, Values, namespace, spread
from stress.protocol.rounding import round_down
from stress.types import Array


def scaling(interest: Values, lower: Values, upper: Values) -> Values:
    """How far [...] in [0, 1] open interest is from the lower to the upper cap; 0 where the caps are equal."""
    xp = namespace(interest)
    width = xp.where(upper > lower, upper - lower, xp.inf)
    return xp.clip((interest - lower) / width, 0.0, 1.0)


def scaled_rate(rate: Values, share: Values, unit: float = 0.0) -> Values:
    """Rate [...] that rises to one with ``share`` [...] (dYdX v4, ``x/perpetuals/types/liquidity_tier.go``).

    dYdX floors it to ``unit`` = 1e-6.
    """
    return round_down(rate + (1.0 - rate) * share, unit)


def proportional_rate(minimum: Values, factor: Values, interest: Values) -> Values:
    """Rate [...] of at least ``minimum``, else in proportion to open interest (GMX v2, ``MarketUtils.sol``)."""
    return namespace(interest).maximum(minimum, factor * interest)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class OpenInterestScaled(MarginCurve):
    """Another curve, each rate raised as :func:`scaled_rate` does. Axis: ``A`` markets."""

    curve: MarginCurve
    share: Array  # [A] of the way to one

    def lines(self, units: Values) -> list[Line]:
        """The curve's, moved towards the notional."""
        share = spread(self.share, units)
        return [(scaled_rate(rate, share), (1.0 - share) * deduction) for rate, deduction in self.curve.lines(units)]

    def marginal(self, units: Values, notional: Values) -> Values:
        """The curve's, moved towards one."""
        return scaled_rate(self.curve.marginal(units, notional), spread(self.share, units))

    @property
    def newton_steps(self) -> int:
        """As many as the curve's."""
        return self.curve.newton_steps
