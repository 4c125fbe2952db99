"""Funding that follows the imbalance of open interest: GMX v2's adaptive and static rates.

    s = |longs - shorts|^exponent / (longs + shorts)

Adaptive: the rate grows by ``increase x s`` a second toward the larger side while it points the other way or s is
above ``stable``; it fades by ``decrease`` a second below ``fading``, and holds in between. Static: the larger side
pays ``factor x s`` a second. The amount is the rate on the larger side's open interest, whichever side pays; each side
shares it by size (``side_rates``). Source: GMX v2 (``MarketUtils.sol``, ``getNextFundingFactorPerSecond``,
``getNextFundingAmountPerSize``).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.protocol.funding.base import SkewRule
from stress.types import Array

ROUNDING = 1e-12
"""Imbalance up to which both sides are equal."""
FAINT = 1e-30
"""Rate a second, the smallest in GMX's integers, that is left of one that has faded: it keeps its side."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class AdaptiveRule:
    """Numbers of the adaptive rate, each [] or one a market; rates are a second."""

    increase: Array
    decrease: Array
    stable: Array  # imbalance s from which the rate grows
    fading: Array  # imbalance s below which it fades
    smallest: Array  # of |rate| that is paid
    largest: Array  # of |rate|


def imbalance(longs: Array, shorts: Array, exponent: Array | float = 1.0) -> Array:
    """s [...] of open interest [...] in USD; 0 without any."""
    total = longs + shorts
    return jnp.abs(longs - shorts) ** exponent / jnp.where(total > 0, total, 1.0)


def larger_side(longs: Array, shorts: Array) -> Array:
    """1, -1, or 0 where both are equal but for rounding [...]."""
    difference = longs - shorts
    return jnp.where(jnp.abs(difference) > ROUNDING * (longs + shorts), jnp.sign(difference), 0.0)


def adaptive_rate(rule: AdaptiveRule, rate: Array, longs: Array, shorts: Array, elapsed: Array,
                  exponent: Array | float = 1.0) -> Array:  # fmt: skip
    """Rate [...] a second that the market remembers after ``elapsed`` seconds; at rate > 0 longs pay (``paid_rate``).

    ``longs`` and ``shorts`` [...] are open interest in USD >= 0; without one of the sides the market forgets its rate.
    """
    skewed, side = imbalance(longs, shorts, exponent), larger_side(longs, shorts)
    grows = (jnp.sign(rate) != side) | (skewed > rule.stable)
    fades = ~grows & (skewed < rule.fading)
    grown = rate + side * skewed * rule.increase * elapsed
    faded = jnp.sign(rate) * jnp.maximum(jnp.abs(rate) - rule.decrease * elapsed, FAINT)
    moved = jnp.clip(jnp.where(grows, grown, jnp.where(fades, faded, rate)), -rule.largest, rule.largest)
    return jnp.where(both_sides(longs, shorts), moved, 0.0)


def both_sides(longs: Array, shorts: Array) -> Array:
    """Whether [...] there is somebody to pay and somebody to receive."""
    return (longs > 0) & (shorts > 0)


def paid_rate(rule: AdaptiveRule, rate: Array, longs: Array, shorts: Array) -> Array:
    """Rate [...] a second that is paid at a remembered ``rate`` [...]: at least the smallest, by longs at zero."""
    held = jnp.where(rate < 0, -1.0, 1.0) * jnp.clip(jnp.abs(rate), rule.smallest, rule.largest)
    return jnp.where(both_sides(longs, shorts), held, 0.0)


def static_rate(
    factor: Array, longs: Array, shorts: Array, exponent: Array | float = 1.0, largest: Array | float = jnp.inf
) -> Array:
    """Rate [...] a second that the larger side pays, at most ``largest`` [...]; at rate > 0 longs pay.

    ``longs`` and ``shorts`` [...] are open interest in USD >= 0; without one of the sides nobody pays.
    """
    rate = larger_side(longs, shorts) * jnp.minimum(factor * imbalance(longs, shorts, exponent), largest)
    return jnp.where(both_sides(longs, shorts), rate, 0.0)


def side_rates(rate: Array, longs: Array, shorts: Array) -> tuple[Array, Array]:
    """Rates [...] of longs and of shorts, at each of which the amount is that of ``rate`` [...] on the larger side.

    At rates > 0 longs pay and shorts receive. The larger side has ``rate`` itself, paying or not; the smaller one more.
    Zero without open interest ``longs`` and ``shorts`` [...] >= 0 on both sides.
    """
    amount = jnp.where(both_sides(longs, shorts), rate * jnp.maximum(longs, shorts), 0.0)
    return amount / jnp.where(longs > 0, longs, 1.0), amount / jnp.where(shorts > 0, shorts, 1.0)


def received_rate(rate: Array, longs: Array, shorts: Array) -> Array:
    """Rate [...] a second that each USD of the other side gets of what is paid at ``rate`` [...], >= 0."""
    of_longs, of_shorts = side_rates(rate, longs, shorts)
    return jnp.abs(jnp.where(rate > 0, of_shorts, of_longs))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Adaptive(SkewRule):
    """The level is the rate a second; the interval pays the new one, by the open interest at its end."""

    initial: Array  # [A] a second, at time zero
    rule: AdaptiveRule
    elapsed: Array  # [] seconds between payments

    def next(self, level: Array, longs: Array, shorts: Array, price: Array) -> tuple[Array, Array]:
        """The level [A] after an interval, and the rate [A] of its payment."""
        sides = longs * price, shorts * price
        after = adaptive_rate(self.rule, level, *sides, self.elapsed)
        return after, paid_rate(self.rule, after, *sides) * self.elapsed

    def sides(self, rate: Array, longs: Array, shorts: Array) -> tuple[Array, Array]:
        """Each side's, for open interest in units."""
        return side_rates(rate, longs, shorts)
