"""Rates that grow linearly with a position's size (Deribit: so much a unit; Synthetix v3: its share of the skew scale).

The requirement of ``q`` units at price ``P`` is ``P q (a + b q)``, convex in ``q``.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax

from stress.protocol.margin.base import SIZE_STEPS, Line, MarginCurve, Values, namespace, spread


def linear_rate(base: Values, slope: Values, units: Values) -> Values:
    """Rate [...] of positions of ``units`` [...] >= 0: ``base`` [...] and so much, ``slope`` [...], for every unit."""
    return base + slope * units


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LinearSize(MarginCurve):
    """Base rates and slopes of every market. Axis: ``A`` markets."""

    base: Values  # [A] decimal, a
    slope: Values  # [A] per base unit, b

    def lines(self, units: Values) -> list[Line]:
        """One."""
        return [(linear_rate(spread(self.base, units), spread(self.slope, units), units), 0.0 * units)]

    def marginal(self, units: Values, notional: Values) -> Values:
        """a + 2 b q."""
        return spread(self.base, units) + 2.0 * spread(self.slope, units) * units

    @property
    def newton_steps(self) -> int:
        """Each at least halves the share until it is near, then the error is squared."""
        return SIZE_STEPS


def skew_scaled(minimum: Values, fraction: Values, skew_scale: Values, scalar: Values = 1.0) -> LinearSize:
    """Rates [A] ``scalar x (minimum + fraction x units / skew_scale)``; the skew scale is in base units.

    Synthetix v3, ``PerpsMarketConfiguration.sol``: the initial margin with ``scalar`` 1, the maintenance margin with
    the market's.
    """
    return LinearSize(base=scalar * minimum, slope=scalar * fraction / skew_scale)


def skew_margin(
    size: Values,
    price: Values,
    minimum: Values,
    fraction: Values,
    skew_scale: Values,
    scalar: Values = 1.0,
    constant: Values = 0.0,
) -> Values:
    """USD [...] of margin of positions of ``size`` [...] units, long > 0, at a ``price`` [...] in USD.

    The numbers are those of ``skew_scaled``, one a position; ``constant`` [...] in USD is the market's minimum position
    margin; with a ``skew_scale`` [...] of 0 the rate does not grow. An account is liquidatable where its equity is
    below the sum over its positions, with ``scalar``, and what keepers may get for it (``keeper_reward``).
    """
    xp = namespace(size)
    units, scaled = xp.abs(size), skew_scale > 0
    slope = xp.where(scaled, fraction / xp.where(scaled, skew_scale, 1.0), 0.0)
    return units * price * scalar * linear_rate(minimum, slope, units) + constant
