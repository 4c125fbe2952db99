"""Margin requirements times a factor by market, as in force at a moment (``protocol.adaptive``)."""

from __future__ import annotations

from dataclasses import dataclass

import jax

from stress.protocol.margin.base import Line, MarginCurve, Values, spread
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Scaled(MarginCurve):
    """Another curve, as many times as high. Axis: ``A`` markets."""

    curve: MarginCurve
    factor: Array  # [A] at least one; rates stay below one

    def lines(self, units: Values) -> list[Line]:
        """The curve's."""
        factor = spread(self.factor, units)
        return [(factor * rate, factor * deduction) for rate, deduction in self.curve.lines(units)]

    def marginal(self, units: Values, notional: Values) -> Values:
        """The curve's."""
        return spread(self.factor, units) * self.curve.marginal(units, notional)

    @property
    def newton_steps(self) -> int:
        """As many as the curve's."""
        return self.curve.newton_steps
