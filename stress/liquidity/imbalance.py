"""Price impact by what a trade does to the imbalance of open interest: GMX v2's.

The cost of an imbalance of d USD is ``factor x d^exponent``. A trade that lessens it is paid, one that adds to it
pays; where the imbalance changes sides the trade is paid for what it takes away and pays for what it adds. Source:
GMX v2 (``PositionPricingUtils.sol``, ``PricingUtils.sol``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp

from stress.types import Array

SMALLEST_DIFFERENCE = 1.0
"""USD of imbalance below which it costs nothing."""


def imbalance_cost(difference: Array, factor: Array, exponent: Array) -> Array:
    """USD [...] of an imbalance of ``difference`` [...] USD >= 0: factor x difference^exponent, 0 below one USD."""
    return jnp.where(difference < SMALLEST_DIFFERENCE, 0.0, factor * difference**exponent)


def imbalance_impact(
    before: Array, after: Array, improves: Array, worsens: Array, exponent: Array, worse_exponent: Array | None = None
) -> Array:
    """USD [...] that a trade gets, paid if negative, which moves longs - shorts from ``before`` to ``after`` [...] USD.

    ``improves`` and ``exponent`` are for what lessens the imbalance, ``worsens`` and ``worse_exponent`` (None: the
    same) for what adds to it. What is paid for an improvement on one side is at most what it would cost.
    """
    other = exponent if worse_exponent is None else worse_exponent
    start, end, paid = jnp.abs(before), jnp.abs(after), jnp.minimum(improves, worsens)
    better = end < start
    factor, power = jnp.where(better, paid, worsens), jnp.where(better, exponent, other)
    same = imbalance_cost(start, factor, power) - imbalance_cost(end, factor, power)
    crossed = imbalance_cost(start, paid, exponent) - imbalance_cost(end, worsens, other)
    return jnp.where(before * after < 0, crossed, same)


def capped_impact(impact: Array, notional: Array, best: Array, worst: Array, pool: Array | float = jnp.inf) -> Array:
    """Impact [...] in USD held between -worst and +best of the trade's ``notional`` [...], and paid out of the pool."""
    return jnp.clip(impact, -worst * notional, jnp.minimum(best * notional, pool))


def opening_price(price: Array, notional: Array, impact: Array, side: Array) -> Array:
    """USD per unit [...] of a trade of ``notional`` [...] that opens; ``side`` is 1 long, -1 short.

    ``impact`` [...] in USD is what the trade gets, < 0 what it pays, settled in units: N / (N/p + side x impact/p). NaN
    where that takes all units: GMX refuses the order (``PriceImpactLargerThanOrderSize``). Without a trade ``price``.
    """
    trades, whole = notional > 0, notional + side * impact > 0
    units = notional / price + side * impact / price
    traded = jnp.where(whole, notional / jnp.where(trades & whole, units, 1.0), jnp.nan)
    return jnp.where(trades, traded, price)


def closing_price(price: Array, notional: Array, impact: Array, side: Array) -> Array:
    """USD per unit [...] of a trade of ``notional`` [...] that closes a position of ``side`` 1 long, -1 short.

    ``impact`` [...] in USD is what the trade gets, < 0 what it pays; GMX refuses to take more than the trade.
    """
    return price * (1.0 + side * impact / jnp.where(notional > 0, notional, 1.0))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Imbalance:
    """law=imbalance: a trade pays for the imbalance that it makes, and the mark stays where it is.

    Imbalance is the skew at the fundamental price. Longs and shorts that are closed together are one trade, their net.
    """

    improves: Array  # [A] factor of what lessens the imbalance
    worsens: Array  # [A] factor of what adds to it
    exponent: Array  # [A] of what lessens it
    worse_exponent: Array  # [A] of what adds to it
    best: Array  # [] share of notional that a trade gets at most
    worst: Array  # [] that it pays at most
    name: str = field(default="imbalance", metadata={"static": True})

    def displacement(self, skew: Array, cap: Array) -> Array:
        """None."""
        del cap
        return jnp.zeros_like(skew)

    def fill(self, price: Array, skew: Array, flow: Array, cap: Array) -> Array:
        """The fundamental price and what the trade gets or pays, over its units."""
        del cap
        notional, before, after = jnp.abs(flow) * price, skew * price, (skew - flow) * price
        free = imbalance_impact(before, after, self.improves, self.worsens, self.exponent, self.worse_exponent)
        impact = capped_impact(free, notional, self.best, self.worst)
        return closing_price(price, jnp.where(notional > 0, notional, 1.0), impact, jnp.sign(flow))

    def capped(self, skew: Array, cap: Array) -> Array:
        """Never: the mark is not displaced."""
        del cap
        return jnp.zeros_like(skew, bool)
