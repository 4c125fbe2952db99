"""Funding that follows the imbalance of open interest: GMX v2's adaptive and static rates.

    s = |longs - shorts|^exponent / (longs + shorts)

Adaptive: the rate grows by ``increase x s`` a second toward the larger side while it points the other way or s is
above ``stable``; it fades by ``decrease`` a second below ``fading``, and holds in between. Static: the larger side
pays ``factor x s`` a second. Source: GMX v2 (``MarketUtils.sol``).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class AdaptiveRule:
    """Numbers of the adaptive rate, each [] or one a market; rates are a second."""

    increase: Array
    decrease: Array
    stable: Array  # imbalance s from which the rate grows
    fading: Array  # imbalance s below which it fades
    smallest: Array  # of |rate|
    largest: Array  # of |rate|


def imbalance(longs: Array, shorts: Array, exponent: Array | float = 1.0) -> Array:
    """s [...] of open interest [...] in USD; 0 without any."""
    total = longs + shorts
    return jnp.abs(longs - shorts) ** exponent / jnp.where(total > 0, total, 1.0)


def adaptive_rate(rule: AdaptiveRule, rate: Array, longs: Array, shorts: Array, elapsed: Array,
                  exponent: Array | float = 1.0) -> Array:  # fmt: skip
    """Rate [...] a second after ``elapsed`` seconds; at rate > 0 longs pay."""
    skewed, side = imbalance(longs, shorts, exponent), jnp.sign(longs - shorts)
    grows = (jnp.sign(rate) != side) | (skewed > rule.stable)
    fades = ~grows & (skewed < rule.fading)
    grown = rate + side * skewed * rule.increase * elapsed
    faded = jnp.sign(rate) * jnp.maximum(jnp.abs(rate) - rule.decrease * elapsed, 0.0)
    moved = jnp.where(grows, grown, jnp.where(fades, faded, rate))
    return jnp.sign(moved) * jnp.clip(jnp.abs(moved), rule.smallest, rule.largest)


def static_rate(factor: Array, longs: Array, shorts: Array, exponent: Array | float = 1.0) -> Array:
    """Rate [...] a second that the larger side pays; at rate > 0 longs pay."""
    return jnp.sign(longs - shorts) * factor * imbalance(longs, shorts, exponent)
